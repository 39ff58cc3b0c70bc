"""Programs that no library can be put before: the kernel stops them at their socket calls, and the host answers.

    static_test.py FAIRLEAD [unittest arguments]

FAIRLEAD_STATIC in the environment is plain.c, linked statically. Ends with 77 where no network may be made.
"""
import os
import pathlib
import socket
import subprocess
import sys

from on_host import FAIRLEAD, KERNEL, STACK, OnHost, main, output

PLAIN = os.environ.get("FAIRLEAD_STATIC", "")


class Static(OnHost):
    def served(self, address: str, port: str, connections: int) -> subprocess.Popen:
        return self.started(PLAIN, "serve", address, port, str(connections))

    def test_server_and_client_inside(self):
        server = self.served("127.0.0.1", "5900", 4)
        for size in (1, 100_000, 3_000_001, 10):
            self.assertEqual(output(*self.hosted(PLAIN, "ask", "127.0.0.1", "5900", str(size))),
                             f"{size} of {size}, 0 wrong, then 0\n")
        self.assertEqual(server.stdout.readline(), "served\n")
        self.assertEqual(server.wait(10), 0)

    def test_the_kernels_client(self):
        server = self.served(STACK, "5901", 3)
        for size in (1, 100_000, 3_000_001):
            self.assertEqual(output(PLAIN, "ask", STACK, "5901", str(size)),
                             f"{size} of {size}, 0 wrong, then 0\n")
        self.assertEqual(server.stdout.readline(), "served\n")

    def test_the_kernels_server(self):
        server = self.start(PLAIN, "serve", KERNEL, "5902", "1")
        self.assertEqual(server.stdout.readline(), "ready\n")
        self.assertEqual(output(*self.hosted(PLAIN, "ask", KERNEL, "5902", "3000001")),
                         "3000001 of 3000001, 0 wrong, then 0\n")

    def test_a_program_with_the_library_and_one_without(self):
        server = self.served("127.0.0.1", "5903", 1)
        text = ("import socket; s = socket.create_connection(('127.0.0.1', 5903)); s.sendall(b'x' * 99999)\n"
                "s.shutdown(1); n = 0\n"
                "while b := s.recv(9999): n += len(b)\n"
                "print(n)")
        self.assertEqual(self.python(text), "99999\n")
        self.assertEqual(server.stdout.readline(), "served\n")

    def test_nobody_listens(self):
        self.assertEqual(output(*self.hosted(PLAIN, "refused", "127.0.0.1", "5904")),
                         "Connection refused\n")

    def test_it_is_killed(self):
        """Its connections end with it, and its port is free."""
        server = self.served(STACK, "5905", 2)
        with socket.create_connection((STACK, 5905)) as held:
            held.sendall(b"here")
            self.assertEqual(held.recv(4), b"here")
            children = pathlib.Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text()
            os.kill(int(children), 9)
            self.assertEqual(held.recv(4), b"")
        self.assertEqual(server.wait(10), 128 + 9)
        self.served(STACK, "5905", 1)

    def test_its_host_is_killed(self):
        server = self.served("127.0.0.1", "5907", 1)
        self.host.kill()
        self.host.wait()
        self.assertEqual(server.wait(30), 1)

    def test_a_dynamic_program_that_is_stopped_too(self):
        server = self.served("127.0.0.1", "5906", 1)
        text = ("import socket; s = socket.create_connection(('127.0.0.1', 5906)); s.sendall(b'stopped')\n"
                "name = s.getpeername(); s.shutdown(1); print(s.recv(9, socket.MSG_WAITALL), name)")
        said = output(FAIRLEAD, "run", "--host", "h", "--stop-calls", "--", "env", "-u", "LD_PRELOAD",
                      sys.executable, "-c", text)
        self.assertEqual(said, "b'stopped' ('127.0.0.1', 5906)\n")
        self.assertEqual(server.stdout.readline(), "served\n")


main()
