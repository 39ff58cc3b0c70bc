"""`fairlead demo` does the main job against this machine's kernel, and leaves nothing behind.

    demo_test.py FAIRLEAD [unittest arguments]
"""
import os
import pathlib
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

FAIRLEAD = ""
NOBODY = 65534
STEPS = ["ping over IPv4", "ping over IPv6", "20 connections at once"] + 2 * [
    f"{way} 16 MiB over {family}" for way in ("download", "upload") for family in ("IPv4", "IPv6")
]


def children_of(pid: int) -> list[int]:
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        if int(text[text.rindex(")") + 2 :].split()[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def is_running(pid: int) -> bool:
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text[text.rindex(")") + 2] != "Z"


class Demo(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="fairlead-demo-test-")
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)
        self.scratch = self.root / "scratch"
        self.scratch.mkdir()
        self.root.chmod(0o755)
        self.scratch.chmod(0o777)
        self.pcap = self.scratch / "demo.pcapng"
        self.environment = {"PATH": os.environ["PATH"], "TMPDIR": str(self.scratch),
                            "http_proxy": "http://192.0.2.1:9"}  # nobody asks it

    def command(self, *arguments: str) -> list[str]:
        return [FAIRLEAD, "demo", "--quick", "--pcap", str(self.pcap), *arguments]

    def assert_all_went_well(self, command: list[str]) -> str:
        result = subprocess.run(command, env=self.environment, capture_output=True, text=True,
                                timeout=240)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        lines = [re.split(r" {2,}", line.strip())[0] for line in result.stdout.split("\n")
                 if " ok " in line]
        self.assertEqual(sorted(lines), sorted(STEPS), result.stdout)
        self.assertNotIn("\x1b", result.stdout, "no bar where there is no terminal")
        self.assertRegex(result.stdout, r"\bLISTEN\b")
        self.assertRegex(result.stdout, r"TcpRetransSegs +[1-9]")
        return result.stdout

    def assert_nothing_is_left(self):
        self.assertEqual([p.name for p in self.scratch.iterdir()], ["demo.pcapng"])

    def test_the_main_job_is_done_and_only_a_capture_is_left_that_tshark_reads(self):
        self.assert_all_went_well(self.command())
        self.assert_nothing_is_left()
        if not shutil.which("tshark"):
            self.skipTest("tshark is not installed")
        # Random payload cut short may look like some protocol gone wrong: headers are what counts.
        seen = subprocess.run(
            ["tshark", "-r", str(self.pcap), "-T", "fields", "-e", "_ws.malformed", "-e",
             "http.request.uri", "-Y", "http.request or (_ws.malformed and not tcp.len > 0)"],
            capture_output=True, text=True, timeout=120)
        self.assertEqual(seen.returncode, 0, seen.stderr)
        self.assertNotIn("cut short", seen.stderr)
        self.assertNotIn("alformed", seen.stdout)
        self.assertIn("/whole.bin", seen.stdout)
        self.assertIn("/upload/copy.bin", seen.stdout)

    def test_it_works_over_veth(self):
        self.assertIn("veth and AF_PACKET", self.assert_all_went_well(self.command("--veth")))

    def test_it_needs_no_root(self):
        if os.geteuid() != 0:
            self.skipTest("not root: the other tests are this one")
        program = shutil.copy(FAIRLEAD, self.root / "fairlead")
        as_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        allowed = subprocess.run([*as_nobody, "unshare", "-Un", "true"], capture_output=True)
        if allowed.returncode != 0:
            self.skipTest("user namespaces are not allowed here")
        self.assert_all_went_well([*as_nobody, str(program), *self.command()[1:]])
        self.assert_nothing_is_left()

    def test_an_interrupt_ends_it_and_all_it_made(self):
        demo = subprocess.Popen([FAIRLEAD, "demo", "--pcap", str(self.pcap)],
                                env=self.environment, stdout=subprocess.PIPE, text=True)
        self.addCleanup(demo.stdout.close)
        children = []
        until = time.monotonic() + 120
        # Not before a program of the kernel's side runs: that is when there is most to end.
        while not children and time.monotonic() < until and demo.poll() is None:
            time.sleep(0.02)
            children = children_of(demo.pid)
        self.assertTrue(children, "it started no program")
        demo.send_signal(signal.SIGINT)
        self.assertEqual(demo.wait(timeout=20), 130)
        time.sleep(0.1)
        self.assertEqual([pid for pid in children if is_running(pid)], [])
        self.assert_nothing_is_left()

    def test_an_interrupt_at_once_ends_it_too(self):
        demo = subprocess.Popen([FAIRLEAD, "demo", "--pcap", str(self.pcap)],
                                env=self.environment, stdout=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while not list(self.scratch.iterdir()) and time.monotonic() < until:
            time.sleep(0.001)
        demo.send_signal(signal.SIGTERM)
        self.assertEqual(demo.wait(timeout=20), 130)
        self.assertLessEqual({p.name for p in self.scratch.iterdir()}, {"demo.pcapng"})

    def test_a_reader_that_goes_away_leaves_nothing_lying_about(self):
        demo = subprocess.Popen(self.command(), env=self.environment, stdout=subprocess.PIPE)
        demo.stdout.readline()
        demo.stdout.close()
        self.assertEqual(demo.wait(timeout=240), 0)
        self.assert_nothing_is_left()

    def test_a_terminal_shows_a_bar(self):
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(FAIRLEAD, self.command(), self.environment)
        shown = b""
        try:
            while piece := os.read(terminal, 65536):
                shown += piece
        except OSError:  # how a terminal says that nobody is left to write to it
            pass
        os.close(terminal)
        _, status = os.waitpid(pid, 0)
        self.assertEqual(os.waitstatus_to_exitcode(status), 0, shown.decode(errors="replace"))
        self.assertIn(b"[####", shown)
        self.assertIn(b" %", shown)

    def test_what_cannot_be_done_is_said(self):
        result = subprocess.run([FAIRLEAD, "demo", "--quick", "--pcap", "/no/such/folder/x"],
                                env=self.environment, capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, 2)
        self.assertIn("/no/such/folder/x", result.stderr)
        self.assertEqual(list(self.scratch.iterdir()), [])


if __name__ == "__main__":
    FAIRLEAD = sys.argv.pop(1)
    unittest.main(verbosity=2)
