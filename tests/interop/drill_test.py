"""drill_test.py — `fairlead drill` with scripts and users that mean no good, and what it leaves behind.

    drill_test.py PROGRAM
"""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = ""
LISTEN = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind(3, ..., ...) = 0\n+0 listen(3, 1) = 0\n"


def descendants(pid: int) -> set[int]:
    """All processes below one, by what /proc says of their parents."""
    below: dict[int, list[int]] = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            below.setdefault(int(fields[1]), []).append(int(entry.name))
    found: set[int] = set()
    queue = [pid]
    while queue:
        children = below.get(queue.pop(), [])
        found.update(children)
        queue.extend(children)
    return found


def is_alive(pid: int) -> bool:
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Drill(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)

    def write(self, name: str, text: str) -> str:
        (self.path / name).write_text(text)
        return str(self.path / name)

    def drill(self, *words: str, expected: int = 0) -> str:
        ran = subprocess.run([PROGRAM, "drill", *words], capture_output=True, text=True, timeout=60)
        self.assertEqual(ran.returncode, expected, ran.stdout + ran.stderr)
        return ran.stdout + ran.stderr

    def test_exit_codes(self) -> None:
        good = self.write("good.pkt", LISTEN)
        bad = self.write("bad.pkt", "0 close(3) = 0\n")
        unusable = self.write("unusable.pkt", "nonsense\n")
        self.assertIn("1 passed, 0 failed, 0 skipped", self.drill(good))
        self.assertIn("bad.pkt:1:14: close returned -1 EBADF, not 0", self.drill(bad, good, expected=1))
        self.assertIn("unusable.pkt:1:1: expected a time", self.drill(unusable, bad, expected=2))
        self.drill("--no-such-option", good, expected=2)

    def test_order_is_that_of_the_words(self) -> None:
        names = [self.write(f"{i:03}.pkt", LISTEN) for i in range(40)]
        said = self.drill("-v", "--jobs", "8", *names).splitlines()
        self.assertEqual(said[:-1], [f"passed {name}" for name in names])
        self.assertEqual(said, self.drill("-v", "--jobs", "8", str(self.path)).splitlines())

    def test_json(self) -> None:
        self.write("a.pkt", LISTEN + "+1.5 %{ print('\\\\ \"') }%\n")
        self.write("b.pkt", LISTEN + "+0 close(4) = 0\n")
        ran = subprocess.run([PROGRAM, "drill", "--json", str(self.path)], capture_output=True, text=True,
                             timeout=60)
        a, b = [json.loads(line) for line in ran.stdout.splitlines()]
        self.assertEqual((a["verdict"], a["seconds"], a["output"]), ("passed", 1.5, '\\ "\n'))
        self.assertEqual((b["verdict"], b["line"], b["column"]), ("failed", 4, 15))
        self.assertEqual(b["message"], "close returned -1 EBADF, not 0")

    def test_captures(self) -> None:
        one = self.write("one.pkt", LISTEN + "+0 < S 0:0(0) win 1\n+0 > S. 0:0(0) ack 1 <...>\n")
        self.drill("--pcap", str(self.path / "one.pcapng"), one)
        self.assertEqual((self.path / "one.pcapng").read_bytes()[:4], b"\x0a\x0d\x0d\x0a")
        (self.path / "below").mkdir()
        self.write("below/two.pkt", LISTEN)
        self.drill("--pcap", str(self.path / "kept"), str(self.path), str(one))
        kept = sorted(str(p.relative_to(self.path)) for p in (self.path / "kept").rglob("*.pcapng"))
        self.assertEqual(kept, ["kept/below/two.pcapng", "kept/one-2.pcapng", "kept/one.pcapng"])

    def test_no_shell_runs_unasked(self) -> None:
        trace = self.path / "trace"
        script = self.write("a.pkt", f"`touch {trace}`\n" + LISTEN)
        self.assertIn("a.pkt:1:1: only a shell knows 'touch", self.drill(script, expected=1))
        self.assertFalse(trace.exists())
        self.drill("--allow-shell", script)
        self.assertTrue(trace.exists())

    def test_what_hangs_or_floods_is_ended(self) -> None:
        os.mkfifo(self.path / "pipe.pkt")
        said = self.drill("--timeout", "1", str(self.path / "pipe.pkt"), "/dev/zero", expected=2)
        self.assertIn("pipe.pkt: killed after 1 s of real time: --timeout gives it more", said)
        self.assertIn("/dev/zero:1:1: a script has at most 16777216 bytes", said)
        deep = self.write("deep.pkt", "0 close(" + "[" * 100_000 + ") = 0\n")
        self.drill(deep, expected=2)
        sleeper = self.write("sleeper.pkt", "0 `sleep 30 & sleep 30`\n")
        began = time.monotonic()
        self.assertIn("killed after 1 s", self.drill("--allow-shell", "--timeout", "1", sleeper, expected=1))
        self.assertLess(time.monotonic() - began, 20)

    def test_a_script_that_goes_on_for_years_is_ended(self) -> None:
        established = LISTEN + "+0 < S 0:0(0) win 100\n+0 > S. 0:0(0) ack 1 <...>\n+0 < . 1:1(0) ack 1 win 100\n" \
            "+0 accept(3, ..., ...) = 4\n"
        asks = "+0 setsockopt(4, SOL_SOCKET, SO_KEEPALIVE, [1], 4) = 0\n" \
            "+0 setsockopt(4, IPPROTO_TCP, TCP_KEEPIDLE, [1], 4) = 0\n"
        years = self.write("years.pkt", established + asks + "+0 close(4) = 0\n+900000000 close(3) = 0\n")
        self.drill(years)
        loop = self.write("loop.pkt", LISTEN + "+0 %{\nwhile True: pass\n}%\n")
        self.assertIn("loop.pkt:5", self.drill(loop, expected=1))
        began = time.monotonic()
        said = self.drill("--allow-shell", "--timeout", "1", loop, expected=1)
        self.assertIn("killed after 1 s", said)
        self.assertLess(time.monotonic() - began, 20)

    def test_lengths_that_lie_are_refused(self) -> None:
        socket = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
        for line, told in {
                "+0 read(3, ..., 99999999999999) = 0": "is",
                "+0 write(3, ..., -1) = 0": "",
                "+0 setsockopt(3, SOL_SOCKET, SO_LINGER, ..., 1000000) = 0": "at most 4096 bytes",
                "+0 getsockopt(3, SOL_SOCKET, SO_LINGER, ..., [1000000]) = 0": "at most 4096 bytes",
                "+0 bind(3, ..., 1000000) = 0": "at most 128 bytes",
                "+0 epoll_wait(3, ..., 100000000, 0) = 0": "at most",
                "+0 readv(3, [{..., 67108864}, {..., 67108864}], 2) = 0": "",
                "+0 < . 1:1001(10) ack 1 win 5": "1000 bytes, not 10",
                "+0 < . 1:70001(70000) ack 1 win 5": "",
                "+0 < udp (65508)": "at most 65507",
                "+0 < . 1:1(0) win 5 <sack 1:2 3:4 5:6 7:8 9:10>": "at most four SACK blocks",
                "+0 < . 1:1(0) win 5 <md5 00>": "16 bytes",
                "+0 < . 1:1(0) ack 99999999999 win 5": "too large",
                "+0 `dd if=/dev/zero of=/tmp/big bs=1M count=1000000`": "more than"}.items():
            with self.subTest(line):
                script = self.write("a.pkt", socket + line + "\n")
                ran = subprocess.run([PROGRAM, "drill", "--memory", "256", script], capture_output=True, text=True,
                                     timeout=20)
                self.assertIn(ran.returncode, (1, 2), ran.stdout)
                self.assertIn("a.pkt:2:", ran.stdout + ran.stderr)
                self.assertIn(told, ran.stdout + ran.stderr)

    def test_no_file_outside_is_named(self) -> None:
        secret = self.write("secret.sh", "a secret\n")
        for line in (f"+0 `cat {secret}`", "+0 `cat /proc/net/../self/environ`", "+0 `cat /tmp/../etc/passwd`",
                     "+0 `cat /proc/sys/net/../kernel/hostname`", f"+0 `echo x > {secret}`",
                     f"+0 `dd if=/dev/zero of={secret}`", "+0 `cat /sys/module/tcp_cubic/parameters/../version`",
                     f"+0 `rm {secret}`", f"+0 open(\"{secret}\", O_RDONLY) = 3"):
            for backend in ("stack", *(["kernel"] if os.geteuid() == 0 else [])):
                with self.subTest(line, on=backend):
                    script = self.write("a.pkt", "0 `true`\n" + line + "\n")
                    said = self.drill("--on", backend, script, expected=1)
                    self.assertNotIn("a secret", said)
                    self.assertNotIn("root:", said)
        self.assertEqual(pathlib.Path(secret).read_text(), "a secret\n")
        script = self.write("a.pkt", f"--init_scripts={secret}\n0 `true`\n")
        self.assertIn("names files beside and below it", self.drill(script, expected=2))

    def test_memory_is_bounded(self) -> None:
        if b"__asan_init" in pathlib.Path(PROGRAM).read_bytes():
            self.skipTest("a sanitizer's shadow has no bound")
        big = self.write("big.pkt", LISTEN + "+0 `dd if=/dev/zero of=/tmp/big bs=1M count=60`\n")
        self.drill(big)
        said = self.drill("--memory", "16", big, expected=1)
        self.assertIn("killed, as it wants more than 16 MiB: --memory gives it more", said)

    def interrupt(self, *words: str) -> set[str]:
        """The network namespaces that its processes were in, ours apart."""
        ours = subprocess.Popen([PROGRAM, "drill", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True)
        started: set[int] = set()
        for _ in range(200):
            time.sleep(0.02)
            started |= descendants(ours.pid)
            if len(started) >= 2:
                break
        time.sleep(0.3)
        started |= descendants(ours.pid)
        self.assertTrue(started)
        made = namespaces(started) - namespaces({os.getpid()})
        ours.send_signal(signal.SIGINT)
        out, err = ours.communicate(timeout=20)
        self.assertEqual(ours.returncode, 130, out + err)
        self.assertIn("interrupted", err)
        # They were killed before it ended; a busy machine takes a moment to bury them.
        latest = time.monotonic() + 2
        while any(is_alive(pid) for pid in started) and time.monotonic() < latest:
            time.sleep(0.01)
        self.assertEqual([pid for pid in started if is_alive(pid)], [])
        return made

    def test_an_interruption_leaves_nothing(self) -> None:
        sleeper = self.write("sleeper.pkt", "0 `sleep 30`\n")
        self.interrupt("--allow-shell", sleeper)

    def test_an_interruption_on_the_kernel_leaves_nothing(self) -> None:
        waiter = self.write("waiter.pkt", LISTEN + "+0...30 accept(3, ..., ...) = 4\n")
        probe = subprocess.run([PROGRAM, "drill", "--on", "kernel", self.write("a.pkt", LISTEN)],
                               capture_output=True, text=True, timeout=60)
        if "no kernel to run on" in probe.stderr:
            self.skipTest(probe.stderr)
        made = self.interrupt("--on", "kernel", waiter)
        self.assertTrue(made, "the script was to run in a namespace of its own")
        everybody = {int(entry.name) for entry in pathlib.Path("/proc").glob("[0-9]*")}
        self.assertEqual(made & namespaces(everybody), set())


DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs/drill.md"
# What the language has, and how a line with it looks.
CONSTRUCTS = {
    "an absolute time": r"^0 ", "a relative time": r"^\+\.1", "a range": r"^\.1~\.2 .*>", "a relative range": r"^\+0~\+\.05",
    "any time": r"^\* ", "a window": r"^\.13\.\.\.0\.4 read", "comments": r"//", "options": r"^--ip_version=ipv6",
    "a symbol": r"^--define=(\w+)=", "shell lines before": r"^`", "shell lines as events": r"^\+0 `", "code": r"%\{",
    "an ellipsis": r"\(3, \.\.\., \.\.\.\)", "joined names": r"SOCK_STREAM\|SOCK_NONBLOCK", "a complement": r"~0",
    "hexadecimal": r"0x40", "octal": r" 05,", "text": r'"reno"', "an array": r"\[0\]", "a struct": r"\{onoff=1",
    "a function": r"htons\(", "a field with a count": r"msg_iov\(1\)", "any error": r"= -1 +//", "an error": r"= -1 EAGAIN$",
    "a note": r"EAGAIN \(Resource", "flags": r"> F\. ", "no flags": r"< - 5", "an ACE digit": r"< P0\.", "a window's size": r"win 257",
    "an urgent pointer": r"urg 0", "mss": r"<mss", "sackOK": "sackOK", "TS": r"TS val \d+ ecr", "nop": ",nop,", "wscale": "wscale 7",
    "sack": r"sack \d+:", "FO": r",FO \w", "FOEXP": "FOEXP", "unknown": r"unknown 99 aabb", "AccECN": r"ECN e0b", "md5": r"md5 \w{32}",
    "eol": ",eol>", "any options": r"<\.\.\.>", "ECN": r"\[noecn", "ECT(0)": r"\[ect0\]", "ECT(1)": r"\[ect1\]", "ECT(0) or ECT(1)": r"\[ect01\]", "CE": r"\[ce\]", "tos": r"\[tos", "ttl": r"ttl 33\]", "flowlabel": "flowlabel",
    "ports": r"5000 > 8080 S", "UDP": r"udp 5000", "ICMP": r"icmp unreachable", "what it quotes": r"\[udp \(30\)\]",
    "echo": r"icmp echo_request id 7 seq 1 \(40\)", "ICMPv6": "icmpv6 packet_too_big mtu 1280", "IP in IP": r"ipv4 192",
    "GRE": r"gre sum", "MPLS": r"mpls \(label 16.*\[S\]",
    "a time stamp": r"scm_sec=0, scm_nsec=300000000",
    **{f"{call}()": rf" {call}\(" for call in (
        "socket bind listen accept accept4 connect read recv recvfrom recvmsg readv write writev send sendto sendmsg shutdown close fcntl ioctl "
        "setsockopt getsockopt poll epoll_create epoll_create1 epoll_ctl epoll_wait pipe pipe2 splice sendfile open cap_set psp_get_assoc").split()},
}


class Language(unittest.TestCase):
    """The scripts of docs/drill.md have every construct of the language; each is parsed, and run."""

    blocks = re.findall(r"^```pkt\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)

    def test_every_construct_has_an_example(self) -> None:
        for construct, form in CONSTRUCTS.items():
            with self.subTest(construct):
                self.assertTrue(any(re.search(form, block, re.MULTILINE) for block in self.blocks))

    def test_the_examples_pass(self) -> None:
        for i, block in enumerate(self.blocks):
            with self.subTest(block), tempfile.NamedTemporaryFile("w", suffix=f"-{i}.pkt") as script:
                script.write(block)
                script.flush()
                for words in (["--dry_run"], []):
                    ran = subprocess.run([PROGRAM, "drill", *words, script.name], capture_output=True, text=True,
                                         timeout=60)
                    self.assertEqual(ran.returncode, 0, ran.stdout)


def namespaces(pids: set[int]) -> set[str]:
    """The network namespaces that threads of these processes are in."""
    found = set()
    for pid in pids:
        for entry in pathlib.Path(f"/proc/{pid}/task").glob("*/ns/net"):
            try:
                found.add(os.readlink(entry))
            except OSError:
                continue
    return found


if __name__ == "__main__":
    PROGRAM = sys.argv.pop()
    unittest.main()
