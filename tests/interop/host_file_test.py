"""A host from a file: its keys, its faults with line and key, and what a service manager is told.

    host_file_test.py FAIRLEAD [unittest arguments]
"""
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

FAIRLEAD = ""
WHOLE = """
# nothing of it needs rights but the device
program-sockets = 5
spin = 0
program-spin = 10
[sysctl]
net.ipv4.tcp_sack = 0
"net.ipv4.tcp_rmem" = "4096 131072 6291456"
"""
FAULTS = {
    'address = "192.0.2.1"\n': r":1: address: \"192.0.2.1\" is no address",
    'device = "tap:fl0"\n\nadress = "192.0.2.1/24"\n': r":3: adress: there is no such key; there are device",
    'address = [\n"192.0.2.1/24",\n7]\n': r":3: address: a text is wanted",
    'route = "default"\n': r":1: route: \"default\" is no route",
    "device = 5\n": r":1: device: a text is wanted",
    "spin = -1\n": r":1: spin: a number from 0 to 10000",
    "\nprogram-sockets = 1000000\n": r":2: program-sockets: a number from 1 to",
    "[sysctl]\nnet.ipv4.tcp_sock = 1\n": r":2: sysctl: .*tcp_sock",
    "[sysctl]\nnet.ipv4.tcp_sack = []\n": r":2: sysctl: net.ipv4.tcp_sack: a number or a text",
    "sysctl = 1\n": r":1: sysctl: a table is wanted",
    "spin = 1\nspin = 2\n": r":2: ",
    "device = \n": r":1: ",
}


class File(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.file = pathlib.Path(self.folder.name) / "web.toml"
        os.environ["XDG_RUNTIME_DIR"] = self.folder.name
        self.addCleanup(self.folder.cleanup)

    def up(self, *more: str) -> subprocess.CompletedProcess:
        return subprocess.run([FAIRLEAD, "up", "web", "--config", str(self.file), *more],
                              capture_output=True, text=True, timeout=20, check=False)

    def test_a_fault_is_named_by_file_line_and_key(self):
        for text, said in FAULTS.items():
            with self.subTest(text):
                self.file.write_text(text)
                done = self.up()
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stderr, f"^fairlead up: {self.file}{said}")

    def test_a_file_that_is_not_there(self):
        self.assertEqual(self.up().stderr, f"fairlead up: {self.file}: No such file or directory\n")

    def test_flags_and_a_file_are_not_mixed(self):
        self.file.write_text(WHOLE)
        self.assertIn("--spin is for a host without a file", self.up("--spin", "5").stderr)

    def test_the_host_is_as_the_file_says_and_tells_when_it_is_ready(self):
        self.file.write_text(WHOLE)
        for name in (str(self.file) + ".notify", f"@fairlead-test-{os.getpid()}"):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
                notices.settimeout(20)
                notices.bind(name.replace("@", "\0"))
                with subprocess.Popen([FAIRLEAD, "up", "web", "--config", str(self.file)],
                                      stdout=subprocess.PIPE, text=True,
                                      env=os.environ | {"NOTIFY_SOCKET": name}) as host:
                    try:
                        self.assertEqual(notices.recv(100), b"READY=1")
                        sack = subprocess.run([FAIRLEAD, "sysctl", "--host", str(host.pid),
                                               "net.ipv4.tcp_sack"], capture_output=True, text=True,
                                              timeout=20, check=False).stdout
                        self.assertIn("net.ipv4.tcp_sack = 0", sack)
                        host.send_signal(signal.SIGTERM)
                        self.assertEqual(notices.recv(100), b"STOPPING=1")
                        self.assertEqual(host.wait(20), 0)
                    finally:
                        host.kill()


if __name__ == "__main__":
    FAIRLEAD = str(pathlib.Path(sys.argv[1]).resolve())
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=0)
