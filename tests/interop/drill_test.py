"""drill_test.py — `fairlead drill` with scripts and users that mean no good, and what it leaves behind.

    drill_test.py PROGRAM
"""
import json
import os
import pathlib
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
