"""Programs and hosts that die, stall, flood and lie: it costs whoever did it, and nobody else.

    hostfault_test.py FAIRLEAD [unittest arguments]

FAIRLEAD_FAULTS=1 in the environment: 10,000 connections and 1 GiB, where else it is a share of that.
"""
import array
import contextlib
import glob
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

from on_host import FAIRLEAD, KERNEL, STACK, OnHost, await_port, main

IS_WHOLE = os.environ.get("FAIRLEAD_FAULTS") == "1"
CONNECTIONS = 10_000 if IS_WHOLE else 500
BYTES = 1 << 30 if IS_WHOLE else 16 << 20
ATTACH = 1  # host/protocol.hpp

# Answers each connection with what it sent, in a process of its own.
FORKING = """
import os, signal, socket, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
s = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=100)
print("ready", flush=True)
while True:
    a, _ = s.accept()
    if os.fork() == 0:
        s.close()
        a.sendall(b"%d\\n" % os.getpid())
        while b := a.recv(65536): a.sendall(b)
        os._exit(0)
    a.close()
"""
# Two processes write to one connection, and the parent kills the other one after the other in the middle of it.
WRITING = """
import os, signal, socket, sys, time
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
for _ in range(int(sys.argv[3])):
    child = os.fork()
    if child == 0:
        while True: s.sendall(b"c" * 65536)
    time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    s.sendall(b"p" * 100_000)
"""
# Waits in each call that can wait, and says what came of it.
WAITING = """
import errno, os, select, socket, sys, threading
l = socket.create_server(("127.0.0.1", 5400))
pairs = []
for _ in range(4):
    c = socket.create_connection(("127.0.0.1", 5400)); pairs.append((c, l.accept()[0]))
def told(call):
    try: return str(call())
    except OSError as e: return errno.errorcode[e.errno]
def fill():
    while True: pairs[1][0].send(bytes(65536))
def polled():
    p = select.poll(); p.register(pairs[2][0], select.POLLIN); return p.poll(10000)[0][1] & select.POLLHUP > 0
def epolled():
    p = select.epoll(); p.register(pairs[3][0], select.EPOLLIN); return p.poll(10)[0][1] & select.EPOLLHUP > 0
results = {}
calls = {"recv": lambda: pairs[0][0].recv(1), "send": fill, "poll": polled, "epoll": epolled,
         "accept": l.accept}
threads = [threading.Thread(target=lambda n=n, c=c: results.update({n: told(c)})) for n, c in calls.items()]
for t in threads: t.start()
print("ready", flush=True)
for t in threads: t.join()
print(" ".join(f"{n}:{results[n]}" for n in calls), flush=True)
sys.stdin.readline()  # the host is there again
print(told(lambda: pairs[0][0].recv(1)), told(lambda: pairs[0][0].send(b"x")))
s = socket.create_server(("127.0.0.1", 5400)); c = socket.create_connection(("127.0.0.1", 5400))
c.send(b"anew"); print(s.accept()[0].recv(4))
"""
STORM = """
import os, socket, sys
l = socket.create_server(("127.0.0.1", 5401), backlog=100)
parent = os.getpid()
for n in range(60):
    if os.fork() == 0:
        if n % 3 == 0: os.fork()
        c = socket.create_connection(("127.0.0.1", 5401)); c.send(b"x")
        if n % 2: os._exit(0)
        os.kill(os.getpid(), 9)
got = 0
while got < 80:
    a, _ = l.accept()
    got += len(a.recv(1))
print(got)
"""
MANY = """
import resource, select, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
l = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=1000); l.setblocking(False)
p = select.epoll(); p.register(l, select.EPOLLIN); held = {}
print("ready", flush=True)
while True:
    for fd, _ in p.poll():
        if fd != l.fileno():
            if b := held[fd].recv(100): held[fd].send(b)
            else: p.unregister(fd); held.pop(fd).close()
            continue
        try:
            while True:
                a, _ = l.accept(); held[a.fileno()] = a; p.register(a, select.EPOLLIN)
        except BlockingIOError: pass
"""
NGINX = """
daemon off; user root; worker_processes 1; worker_rlimit_nofile 16384;
pid {here}/pid; error_log {here}/error.log;
events {{ worker_connections 16000; }}
http {{ access_log off; keepalive_timeout 600; keepalive_requests 100;
server {{ listen {address}:80 backlog=1000; root {here}; }} }}
"""
DEAF = """
import socket, sys, time
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
print("ready", flush=True)
time.sleep(60)
"""
GREEDY = """
import errno, socket
held = []
try:
    while True: held.append(socket.socket())
except OSError as e: print(len(held), errno.errorcode[e.errno])
held.pop(); held.append(socket.socket()); print("again")
"""
SUM = """
import hashlib, socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2]))); h = hashlib.sha256(); n = 0
while b := s.recv(1 << 20): h.update(b); n += len(b); s.sendall(b)
print(n, h.hexdigest())
"""


