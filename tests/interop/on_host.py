"""A host on a TAP, in a network of its own, and programs on it: what the tests of hosts share.

    TEST.py FAIRLEAD [unittest arguments]

Ends with 77 where no network may be made.
"""
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import unittest

INSIDE = sys.argv[1:2] == ["inside"]
FAIRLEAD = str(pathlib.Path(sys.argv[2]).resolve()) if INSIDE else ""
CANNOT = 77  # what ctest takes for skipped
STACK, KERNEL = "192.0.2.1", "192.0.2.2"


def output(*command: str, seconds: float = 60) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    return done.stdout + done.stderr


def await_port(address: str, port: int) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            socket.create_connection((address, port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise AssertionError(f"nobody listens at {address}:{port}")


class OnHost(unittest.TestCase):
    """A host on a TAP, and what runs on it."""
    OPTIONS: tuple[str, ...] = ()  # of `fairlead up`
    DEVICE = "tap:fl0"

    def setUp(self):
        self.children = []
        self.folder = tempfile.TemporaryDirectory()
        os.environ["XDG_RUNTIME_DIR"] = self.folder.name
        self.up()

    def up(self) -> None:
        ends = ("--host-address", f"{KERNEL}/24") if self.DEVICE.startswith("tap:") else ()
        self.host = self.start(FAIRLEAD, "up", "h", "--device", self.DEVICE, "--address",
                               f"{STACK}/24", *ends, *self.OPTIONS)
        self.assertIn(f"h is up on {self.DEVICE} {STACK}/24", self.host.stdout.readline())

    def tearDown(self):
        for child in reversed(self.children):
            self.ended(child)
        self.folder.cleanup()

    def ended(self, child: subprocess.Popen) -> None:
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        child.stdout.close()

    def start(self, *command: str, **options) -> subprocess.Popen:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 text=True, **options)
        self.children.append(child)
        return child

    def hosted(self, *program: str) -> list[str]:
        return [FAIRLEAD, "run", "--host", "h", "--", *program]

    def started(self, *program: str) -> subprocess.Popen:
        """A program on the host, that says when it is ready."""
        child = self.start(*self.hosted(*program))
        self.assertEqual(child.stdout.readline(), "ready\n")
        return child

    def await_socket(self, name: str) -> None:
        """Until somebody on the host listens there."""
        end = time.monotonic() + 30
        while name not in output(FAIRLEAD, "ss", "--host", str(self.host.pid), "-tuln"):
            self.assertLess(time.monotonic(), end, f"nobody listens at {name}")
            time.sleep(0.02)

    def python(self, text: str, *arguments: str) -> str:
        return output(*self.hosted(sys.executable, "-c", text, *arguments))

    def site(self) -> tuple[pathlib.Path, bytes]:
        file = pathlib.Path(self.folder.name) / "file"
        file.write_bytes(os.urandom(2_000_003))
        return file, file.read_bytes()


def main(*more: str) -> None:
    """The tests of the main module, in a network of its own, and what `more` unshares."""
    if INSIDE:
        unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=0)
    enter = ["unshare", "--net", *more]
    if os.geteuid() != 0:
        enter += ["--user", "--map-root-user"]
    probe = subprocess.run([*enter, "test", "-w", "/dev/net/tun"], capture_output=True, check=False)
    if probe.returncode != 0:
        sys.exit(CANNOT)
    os.execvp(enter[0], [*enter, "sh", "-c", 'ip link set lo up && exec "$@"', "sh", sys.executable,
                         "-B", sys.argv[0], "inside", *sys.argv[1:]])
