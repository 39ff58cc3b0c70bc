"""Unmodified programs on a host: against the kernel over a TAP, and against each other inside.

    host_test.py FAIRLEAD [unittest arguments]

Runs in a network of its own; ends with 77 where none may be made.
"""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock

from on_host import FAIRLEAD, KERNEL, STACK, OnHost, await_port, main, output

HERE = pathlib.Path(__file__).resolve().parent
LIBRARY = pathlib.Path(FAIRLEAD).parent.parent / "lib/libfairlead-preload.so"

SERVER = """
import socket, sys
s = socket.create_server((sys.argv[1], int(sys.argv[2])))
print("ready", flush=True)
a, _ = s.accept()
data = b""
while b := a.recv(65536): data += b
a.sendall(data)
a.close()
"""
# What each of them says, and what is left of its sets: nothing to read, something after a while, too late.
SELECTING = """
import ctypes, socket, struct, threading, time
libc = ctypes.CDLL(None, use_errno=True)
l = socket.create_server(("127.0.0.1", 5402))
c = socket.create_connection(("127.0.0.1", 5402)); a, _ = l.accept()
class Poll(ctypes.Structure): _fields_ = [("fd", ctypes.c_int), ("events", ctypes.c_short), ("revents", ctypes.c_short)]
def bit(fd): return (ctypes.c_ulong * 16)(*[(1 << fd % 64) if i == fd // 64 else 0 for i in range(16)])
def select(ns):
    reads = bit(a.fileno())
    t = (ctypes.c_long * 2)(ns // 10**9, ns % 10**9 // 1000)
    return libc.select(a.fileno() + 1, reads, None, None, t), any(reads)
def pselect(ns):
    reads = bit(a.fileno())
    t = (ctypes.c_long * 2)(ns // 10**9, ns % 10**9)
    return libc.pselect(a.fileno() + 1, reads, None, None, t, None), any(reads)
def ppoll(ns):
    p = Poll(a.fileno(), 1, 0)
    t = (ctypes.c_long * 2)(ns // 10**9, ns % 10**9)
    return libc.ppoll(ctypes.byref(p), 1, t, None), p.revents == 1
for call in (select, pselect, ppoll):
    said = [call(0), call(5_000_000)]
    t = threading.Timer(0.05, lambda: c.send(b"x")); t.start()
    said.append(call(9 * 10**9)); t.join(); a.recv(10)
    for _ in range(100):
        c.send(b"y"); said.append(call(9 * 10**9)); a.recv(10)
    print(call.__name__, said[:3], set(said[3:]))
"""
SELECTED = "".join(f"{name} [(0, False), (0, False), (1, True)] {{(1, True)}}\n"
                   for name in ("select", "pselect", "ppoll"))