class Faults(OnHost):
    def programs_socket(self) -> socket.socket:
        """A connection of ours to where programs connect."""
        path, = glob.glob(f"{self.folder.name}/fairlead/h.*.programs")
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            s.connect(path)  # waits where many others do
        except OSError:
            s.close()
            raise
        s.settimeout(5)
        return s

    def assert_serves(self, port: int = 5499) -> None:
        """The host and a program on it answer."""
        self.started(sys.executable, "-c", FORKING, STACK, str(port))
        with socket.create_connection((STACK, port), timeout=10) as s:
            self.assertRegex(s.makefile().readline(), r"^\d+\n$")

    def test_a_worker_that_is_killed_in_mid_transfer(self):
        self.started(sys.executable, "-c", FORKING, STACK, "5410")
        with contextlib.ExitStack() as stack:
            peers = [stack.enter_context(socket.create_connection((STACK, 5410), timeout=10))
                     for _ in range(3)]
            pids = [int(peer.makefile("rb", buffering=0).readline()) for peer in peers]
            victim, other = peers[0], peers[1]

            def flood():
                with contextlib.suppress(OSError):
                    while True:
                        victim.sendall(bytes(65536))

            sender = threading.Thread(target=flood)
            sender.start()
            for _ in range(20):
                victim.recv(65536)
            os.kill(pids[0], signal.SIGKILL)
            with contextlib.suppress(ConnectionResetError):  # FIN or RST: it ends
                while victim.recv(65536):
                    pass
            sender.join(10)
            self.assertFalse(sender.is_alive())
            other.sendall(b"still here")
            self.assertEqual(other.recv(100), b"still here")
            self.assertEqual(peers[2].send(b"x"), 1)

    def test_a_writer_that_is_killed_in_mid_write(self):
        """What it left half done does not stop the other who has the connection, and nothing is lost of
        what that one wrote."""
        rounds = 100 if IS_WHOLE else 20
        with socket.create_server((KERNEL, 5417)) as listener:
            child = self.start(*self.hosted(sys.executable, "-c", WRITING, KERNEL, "5417", str(rounds)))
            peer, _ = listener.accept()
            with peer:
                peer.settimeout(30)
                of_parent = 0
                while part := peer.recv(1 << 20):
                    of_parent += part.count(b"p")
                    self.assertEqual(part.strip(b"pc").replace(b"p", b"").replace(b"c", b""), b"")
            self.assertEqual(of_parent, rounds * 100_000)
            self.assertEqual(child.wait(20), 0)
        self.assert_serves()

    def test_the_host_is_killed_and_started_again_under_a_program(self):
        child = self.start(*self.hosted(sys.executable, "-c", WAITING), stdin=subprocess.PIPE)
        self.assertEqual(child.stdout.readline(), "ready\n")
        time.sleep(0.3)
        begin = time.monotonic()
        self.host.kill()
        said = child.stdout.readline()
        self.assertLess(time.monotonic() - begin, 9)  # at once, and not when a wait of 10 s is over
        self.assertRegex(said, r"^recv:(ECONNRESET|ENETDOWN) send:(ECONNRESET|EPIPE|ENETDOWN) "
                               r"poll:True epoll:True accept:E[A-Z]+\n$")
        self.host.wait()
        self.up()
        child.stdin.write("\n")
        child.stdin.flush()
        self.assertRegex(child.stdout.readline(), r"^(E[A-Z]+|b'') EPIPE\n$")
        self.assertEqual(child.stdout.read(), "b'anew'\n")
        child.stdin.close()

    def test_a_storm_of_forks(self):
        self.assertEqual(self.python(STORM), "80\n")
        self.assert_serves()

    def test_many_connections(self):
        resource.setrlimit(resource.RLIMIT_NOFILE,
                           (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        self.started(sys.executable, "-c", MANY, STACK, "5411")
        with contextlib.ExitStack() as stack:
            peers = [stack.enter_context(socket.create_connection((STACK, 5411), timeout=20))
                     for _ in range(CONNECTIONS)]
            for n, peer in enumerate(peers):
                peer.send(b"%d" % n)
            for n, peer in enumerate(peers):
                self.assertEqual(peer.recv(100), b"%d" % n)

    @unittest.skipUnless(shutil.which("nginx"), "nginx is not installed")
    def test_many_connections_on_one_nginx(self):
        resource.setrlimit(resource.RLIMIT_NOFILE,
                           (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        here = pathlib.Path(self.folder.name)
        (here / "file").write_bytes(os.urandom(10_000))
        (here / "nginx.conf").write_text(NGINX.format(here=here, address=STACK))
        self.start(*self.hosted("nginx", "-c", f"{here}/nginx.conf"))
        await_port(STACK, 80)
        expected = b"\r\n\r\n" + (here / "file").read_bytes()
        with contextlib.ExitStack() as stack:
            peers = [stack.enter_context(socket.create_connection((STACK, 80), timeout=20))
                     for _ in range(CONNECTIONS)]
            for _ in range(2):
                for peer in peers:
                    peer.sendall(b"GET /file HTTP/1.1\r\nHost: a\r\n\r\n")
                for peer in peers:
                    answer = b""
                    while not answer.endswith(expected):
                        part = peer.recv(65536)
                        self.assertNotEqual(part, b"", answer[:100])
                        answer += part

    def test_a_program_that_never_reads(self):
        with socket.create_server((KERNEL, 5412)) as listener:
            deaf = self.start(*self.hosted(sys.executable, "-c", DEAF, KERNEL, "5412"))
            peer, _ = listener.accept()
            with peer:
                self.assertEqual(deaf.stdout.readline(), "ready\n")
                peer.settimeout(1)
                sent = 0
                with contextlib.suppress(TimeoutError):
                    while sent < 64 << 20:
                        sent += peer.send(bytes(65536))
                self.assertLess(sent, 32 << 20)
                self.assert_serves()
                deaf.kill()
                peer.settimeout(10)
                with self.assertRaises(OSError):
                    while True:
                        peer.sendall(bytes(65536))

    def test_what_is_written_to_the_control_socket_is_garbage(self):
        for size in (0, 1, 27, 28, 64, 1000, 4000):
            with self.programs_socket() as s:
                with contextlib.suppress(OSError):
                    for _ in range(50):
                        s.send(os.urandom(size))
                with contextlib.suppress(OSError):
                    while s.recv(4096):
                        pass
        self.assert_serves()

    def test_a_flood_of_connections_and_requests(self):
        with contextlib.ExitStack() as stack:
            for _ in range(200):
                stack.enter_context(self.programs_socket())
            self.assert_serves()

    def test_who_does_not_read_its_replies_is_left(self):
        attach = array.array("I", [ATTACH, 0, 0, 0, 0, 0, 0, 0]).tobytes()
        with self.programs_socket() as s:
            s.setblocking(False)
            with contextlib.suppress(OSError):
                for _ in range(10_000):
                    s.send(attach)
            self.assert_serves()



class Loss(OnHost):
    DEVICE = "packet:lossa"

    def setUp(self):
        # The kernel is behind the path's other end.
        self.path = subprocess.Popen(
            [FAIRLEAD, "path", "--between", "tap:lossa", "tap:lossb", "--loss", "1%", "--seed", "1"],
            stdout=subprocess.PIPE, text=True)
        self.path.stdout.readline()
        for command in (f"addr add {KERNEL}/24 dev lossb", "link set lossa up", "link set lossb up"):
            subprocess.run(["ip", *command.split()], check=True)
        super().setUp()

    def tearDown(self):
        super().tearDown()
        self.path.send_signal(signal.SIGINT)
        self.path.communicate(timeout=10)

    def test_a_gibibyte_there_and_back(self):
        """Byte for byte; a share of it where nobody asks for the whole."""
        data = os.urandom(1 << 20)
        with socket.create_server((KERNEL, 5413)) as listener:
            child = self.start(*self.hosted(sys.executable, "-c", SUM, KERNEL, "5413"))
            peer, _ = listener.accept()
            with peer:
                peer.settimeout(60)
                came = [0, True]

                def drain():
                    while came[0] < BYTES:
                        got = peer.recv(1 << 20)
                        if not got:
                            return
                        at = came[0] % len(data)
                        came[1] &= got == (data + data)[at:at + len(got)]
                        came[0] += len(got)

                reader = threading.Thread(target=drain)
                reader.start()
                for _ in range(BYTES // len(data)):
                    peer.sendall(data)
                reader.join(60)
                self.assertEqual(came, [BYTES, True])
                peer.shutdown(socket.SHUT_WR)
            self.assertEqual(child.stdout.readline().split()[0], str(BYTES))


class Limits(OnHost):
    OPTIONS = ("--program-sockets", "20")

    def test_a_program_has_so_many_sockets(self):
        for _ in range(2):  # one does not take them from the next
            self.assertEqual(self.python(GREEDY), "20 EMFILE\nagain\n")


class Memory(OnHost):
    OPTIONS = ("--program-memory", "1")

    def test_a_program_has_so_much_memory(self):
        # Four sockets, of two rings of 128 KiB each.
        for _ in range(2):
            self.assertEqual(self.python(GREEDY), "4 ENOBUFS\nagain\n")


if __name__ == "__main__":
    main()
