"""Calls whose results are the same on the kernel and on a host: run on both, and compared as text."""
import ctypes
import errno
import os
import select
import socket
import struct
import time

HERE = "127.0.0.1"
PORT = 5100
RST = struct.pack("ii", 1, 0)
EVENTS = select.POLLIN | select.POLLOUT | select.POLLPRI | select.POLLRDHUP
NAMES = {1: "IN", 2: "PRI", 4: "OUT", 8: "ERR", 16: "HUP", 0x2000: "RDHUP"}


def events_of(s) -> str:
    poll = select.poll()
    poll.register(s, EVENTS)
    mask = dict(poll.poll(0)).get(s.fileno(), 0)
    return "|".join(name for bit, name in NAMES.items() if mask & bit) or "-"


def settled(s, wanted: str) -> str:
    """What poll() says, once it says what is wanted, or after seconds that a loaded machine may need."""
    end = time.monotonic() + 10
    while events_of(s) != wanted and time.monotonic() < end:
        time.sleep(0.001)
    return events_of(s)


def outcome(call, *arguments, **options):
    try:
        return call(*arguments, **options)
    except OSError as error:
        return errno.errorcode.get(error.errno, error.errno or str(error))


def pair(port: int, family=socket.AF_INET, host=HERE):
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(4)
    client = socket.create_connection((host, port))
    server, _ = listener.accept()
    return listener, client, server


def say(what: str, *values) -> None:
    print(f"{what}:", *values, flush=True)


def readiness() -> None:
    listener, client, server = pair(PORT)
    say("listener, idle", events_of(listener))
    say("idle", events_of(client), events_of(server))
    client.send(b"abc")
    say("data", settled(server, "IN|OUT"))
    say("peek", server.recv(10, socket.MSG_PEEK), server.recv(2), events_of(server))
    say("read to its end", server.recv(10), events_of(server))
    client.setblocking(False)
    sent = 0
    state = ""
    while state != "-":  # and it stays so: a buffer may have grown meanwhile
        while isinstance(n := outcome(client.send, bytes(65536)), int):
            sent += n
        time.sleep(0.1)
        state = events_of(client)
    say("full", n, state)
    while sent > 0:
        sent -= len(server.recv(1 << 20))
    say("emptied", settled(client, "OUT"))
    client.shutdown(socket.SHUT_WR)
    say("after shutdown", outcome(client.send, b"x"))
    say("FIN", settled(server, "IN|OUT|RDHUP"), server.recv(10), server.recv(10))
    server.send(b"still")
    say("half open", settled(client, "IN|OUT"), client.recv(10))
    server.shutdown(socket.SHUT_WR)
    say("both closed", settled(server, "IN|OUT|HUP|RDHUP"), settled(client, "IN|OUT|HUP|RDHUP"))
    for s in (listener, client, server):
        s.close()


def edges() -> None:
    listener, client, server = pair(PORT + 8)
    poll = select.epoll()
    poll.register(server, select.EPOLLIN | select.EPOLLET)
    seen = 0
    for _ in range(30):  # each arrival is one, though not all is read that came before
        client.send(b"ab")
        seen += len(poll.poll(10))
        server.recv(1)
    left = 30
    while left > 0:  # an edge too many does no harm: the last of it may be on its way still
        left -= len(server.recv(100))
    say("edges", seen, left, outcome(server.recv, 1, socket.MSG_DONTWAIT))
    for s in (poll, listener, client, server):
        s.close()