STATIC = "/sbin/ldconfig"  # of Debian
CLIENT = """
import hashlib, os, socket, sys, threading
data = os.urandom(3_000_001)
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.sendall(data); s.shutdown(socket.SHUT_WR)
got = b""
while b := s.recv(65536): got += b
print("same" if got == data else "different", len(got))
"""
HOLD = """
import socket, sys, time
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.send(b"here")
if sys.argv[3] == "unread":
    while len(s.recv(5, socket.MSG_PEEK)) < 5: pass
print("ready", flush=True)
time.sleep(100)
"""
WAIT = """
import errno, select, socket, sys
s = socket.create_server(("127.0.0.1", 5300)); c = socket.create_connection(("127.0.0.1", 5300))
print("ready", flush=True)
try: print(c.recv(1))
except OSError as e: print(errno.errorcode[e.errno])
try: socket.socket(); print("made", flush=True)
except OSError as e: print(errno.errorcode[e.errno], flush=True)
"""
URING = """
import ctypes, errno
library = ctypes.CDLL(None, use_errno=True)
for _ in range(2):
    result = library.syscall(425, 8, ctypes.create_string_buffer(120))
    print(result, errno.errorcode[ctypes.get_errno()], flush=True)
"""
EPHEMERAL = """
import socket
socket.create_server(("127.0.0.1", 0)); print("made")
"""
SCARCE = """
import errno, os, resource, socket
s = socket.create_server(("127.0.0.1", 5301))
resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))
held = []
def made(call):
    try: held.append(call())
    except OSError as e: return errno.errorcode[e.errno]
while (said := made(socket.socket)) is None: pass
print(said)
held.pop().close()
c = held.pop(); c.connect(("127.0.0.1", 5301))
held.append(socket.socket())
print(made(s.accept), made(s.accept))
held.pop().close(); held.pop().close()
print(made(s.accept), held[-1][0].getpeername() == c.getsockname())
"""
PASSED = """
import array, os, socket
l = socket.create_server(("127.0.0.1", 5302)); c = socket.create_connection(("127.0.0.1", 5302))
s, _ = l.accept()
a, b = socket.socketpair()
socket.send_fds(a, [b"x"], [c.fileno()]); c.close()
_, fds, _, _ = socket.recv_fds(b, 1, 1)
d = socket.socket(fileno=fds[0]); d.send(b"by a passed one"); d.close()
print(s.recv(20), s.recv(20))
"""
LISTEN = """
import os, socket, sys, time
s = socket.create_server(("127.0.0.1", 5304))
if os.fork() == 0:
    print("ready", flush=True)
time.sleep(100)
"""
PREFORK = """
import os, select, socket
l = socket.create_server(("127.0.0.1", 5303)); l.setblocking(False)
for n in range(3):
    if os.fork() == 0:
        p = select.epoll(); p.register(l, select.EPOLLIN | select.EPOLLEXCLUSIVE)
        while True:
            p.poll()
            try: a, _ = l.accept()
            except BlockingIOError: continue
            got = a.recv(1); a.send(got); a.close()
            if got == b"q": os._exit(0)
answers = 0
for n in range(60):
    c = socket.create_connection(("127.0.0.1", 5303)); c.send(b"x"); answers += len(c.recv(2)); c.close()
print(answers)
for n in range(3):
    c = socket.create_connection(("127.0.0.1", 5303)); c.send(b"q"); c.recv(1)
for n in range(3): os.wait()
"""


class Hosted(OnHost):
    """A host on a TAP, and what runs on it."""

    def test_two_programs_inside(self):
        for address in ("127.0.0.1", STACK):
            self.started(sys.executable, "-c", SERVER, address, "5200")
            self.assertEqual(self.python(CLIENT, address, "5200"), "same 3000001\n")

    def test_two_programs_that_look_before_they_sleep(self):
        for spin in ("30", "0"):
            with unittest.mock.patch.dict(os.environ, {"FAIRLEAD_SPIN": spin}):
                self.started(sys.executable, "-c", SERVER, "127.0.0.1", "5205")
                self.assertEqual(self.python(CLIENT, "127.0.0.1", "5205"), "same 3000001\n")
                self.assertEqual(self.python(PREFORK), "60\n")

    def test_select_and_ppoll_look_before_they_sleep(self):
        with unittest.mock.patch.dict(os.environ, FAIRLEAD_SPIN="2000"):
            self.assertEqual(self.python(SELECTING), SELECTED)

    def test_a_program_that_takes_no_library_runs_all_the_same(self):
        if not os.path.exists(STATIC):
            self.skipTest(f"no {STATIC}")
        said = output(*self.hosted(STATIC, "--version"))
        self.assertIn("Free Software Foundation", said)
        self.assertNotIn("statically", said)
        self.assertNotIn("statically", output(*self.hosted("sh", "-c", "true")))

    def test_a_program_that_becomes_another_users_has_the_host_in_what_it_starts(self):
        python = shutil.which("python3", path="/usr/bin")
        if python is None or os.geteuid() != 0 or is_alone_in_its_users():
            self.skipTest("needs root, another user and the system's python3")
        self.started(sys.executable, "-c", SERVER, "127.0.0.1", "5206")
        change = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
        said = output(*self.hosted(*change, "sh", "-c", 'id -u; exec "$@"', "sh", python, "-c", CLIENT,
                                   "127.0.0.1", "5206"))
        self.assertEqual(said, "65534\nsame 3000001\n")
        # Nobody comes by the path.
        path = next(pathlib.Path(self.folder.name, "fairlead").glob("h.*.programs"))
        said = output(*change, "env", f"FAIRLEAD_HOST={path}", f"LD_PRELOAD={LIBRARY}", python, "-c",
                      EPHEMERAL)
        self.assertIn("Network is down", said)

    def test_the_kernels_client(self):
        self.started(sys.executable, "-c", SERVER, STACK, "5201")
        self.assertEqual(output(sys.executable, "-c", CLIENT, STACK, "5201"), "same 3000001\n")

    def test_the_kernels_server(self):
        child = self.start(sys.executable, "-c", SERVER, KERNEL, "5202")
        self.assertEqual(child.stdout.readline(), "ready\n")
        self.assertEqual(self.python(CLIENT, KERNEL, "5202"), "same 3000001\n")

    def test_curl_from_both_sides_and_a_web_server_on_both(self):
        file, content = self.site()
        into = str(file) + ".got"
        for address, server in ((STACK, self.hosted), (KERNEL, lambda *p: list(p))):
            self.start(*server(sys.executable, "-m", "http.server", "--bind", address, "8000",
                               "--directory", self.folder.name))
            await_port(address, 8000)
            fetch = ("curl", "-sS", "--noproxy", "*", "--max-time", "10", "-o", into,
                     f"http://{address}:8000/file")
            for client in (list(fetch), self.hosted(*fetch)):
                self.assertEqual(output(*client), "")
                self.assertTrue(pathlib.Path(into).read_bytes() == content)

    def test_redis(self):
        server = self.start(*self.hosted("redis-server", "--bind", STACK, "--port", "6379",
                                         "--save", "", "--protected-mode", "no"))
        await_port(STACK, 6379)
        cli = ("redis-cli", "-h", STACK)
        self.assertEqual(output(*self.hosted(*cli, "set", "name", "value")), "OK\n")
        self.assertEqual(output(*cli, "get", "name"), "value\n")
        said = output(*self.hosted("redis-benchmark", "-h", STACK, "-t", "set,get", "-n", "2000",
                                   "-c", "10", "-P", "4", "-q"))
        self.assertEqual(said.count("requests per second"), 2, said)
        output(*cli, "shutdown", "nosave")
        self.assertEqual(server.wait(10), 0)

    def test_nc(self):
        for options in ((), ("-u",)):
            listener = self.start(*self.hosted("nc", *options, "-W", "1", "-l", "127.0.0.1", "7000"))
            self.await_socket("127.0.0.1:7000")
            done = subprocess.run(self.hosted("nc", *options, "-w", "1" if options else "20", "-N",
                                              "127.0.0.1", "7000"),
                                  input="hello nc\n", text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 0)
            self.assertEqual(listener.stdout.readline(), "hello nc\n")

    def test_a_program_that_is_killed_sends_fin_or_rst(self):
        with socket.create_server((KERNEL, 5203)) as listener:
            for what, end in (("read", b""), ("unread", ConnectionResetError)):
                child = self.start(*self.hosted(sys.executable, "-c", HOLD, KERNEL, "5203", what))
                peer, _ = listener.accept()
                with peer:
                    peer.settimeout(30)
                    self.assertEqual(peer.recv(10), b"here")
                    peer.send(b"bytes" if what == "unread" else b"")
                    self.assertEqual(child.stdout.readline(), "ready\n")
                    child.send_signal(signal.SIGKILL)
                    if end == b"":
                        self.assertEqual(peer.recv(10), end)
                    else:
                        self.assertRaises(end, peer.recv, 10)

    def test_a_host_that_is_killed(self):
        child = self.started(sys.executable, "-c", WAIT)
        begin = time.monotonic()
        self.host.send_signal(signal.SIGKILL)
        self.assertEqual(child.stdout.readline() + child.stdout.readline(), "ECONNRESET\nENETDOWN\n")
        self.assertLess(time.monotonic() - begin, 1)
        self.assertEqual(output(FAIRLEAD, "hosts"), "")

    def test_descriptors_run_out(self):
        self.assertEqual(self.python(SCARCE), "EMFILE\nEMFILE EMFILE\nNone True\n")

    def test_a_descriptor_that_is_passed(self):
        self.assertEqual(self.python(PASSED), "b'by a passed one' b''\n")

    def test_forked_workers_share_a_listener(self):
        self.assertEqual(self.python(PREFORK), "60\n")

    def test_ss_and_netstat_name_the_processes(self):
        child = self.started(sys.executable, "-c", LISTEN)
        said = output(FAIRLEAD, "ss", "--host", str(self.host.pid), "-tlnp")
        users = re.findall(r'\("(\w+)",pid=(\d+),fd=3\)', said)
        self.assertEqual(len(users), 2, said)
        self.assertIn(str(child.pid), [pid for _, pid in users])
        self.assertRegex(output(FAIRLEAD, "netstat", "--host", str(self.host.pid), "-tlnp"), rf"LISTEN +{child.pid}/{users[0][0]}")

    def test_down_ends_it(self):
        self.assertRegex(output(FAIRLEAD, "hosts"), rf"^h {self.host.pid} /")
        self.assertEqual(output(FAIRLEAD, "down"), "")
        self.assertEqual(self.host.wait(5), 0)
        self.assertEqual(output(FAIRLEAD, "hosts"), "")