def resets() -> None:
    listener, client, server = pair(PORT + 1)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
    server.close()
    say("reset", settled(client, "IN|OUT|ERR|HUP|RDHUP"))
    say("its error", outcome(client.recv, 10), outcome(client.recv, 10), outcome(client.send, b"x"))
    listener.close()
    listener, client, server = pair(PORT + 2)
    client.send(b"unread")
    settled(server, "IN|OUT")
    server.close()
    say("closed with bytes unread", settled(client, "IN|OUT|ERR|HUP|RDHUP"))
    say("SO_ERROR", client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR),
        client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
    listener.close()
    s = socket.socket()
    say("refused", outcome(s.connect, (HERE, PORT + 99)))
    listener = socket.create_server((HERE, PORT + 3))
    say("connected after that", outcome(s.connect, (HERE, PORT + 3)))
    s = socket.socket()
    s.setblocking(False)
    say("refused later", outcome(s.connect, (HERE, PORT + 99)), settled(s, "IN|OUT|ERR|HUP|RDHUP"),
        s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
    listener.close()


def names_and_options() -> None:
    listener, client, server = pair(PORT + 4)
    say("names", server.getsockname(), client.getpeername(), server.getpeername() == client.getsockname())
    say("second bind", outcome(socket.create_server, (HERE, PORT + 4)))
    for level, name, value in (
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 77), (socket.IPPROTO_IP, socket.IP_TOS, 16),
        (socket.SOL_SOCKET, 9999, 1), (socket.IPPROTO_TCP, 9999, 1),
    ):
        say(f"option {level} {name}", outcome(client.setsockopt, level, name, value),
            outcome(client.getsockopt, level, name))
    for name in (socket.SO_TYPE, socket.SO_DOMAIN, socket.SO_PROTOCOL, socket.SO_ACCEPTCONN):
        say(f"kind {name}", listener.getsockopt(socket.SOL_SOCKET, name),
            client.getsockopt(socket.SOL_SOCKET, name))
    fresh = socket.socket()
    say("not connected", outcome(fresh.recv, 1), outcome(fresh.getpeername),
        outcome(fresh.shutdown, 2), outcome(fresh.send, b"x"), outcome(fresh.accept))
    say("connected twice", outcome(client.connect, (HERE, PORT + 4)))
    say("no such family", outcome(fresh.bind, ("256.1.1.1", 1)) is not None)
    say("accept of none", outcome(client.accept), outcome(listener.recv, 1))
    client.settimeout(0.05)
    say("timeout", outcome(client.recv, 1))
    client.settimeout(None)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 50000))
    say("SO_RCVTIMEO", outcome(client.recv, 1))
    for s in (listener, client, server, fresh):
        s.close()


def copies() -> None:
    listener, client, server = pair(PORT + 5, socket.AF_INET6, "::1")
    copy = client.dup()
    client.close()
    copy.send(b"by a copy")
    say("copy", server.recv(20))
    child = os.fork()
    if child == 0:
        copy.send(b"by a child")
        os._exit(0)
    os.waitpid(child, 0)
    say("child", server.recv(20), events_of(server))
    child = os.fork()
    if child == 0:
        os.dup2(copy.fileno(), 1)
        os.execlp("echo", "echo", "by another program")  # which uses stdio
    os.waitpid(child, 0)
    copy.close()
    say("last close", server.recv(100), server.recv(100))
    say("vectors", os.writev(server.fileno(), [b"a", b"", b"bc"]))
    for s in (listener, server):
        s.close()


def streams() -> None:
    """The C library's own, which do not come by a taken-over write()."""
    listener, client, server = pair(PORT + 7)
    library = ctypes.CDLL(None)
    library.fdopen.restype = ctypes.c_void_p
    stream = ctypes.c_void_p(library.fdopen(client.fileno(), b"r+"))
    say("put", library.fputs(b"by a stream\n", stream) >= 0, library.fflush(stream), server.recv(100))
    server.send(b"a line\nand more")
    line = ctypes.create_string_buffer(20)
    library.fgets(line, 20, stream)
    say("got", line.value, library.fileno(stream) == client.fileno())
    say("printed", library.dprintf(client.fileno(), b"%d and %s", 7, b"text"), server.recv(100))
    for s in (listener, client, server):
        s.close()


def datagrams() -> None:
    a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    a.bind((HERE, PORT + 6))
    say("nobody named", outcome(b.send, b"x"))
    b.connect((HERE, PORT + 6))
    say("sent", b.send(b"one"), b.send(b""), b.send(b"three"), b.send(bytes(60000)))
    say("ready", settled(a, "IN|OUT"))
    data, peer = a.recvfrom(2)
    say("cut", data, peer == b.getsockname(), a.recv(10), a.recv(10), len(a.recv(65536)))
    say("empty", events_of(a), outcome(a.recv, 10, socket.MSG_DONTWAIT))
    say("too long", outcome(b.send, bytes(65508)))
    a.close()
    b.send(b"to nobody")
    end = time.monotonic() + 10
    while events_of(b) == "OUT" and time.monotonic() < end:
        time.sleep(0.001)
    say("refused", outcome(b.recv, 10, socket.MSG_DONTWAIT), outcome(b.recv, 10, socket.MSG_DONTWAIT))
    b.close()


def numbers() -> None:
    """Calls that are made by their number."""
    listener, client, server = pair(PORT + 9)
    library = ctypes.CDLL(None, use_errno=True)
    bytes_there = ctypes.create_string_buffer(10)
    SYS_READ, SYS_WRITE, SYS_CLOSE = 0, 1, 3  # of x86-64
    say("by number", library.syscall(SYS_WRITE, client.fileno(), b"abc", 3), server.recv(10),
        server.send(b"de"), library.syscall(SYS_READ, client.fileno(), bytes_there, 10),
        bytes_there.value, library.syscall(SYS_CLOSE, -1), ctypes.get_errno())
    for s in (listener, client, server):
        s.close()


if __name__ == "__main__":
    for part in (readiness, edges, resets, names_and_options, copies, streams, numbers, datagrams):
        part()