def is_alone_in_its_users() -> bool:
    return pathlib.Path("/proc/self/uid_map").read_text().split()[2] == "1"


class Alone(unittest.TestCase):
    maxDiff = None

    def test_each_call_returns_what_it_returns_on_the_kernel(self):
        self.beside_the_kernel("page.py")

    def test_each_argument_has_the_outcome_that_it_has_on_the_kernel(self):
        self.beside_the_kernel("calls.py")

    def beside_the_kernel(self, name: str) -> None:
        page = (sys.executable, "-B", str(HERE / "host" / name))
        with tempfile.TemporaryDirectory() as folder:
            os.environ["XDG_RUNTIME_DIR"] = folder
            self.assertMultiLineEqual(output(FAIRLEAD, "run", "--", *page), output(*page))
            # Its host is gone with it.
            end = time.monotonic() + 30
            while output(FAIRLEAD, "hosts") != "" and time.monotonic() < end:
                time.sleep(0.02)
            self.assertEqual(output(FAIRLEAD, "hosts"), "")

    def test_io_uring_is_refused_with_a_line(self):
        with tempfile.TemporaryDirectory() as folder:
            os.environ["XDG_RUNTIME_DIR"] = folder
            said = output(FAIRLEAD, "run", "--", sys.executable, "-c", URING)
            self.assertEqual(said, "-1 ENOSYS\n-1 ENOSYS\nfairlead run: io_uring is refused (ENOSYS): "
                                   "its calls would pass the host by\n")

    def test_private_hosts_of_others_are_no_choice(self):
        alone = [FAIRLEAD, "run", "--", sys.executable, "-c", WAIT]
        with tempfile.TemporaryDirectory() as folder:
            os.environ["XDG_RUNTIME_DIR"] = folder
            children = []
            try:
                for _ in range(3):  # each has its own, though others are up
                    child = subprocess.Popen(alone, stdout=subprocess.PIPE, text=True)
                    children.append(child)
                    self.assertEqual(child.stdout.readline(), "ready\n")
                self.assertEqual(output(FAIRLEAD, "hosts").count("\n"), 3)
                up = subprocess.Popen([FAIRLEAD, "up", "web"], stdout=subprocess.PIPE, text=True)
                children.append(up)
                self.assertIn("web is up", up.stdout.readline())
                self.assertEqual(output(FAIRLEAD, "run", "--", sys.executable, "-c", EPHEMERAL),
                                 "made\n")
                self.assertEqual(output(FAIRLEAD, "hosts").count("\n"), 4)
                self.assertEqual(output(FAIRLEAD, "down"), "")
                self.assertEqual(up.wait(5), 0)
            finally:
                for child in children:
                    child.kill()
                    child.wait()
                    child.stdout.close()

    def test_the_exit_code_is_the_programs(self):
        with tempfile.TemporaryDirectory() as folder:
            os.environ["XDG_RUNTIME_DIR"] = folder
            done = subprocess.run([FAIRLEAD, "run", "--", "sh", "-c", "exit 7"], check=False)
            self.assertEqual(done.returncode, 7)
            done = subprocess.run([FAIRLEAD, "run", "--", "/nonexistent"], check=False,
                                  capture_output=True)
            self.assertEqual(done.returncode, 127)


if __name__ == "__main__":
    main()
