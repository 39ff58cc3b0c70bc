"""The functions that a host's library takes over, one by one, with arguments good and bad: run on the
kernel and on a host, and compared as text."""
import ctypes
import errno
import fcntl
import os
import select
import signal
import socket
import struct
import sys
import tempfile
import termios
import time

from page import HERE, events_of, outcome, pair, say, settled

PORT = 5400
LIBRARY = ctypes.CDLL(None, use_errno=True)
SIOCOUTQ, SIOCINQ, SIOCATMARK = termios.TIOCOUTQ, termios.FIONREAD, 0x8905


def call(name: str, *arguments):
    """What the C library's function returns, or its errno."""
    ctypes.set_errno(0)
    result = getattr(LIBRARY, name)(*arguments)
    return result if result >= 0 else errno.errorcode.get(ctypes.get_errno(), result)


def close_all(*sockets) -> None:
    for one in sockets:
        one.close()


def arrived(s, count: int) -> None:
    """Waits until so many bytes are there to be read."""
    end = time.monotonic() + 10
    while struct.unpack("i", fcntl.ioctl(s, SIOCINQ, b"\0" * 4))[0] < count and time.monotonic() < end:
        time.sleep(0.001)


class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]


class Message(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("name_size", ctypes.c_uint), ("vectors", ctypes.c_void_p),
                ("count", ctypes.c_size_t), ("control", ctypes.c_void_p),
                ("control_size", ctypes.c_size_t), ("flags", ctypes.c_int)]


class Counted(ctypes.Structure):
    _fields_ = [("message", Message), ("size", ctypes.c_uint)]


def messages(*buffers):
    """For recvmmsg() and sendmmsg()."""
    kept = [(Vector * 1)(Vector(ctypes.addressof(b), len(b))) for b in buffers]
    made = (Counted * len(buffers))()
    for one, vectors in zip(made, kept):
        one.message.vectors = ctypes.addressof(vectors)
        one.message.count = 1
    made.kept = kept
    return made


def stream_bytes() -> None:
    listener, a, b = pair(PORT)
    into = ctypes.create_string_buffer(64)
    say("write", os.write(a.fileno(), b"0123456789"), os.writev(a.fileno(), [b"ab", b"", b"c"]))
    arrived(b, 13)
    say("FIONREAD", fcntl.ioctl(b, SIOCINQ, b"\0" * 4))
    one, two = bytearray(3), bytearray(4)
    say("readv", os.readv(b.fileno(), [one, bytearray(0), two]), bytes(one), bytes(two))
    say("peek", b.recv(2, socket.MSG_PEEK),
        call("recv", b.fileno(), into, 2, socket.MSG_PEEK | socket.MSG_TRUNC))
    say("thrown away", call("recv", b.fileno(), None, 2, socket.MSG_TRUNC), b.recv(1))
    say("recvmsg", b.recvmsg(2, 100), b.recvfrom(1))
    say("nothing", outcome(b.recv, 1, socket.MSG_DONTWAIT), call("read", b.fileno(), into, 0),
        call("recv", b.fileno(), into, 0, socket.MSG_DONTWAIT), call("readv", b.fileno(), None, 0))
    say("sendmsg", a.sendmsg([b"x", b"yz"]), a.sendmsg([b"w"], [], 0, None), b.recv(4, socket.MSG_WAITALL))
    say("all of it", a.send(b"12"), b.recv(1), a.send(b"345"), b.recv(4, socket.MSG_WAITALL))
    say("to somebody", outcome(a.sendto, b"q", (HERE, 1)), b.recv(1))
    sent = messages(ctypes.create_string_buffer(b"one"), ctypes.create_string_buffer(b"two"))
    say("sendmmsg", call("sendmmsg", a.fileno(), sent, 2, 0), [m.size for m in sent])
    arrived(b, 8)
    got = messages(*(ctypes.create_string_buffer(5) for _ in range(3)))
    say("recvmmsg", call("recvmmsg", b.fileno(), got, 3, socket.MSG_DONTWAIT, None),
        [m.size for m in got])
    say("none of them", call("recvmmsg", b.fileno(), got, 3, socket.MSG_DONTWAIT, None),
        call("recvmmsg", b.fileno(), got, 0, 0, None), call("sendmmsg", a.fileno(), sent, 0, 0))
    say("too many", call("readv", b.fileno(), None, 1025), call("writev", a.fileno(), None, -1),
        call("writev", a.fileno(), None, 0), call("write", a.fileno(), into, 0))
    message = Message(count=1025)
    say("too many pieces", call("sendmsg", a.fileno(), ctypes.byref(message), 0),
        call("recvmsg", b.fileno(), ctypes.byref(message), 0))
    say("checked", a.send(b"checked"), call("__recv_chk", b.fileno(), into, 3, 64, 0),
        call("__read_chk", b.fileno(), into, 2, 64),
        call("__recvfrom_chk", b.fileno(), into, 64, 64, 0, None, None), into.raw[:4])
    say("at a place", outcome(os.pread, b.fileno(), 1, 0), outcome(os.pwrite, a.fileno(), b"x", 0),
        outcome(os.lseek, a.fileno(), 0, 0))
    say("queues", struct.unpack("i", fcntl.ioctl(b, SIOCOUTQ, b"\0" * 4)))
    close_all(listener, a, b)


def files_and_pipes() -> None:
    listener, a, b = pair(PORT + 1)
    with tempfile.TemporaryFile() as file:
        file.write(bytes(range(256)) * 400)
        file.seek(0)
        say("sendfile", os.sendfile(a.fileno(), file.fileno(), 10, 20), b.recv(20, socket.MSG_WAITALL))
        say("from where it is", os.sendfile(a.fileno(), file.fileno(), None, 5), b.recv(5), file.tell())
        say("past its end", os.sendfile(a.fileno(), file.fileno(), 102390, 100),
            os.sendfile(a.fileno(), file.fileno(), 200000, 1), b.recv(10, socket.MSG_WAITALL))
        say("from a socket", outcome(os.sendfile, file.fileno(), b.fileno(), None, 5),
            outcome(os.sendfile, a.fileno(), b.fileno(), None, 5),
            outcome(os.sendfile, a.fileno(), -1, 0, 5))
    reader, writer = os.pipe()
    a.send(b"into a pipe")
    arrived(b, 11)
    say("splice out", os.splice(b.fileno(), writer, 4), os.read(reader, 10), events_of(b),
        os.splice(b.fileno(), writer, 100), os.read(reader, 10), events_of(b))
    b.setblocking(False)
    say("splice of nothing", outcome(os.splice, b.fileno(), writer, 4, flags=2),
        os.splice(b.fileno(), writer, 0), b.setblocking(True))
    os.write(writer, b"out of a pipe")
    say("splice in", os.splice(reader, a.fileno(), 3), b.recv(3), os.splice(reader, a.fileno(), 100),
        b.recv(10, socket.MSG_WAITALL))
    say("an empty pipe", outcome(os.splice, reader, a.fileno(), 3, flags=2))
    say("bad splices", outcome(os.splice, a.fileno(), b.fileno(), 3),
        outcome(os.splice, b.fileno(), writer, 3, offset_src=1),
        outcome(os.splice, b.fileno(), writer, 3, offset_dst=1),
        outcome(os.splice, b.fileno(), writer, 3, flags=64), outcome(os.splice, b.fileno(), -1, 3))
    os.close(writer)
    say("a closed pipe", os.splice(reader, a.fileno(), 3))
    os.close(reader)
    reader, writer = os.pipe()
    sent = 0
    while sent < 300_000:  # more than a pipe holds
        sent += a.send(bytes(50_000))
    moved = 0
    while moved < sent:
        moved += os.splice(b.fileno(), writer, sent - moved)
        left = len(os.read(reader, 1 << 20))
        while left < moved and select.select([reader], [], [], 0)[0]:
            left += len(os.read(reader, 1 << 20))
    say("much", moved, events_of(b))
    a.shutdown(socket.SHUT_WR)
    say("the end", os.splice(b.fileno(), writer, 3), outcome(os.splice, reader, a.fileno(), 0))
    os.write(writer, b"x")
    say("after the end", outcome(os.splice, reader, a.fileno(), 3))
    os.close(reader)
    os.close(writer)
    close_all(listener, a, b)


def descriptors() -> None:
    listener, a, b = pair(PORT + 2)
    fd = a.fileno()
    copies = [os.dup(fd), os.dup2(fd, 200), os.dup2(fd, 201, inheritable=False),
              fcntl.fcntl(fd, fcntl.F_DUPFD, 210), fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 220)]
    for number, copy in enumerate(copies):
        os.write(copy, b"%d" % number)
        say("copy", b.recv(1), fcntl.fcntl(copy, fcntl.F_GETFD), fcntl.fcntl(copy, fcntl.F_GETFL))
        os.close(copy)
        say("closed", outcome(os.write, copy, b"x"))
    say("onto itself", os.dup2(fd, fd) == fd, call("dup3", fd, fd, 0), call("dup2", fd, -1),
        call("dup3", fd, 230, 12345), call("dup2", 999, 230), call("fcntl", fd, 9999, 0))
    for option in (1, 0):
        fcntl.ioctl(fd, termios.FIONBIO, struct.pack("i", option))
        say("FIONBIO", fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK != 0)
    fcntl.fcntl(fd, fcntl.F_SETFL, os.O_NONBLOCK)
    say("not blocking", outcome(os.read, fd, 1))
    fcntl.ioctl(fd, 0x5451)  # FIOCLEX
    say("FIOCLEX", fcntl.fcntl(fd, fcntl.F_GETFD))
    say("bad requests", outcome(fcntl.ioctl, fd, 0xdead), outcome(fcntl.ioctl, fd, termios.TCGETS,
                                                                 bytes(60)))
    say("its kind", oct(os.fstat(fd).st_mode & 0o170000), os.isatty(fd))
    os.dup2(fd, 300)
    say("close_range", call("close_range", 300, 310, 0), outcome(os.write, 300, b"x"),
        call("close_range", 310, 300, 0), call("close_range", 300, 310, 99))
    os.dup2(fd, 300)
    say("close_range with flags", call("close_range", 300, 310, 4), fcntl.fcntl(300, fcntl.F_GETFD))
    child = os.fork()
    if child == 0:
        LIBRARY.closefrom(3)
        os._exit(0 if outcome(os.write, fd, b"x") == "EBADF" else 1)
    say("closefrom", os.waitpid(child, 0)[1], os.write(fd, b"y"), b.recv(5))
    close_all(listener, a, b)
    os.close(300)


def making() -> None:
    for family, kind, protocol in ((2, 1, 17), (2, 2, 6), (2, 99, 0), (2, 1, 999), (10, 5, 0), (2, 4, 0),
                                   (2, 0, 0), (2, 1 | 0x40000000, 0), (2, 1, -1), (10, 2, 0), (2, 1, 6)):
        s = outcome(socket.socket, family, kind, protocol)
        say(f"socket {family} {kind} {protocol}", s if isinstance(s, str) else "made")
        if not isinstance(s, str):
            s.close()
    s = socket.socket()
    fresh = socket.socket()
    name = struct.pack("=HHI8x", socket.AF_INET, socket.htons(PORT + 3), 0x0100007f)
    say("bind", call("bind", s.fileno(), name, 8), call("bind", s.fileno(), name, 15),
        call("bind", s.fileno(), b"\1\0" + name[2:], 16), call("bind", s.fileno(), b"\12\0" + name[2:], 16),
        outcome(s.bind, ("203.0.113.7", 1)), call("bind", s.fileno(), name, 16),
        call("bind", s.fileno(), name, 16), outcome(fresh.bind, (HERE, PORT + 3)))
    say("connect", call("connect", fresh.fileno(), name, 8), call("connect", fresh.fileno(), name, 1),
        call("connect", fresh.fileno(), b"\1\0" + name[2:], 16),
        call("connect", fresh.fileno(), b"\12\0" + name[2:], 16))
    udp = socket.socket(type=socket.SOCK_DGRAM)
    say("listen", outcome(udp.listen, 1), outcome(s.listen, -1), outcome(s.listen, 0),
        call("accept4", s.fileno(), None, None, 12345), call("accept", udp.fileno(), None, None))
    s.setblocking(False)
    say("accept", call("accept", s.fileno(), None, None), call("accept", fresh.fileno(), None, None))
    fresh.connect((HERE, PORT + 3))
    settled(s, "IN")
    size = ctypes.c_int(4)
    room = ctypes.create_string_buffer(b"\xee" * 16)
    accepted = LIBRARY.accept4(s.fileno(), room, ctypes.byref(size),
                               socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    say("accept4", size.value, room.raw[:2], room.raw[4:8], fcntl.fcntl(accepted, fcntl.F_GETFL),
        fcntl.fcntl(accepted, fcntl.F_GETFD))
    for function in ("getsockname", "getpeername"):
        for given in (0, 5, 16, 100, -1):
            size.value = given
            room = ctypes.create_string_buffer(b"\xee" * 128, 128)
            say(f"{function} {given}", call(function, accepted, room, ctypes.byref(size)), size.value,
                room.raw[4:8], room.raw[16:18])
    say("listen when connected", call("listen", accepted, 1), outcome(fresh.bind, (HERE, PORT + 4)))
    say("connect again", outcome(fresh.connect, (HERE, PORT + 3)), outcome(s.connect, (HERE, 1)))
    for how in (3, -1, 0, 1, 1, 2):
        say(f"shutdown {how}", call("shutdown", accepted, how))
    os.close(accepted)
    close_all(s, fresh, udp)


def option_arguments() -> None:
    s = socket.socket()
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
    size = ctypes.c_int()
    for level, name, value in ((1, 9, 1), (1, 7, 100_000), (1, 8, 1), (1, 2, 7), (6, 1, 9), (6, 2, 600),
                               (6, 4, 0), (6, 4, 40_000), (6, 13, b"none"), (6, 13, b"reno"), (0, 1, 300), (0, 2, 256),
                               (0, 2, -1), (0, 2, 64), (1, 13, 1), (1, 20, 1), (41, 26, 1), (99, 1, 1),
                               (1, 3, 1), (1, 4, 1), (1, 9999, 1)):
        given = value if isinstance(value, bytes) else struct.pack("i", value)
        for length in (len(given), 1, 0, -1):
            say(f"setsockopt {level} {name} {value} {length}",
                call("setsockopt", s.fileno(), level, name, given, length))
        for length in (4, 1, 0, -1):
            into = ctypes.create_string_buffer(b"\xee" * 8)
            size.value = length
            result = call("getsockopt", s.fileno(), level, name, into, ctypes.byref(size))
            say(f"getsockopt {level} {name} {length}", result, size.value, into.raw[:4])
    linger = struct.pack("ii", 1, 5)
    say("linger", call("setsockopt", s.fileno(), 1, 13, linger, 8), s.getsockopt(1, 13, 8),
        s.getsockopt(1, 13, 3), s.getsockopt(1, 13, 20))
    timeout = struct.pack("ll", 2, 500_000)
    for name in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        say("timeouts", call("setsockopt", s.fileno(), 1, name, timeout, 16), s.getsockopt(1, name, 16),
            call("setsockopt", s.fileno(), 1, name, timeout, 8),
            call("setsockopt", s.fileno(), 1, name, struct.pack("ll", 1, 2_000_000), 16))
    say("device", s.getsockopt(1, socket.SO_BINDTODEVICE, 16))
    s.close()


def others_than_sockets() -> None:
    with tempfile.TemporaryFile() as file:
        room = ctypes.create_string_buffer(64)
        size = ctypes.c_int(16)
        name = struct.pack("=HHI8x", socket.AF_INET, 1, 0x0100007f)
        for what, fd in (("closed", 999), ("a file", file.fileno()), ("negative", -1)):
            say(what, *(call(function, fd, *arguments) for function, *arguments in (
                ("bind", name, 16), ("connect", name, 16), ("listen", 1), ("accept", None, None),
                ("accept4", None, None, 0), ("shutdown", 0), ("getsockname", room, ctypes.byref(size)),
                ("getpeername", room, ctypes.byref(size)), ("recv", room, 1, 0), ("send", room, 1, 0),
                ("recvfrom", room, 1, 0, None, None), ("sendto", room, 1, 0, None, 0),
                ("getsockopt", 1, 3, room, ctypes.byref(size)), ("setsockopt", 1, 2, room, 4),
                ("recvmsg", ctypes.byref(Message()), 0), ("sendmsg", ctypes.byref(Message()), 0),
                ("recvmmsg", messages(room), 1, 0, None), ("sendmmsg", messages(room), 1, 0))))
        for what, fd in (("closed", 999), ("negative", -1)):
            say(what, *(call(function, fd, *arguments) for function, *arguments in (
                ("read", room, 1), ("write", room, 1), ("readv", None, 0), ("writev", None, 0),
                ("close",), ("dup",), ("dup2", 300), ("fcntl", 1, 0), ("ioctl", SIOCINQ, room),
                ("sendfile", 0, None, 1), ("splice", None, 1, None, 1, 0))))


def waiting() -> None:
    listener, a, b = pair(PORT + 5)
    say("select, idle", *map(len, select.select([a, b, listener], [a, b, listener], [a, b], 0)))
    a.send(b"x")
    settled(b, "IN|OUT")
    say("select", *map(len, select.select([a, b], [a, b], [a, b], 0)))
    begin = time.monotonic()
    say("select in time", *map(len, select.select([a, listener], [], [], 0.02)),
        time.monotonic() - begin >= 0.02)
    entries = (ctypes.c_int * 4)(b.fileno(), select.POLLIN, 998, select.POLLIN)
    nothing = struct.pack("ll", 0, 0)
    say("ppoll", call("ppoll", entries, 2, nothing, None), entries[1] >> 16, entries[3] >> 16,
        call("poll", entries, 2, 0), call("poll", None, 0, 1))
    epoll = select.epoll()
    epoll.register(b, select.EPOLLIN | select.EPOLLONESHOT)
    say("once", len(epoll.poll(0)), len(epoll.poll(0)), epoll.modify(b, select.EPOLLIN),
        len(epoll.poll(0)), outcome(epoll.register, b), outcome(epoll.unregister, a))
    into = ctypes.create_string_buffer(64)
    say("epoll", call("epoll_pwait", epoll.fileno(), into, 2, 0, None),
        call("epoll_wait", epoll.fileno(), into, 0, 0), call("epoll_wait", b.fileno(), into, 1, 0),
        call("epoll_pwait2", epoll.fileno(), into, 2, nothing, None))
    other = select.epoll()
    other.register(epoll.fileno(), select.EPOLLIN)
    say("nested", len(other.poll(0)), b.recv(5), len(other.poll(0)))
    epoll.register(a, select.EPOLLOUT | select.EPOLLET)
    say("edge of what is writable", len(epoll.poll(0)), len(epoll.poll(0)))
    signal.signal(signal.SIGALRM, lambda *_: 1 / 0)
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    try:
        b.recv(1)
    except ZeroDivisionError:
        say("a signal ends a wait")
    b.settimeout(0.02)
    say("in time", outcome(b.recv, 1))
    close_all(epoll, other, listener, a, b)


def signals() -> None:
    listener, a, b = pair(PORT + 6)
    a.shutdown(socket.SHUT_WR)
    for flags in (0, socket.MSG_NOSIGNAL):
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            outcome(a.send, b"x", flags)
            os._exit(0)
        say("SIGPIPE", os.waitpid(child, 0)[1])
    close_all(listener, a, b)


def datagram_arguments() -> None:
    a = socket.socket(type=socket.SOCK_DGRAM)
    b = socket.socket(type=socket.SOCK_DGRAM)
    a.bind((HERE, PORT + 7))
    b.bind((HERE, PORT + 8))
    there = (HERE, PORT + 7)
    say("sendto", b.sendto(b"one", there), b.sendto(b"", there), b.sendmsg([b"t", b"wo"], [], 0, there))
    say("recvfrom", a.recvfrom(10), a.recvfrom(10), a.recvmsg(2, 64))
    b.sendto(b"longer", there)
    settled(a, "IN|OUT")
    say("peek", a.recv(3, socket.MSG_PEEK), call("recv", a.fileno(), None, 0,
                                               socket.MSG_PEEK | socket.MSG_TRUNC),
        fcntl.ioctl(a, SIOCINQ, b"\0" * 4), a.recv(9))
    say("bad names", call("sendto", b.fileno(), b"x", 1, 0, b"\2\0", 2), outcome(b.sendto, b"x", (HERE, 0)),
        call("sendto", b.fileno(), b"x", 1, 0, b"\1\0" + bytes(14), 16), outcome(b.send, b"x"))
    a.setsockopt(socket.IPPROTO_IP, 8, 1)  # IP_PKTINFO
    b.sendto(b"told", there)
    data, control, flags, name = a.recvmsg(10, 100)
    say("IP_PKTINFO", data, [(level, kind, value[4:]) for level, kind, value in control], flags, name)
    b.sendto(b"cut", there)
    data, control, flags, name = a.recvmsg(10, 10)
    say("no room for it", data, len(control), flags & socket.MSG_CTRUNC != 0)
    a.setsockopt(socket.IPPROTO_IP, 8, 0)
    b.connect(there)
    say("connected", b.getpeername(), b.send(b"c"), a.recvfrom(5))
    say("elsewhere", outcome(b.sendto, b"self", (HERE, PORT + 8)),
        outcome(b.recv, 9, socket.MSG_DONTWAIT))
    none = struct.pack("=HHI8x", 0, 0, 0)
    say("not any more", call("connect", b.fileno(), none, 16), outcome(b.getpeername), outcome(b.send, b"x"))
    sent = messages(*(ctypes.create_string_buffer(b"%d" % i) for i in range(3)))
    b.connect(there)
    say("sendmmsg", call("sendmmsg", b.fileno(), sent, 3, 0), [m.size for m in sent])
    time.sleep(0.05)
    got = messages(*(ctypes.create_string_buffer(5) for _ in range(5)))
    say("recvmmsg", call("recvmmsg", a.fileno(), got, 5, socket.MSG_DONTWAIT, None),
        [m.size for m in got])
    say("shutdown", call("shutdown", a.fileno(), 0), call("shutdown", b.fileno(), 1), outcome(b.send, b"x"))
    say("no end", b.settimeout(0.02), outcome(b.recv, 1))
    six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    six.bind(("::", PORT + 9))
    c = socket.socket(type=socket.SOCK_DGRAM)
    c.bind((HERE, PORT + 10))
    c.sendto(b"mapped", (HERE, PORT + 9))
    say("mapped", six.recvfrom(10), six.sendto(b"back", ("::ffff:" + HERE, PORT + 10)), c.recvfrom(10))
    name = struct.pack("=HHI8x", socket.AF_INET, socket.htons(PORT + 10), 0x0100007f)
    say("names of six", call("sendto", six.fileno(), b"x", 1, 0, name, 16), c.recv(5),
        call("sendto", six.fileno(), b"x", 1, 0, b"\12\0" + bytes(21), 23),
        call("sendto", six.fileno(), b"x", 1, 0, b"\12\0" + bytes(26), 28),
        call("sendto", six.fileno(), b"x", 1, 0, b"\1\0" + bytes(26), 28),
        outcome(six.sendto, b"x", ("2001:db8::1", 9)), outcome(c.sendto, b"x", ("203.0.113.9", 9)))
    close_all(a, b, c, six)


def streams_of_the_library() -> None:
    listener, a, b = pair(PORT + 11)
    LIBRARY.fdopen.restype = LIBRARY.freopen.restype = ctypes.c_void_p
    with tempfile.NamedTemporaryFile() as file:
        child = os.fork()
        if child == 0:
            os.dup2(a.fileno(), 1)
            os.execlp(sys.executable, sys.executable, "-c",
                      "import ctypes, sys; l = ctypes.CDLL(None); l.freopen.restype = ctypes.c_void_p\n"
                      "out = ctypes.c_void_p.in_dll(l, 'stdout'); l.puts(b'before'); l.fflush(out)\n"
                      "again = l.freopen(sys.argv[1].encode(), b'w', out)\n"
                      "out = ctypes.c_void_p.in_dll(l, 'stdout'); l.puts(b'after'); l.fflush(out)\n"
                      "print(l.fileno(out), l.freopen(b'/no/such', b'w', out), file=sys.stderr)",
                      file.name)
        os.waitpid(child, 0)
        a.close()
        say("freopen", b.recv(100), b.recv(100), open(file.name, "rb").read())
    close_all(listener, b)


def at_mark(s) -> int:
    return struct.unpack("i", fcntl.ioctl(s, SIOCATMARK, b"\0" * 4))[0]


def queued(s) -> int:
    return struct.unpack("i", fcntl.ioctl(s, SIOCINQ, b"\0" * 4))[0]


def urgent_data() -> None:
    listener, a, b = pair(PORT + 12)
    say("none", outcome(b.recv, 1, socket.MSG_OOB), at_mark(b), outcome(listener.recv, 1, socket.MSG_OOB))
    signals = []
    signal.signal(signal.SIGURG, lambda *_: signals.append(1))
    fcntl.fcntl(b, fcntl.F_SETOWN, os.getpid())
    a.send(b"abc")
    arrived(b, 3)
    say("sent", a.send(b"de", socket.MSG_OOB))
    say("comes", settled(b, "IN|PRI|OUT"), select.select([], [], [b], 0)[2] == [b], signals, queued(b))
    epoll = select.epoll()
    epoll.register(b, select.EPOLLPRI)
    say("epoll", [mask for _, mask in epoll.poll(0)])
    say("to the mark", b.recv(100), at_mark(b), queued(b), events_of(b))
    say("peek", b.recv(10, socket.MSG_OOB | socket.MSG_PEEK), b.recvmsg(1, 0, socket.MSG_OOB | socket.MSG_PEEK),
        b.recvmsg(0, 0, socket.MSG_OOB | socket.MSG_PEEK))
    say("taken", b.recvmsg(10, 0, socket.MSG_OOB), outcome(b.recv, 1, socket.MSG_OOB), at_mark(b),
        events_of(b), select.select([], [], [b], 0)[2])
    a.send(b"fg")
    say("behind it", settled(b, "IN|OUT"), at_mark(b), b.recv(100), at_mark(b), events_of(b))
    a.send(b"", 0)
    a.send(b"x", socket.MSG_OOB)
    say("dropped", settled(b, "PRI|OUT"), at_mark(b), outcome(b.recv, 1, socket.MSG_DONTWAIT), at_mark(b),
        events_of(b), outcome(b.recv, 1, socket.MSG_OOB))
    a.send(b"hi", socket.MSG_OOB)
    say("again", settled(b, "IN|PRI|OUT"), b.recv(100, socket.MSG_WAITALL), at_mark(b))
    a.send(b"jk")
    say("passed over", settled(b, "IN|PRI|OUT"), b.recv(100), at_mark(b), outcome(b.recv, 1, socket.MSG_OOB),
        events_of(b))
    b.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    a.send(b"lm", socket.MSG_OOB)
    say("inline", settled(b, "IN|PRI|OUT"), outcome(b.recv, 1, socket.MSG_OOB), queued(b), at_mark(b),
        b.recv(100), at_mark(b), events_of(b), b.recv(100), at_mark(b), events_of(b))
    a.send(b"n", socket.MSG_OOB)
    say("alone", settled(b, "IN|PRI|OUT"), at_mark(b), b.recv(100), events_of(b))
    say("nothing of it", a.send(b"", socket.MSG_OOB), outcome(a.sendmsg, [b"o", b"p"], [], socket.MSG_OOB))
    say("together", settled(b, "IN|PRI|OUT"), b.recv(100), b.recv(100))
    poll = select.poll()
    poll.register(b, select.POLLPRI)
    say("poll for it", len(poll.poll(0)), a.send(b"q", socket.MSG_OOB), poll.poll(10_000)[0][1])
    a.close()
    say("the end", b.recv(10), b.recv(10), outcome(b.recv, 1, socket.MSG_OOB))
    close_all(epoll, listener, b)
    udp = socket.socket(type=socket.SOCK_DGRAM)
    udp.connect((HERE, PORT + 12))
    say("of datagrams", outcome(udp.send, b"x", socket.MSG_OOB))
    udp.close()


def told_by_queue(s) -> str:
    data, control, flags, name = s.recvmsg(100, 512, socket.MSG_ERRQUEUE)
    return f"{data} {control} {flags:#x} {name}"


def error_queues() -> None:
    for family, here, level, option in ((socket.AF_INET, HERE, socket.IPPROTO_IP, 11),
                                        (socket.AF_INET6, "::1", socket.IPPROTO_IPV6, 25)):
        s = socket.socket(family, socket.SOCK_DGRAM)
        s.setsockopt(level, option, 1)
        say("empty", outcome(s.recvmsg, 10, 100, socket.MSG_ERRQUEUE), events_of(s))
        s.sendto(b"to nobody", (here, PORT + 13))
        say("refused", settled(s, "OUT|ERR"), len(select.select([s], [], [], 0)[0]), told_by_queue(s),
            events_of(s), outcome(s.recv, 1, socket.MSG_DONTWAIT),
            outcome(s.recvmsg, 1, 1, socket.MSG_ERRQUEUE))
        poll = select.poll()
        poll.register(s, 0)
        s.sendto(b"again", (here, PORT + 13))
        say("waited for", poll.poll(10_000)[0][1], outcome(s.recv, 1, socket.MSG_DONTWAIT), events_of(s),
            told_by_queue(s), events_of(s))
        s.sendto(b"cut", (here, PORT + 13))
        settled(s, "OUT|ERR")
        data, control, flags, _ = s.recvmsg(1, 20, socket.MSG_ERRQUEUE)
        say("no room", data, len(control), hex(flags), outcome(s.recv, 1, socket.MSG_DONTWAIT))
        s.close()
    listener, a, b = pair(PORT + 13)
    say("of a stream", outcome(a.recvmsg, 10, 100, socket.MSG_ERRQUEUE), outcome(a.recv, 1, socket.MSG_ERRQUEUE))
    SO_TIMESTAMPING, SENT, TOLD, NUMBERED, ALONE = 37, 1 << 1, 1 << 4, 1 << 7, 1 << 11
    a.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, SENT | TOLD | NUMBERED | ALONE)
    a.send(b"stamped")
    say("stamped", settled(a, "OUT|ERR"))
    data, control, flags, name = a.recvmsg(100, 512, socket.MSG_ERRQUEUE)
    say("a stamp", data, [(kind, one, len(value)) for kind, one, value in control], control[1][2][:16], hex(flags),
        events_of(a), b.recv(10))
    close_all(listener, a, b)


def lingering() -> None:
    listener, a, b = pair(PORT + 14)
    b.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 20))
    b.send(b"last words")
    begin = time.monotonic()
    b.close()
    say("heard", a.recv(20), a.recv(1), time.monotonic() - begin < 15)
    a.close()
    a = socket.create_connection((HERE, PORT + 14))
    b, _ = listener.accept()
    b.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 1))
    b.setblocking(False)
    while events_of(b) != "-":  # and it stays so: a buffer may have grown meanwhile
        while isinstance(outcome(b.send, bytes(65536)), int):
            pass
        time.sleep(0.1)
    copy = b.dup()
    begin = time.monotonic()
    b.close()
    between = time.monotonic()
    copy.close()
    end = time.monotonic()
    say("not the last close", between - begin < 0.5, "and the last", 0.9 < end - between < 15)
    close_all(listener, a)


def bad_pointers() -> None:
    listener, a, b = pair(PORT + 15)
    bad = ctypes.c_void_p(8)
    room = ctypes.create_string_buffer(64)
    size = ctypes.c_int(16)
    name = struct.pack("=HHI8x", socket.AF_INET, socket.htons(PORT + 16), 0x0100007f)
    one = (Vector * 2)(Vector(ctypes.addressof(room), 3), Vector(8, 3))
    wrong = (Vector * 1)(Vector(8, 3))
    fd = a.fileno()
    say("written", call("write", fd, bad, 1), call("send", fd, bad, 5, 0), call("writev", fd, bad, 1),
        call("writev", fd, wrong, 1), call("sendmsg", fd, bad, 0), call("write", fd, bad, 0),
        call("sendmmsg", fd, bad, 1, 0), call("sendto", fd, room, 3, 0, bad, 16))
    fd = b.fileno()
    say("of nothing", call("recv", fd, bad, 1, socket.MSG_DONTWAIT))
    a.send(b"0123456789")
    arrived(b, 10)
    message = Message(vectors=8, count=1)
    say("read", call("read", fd, bad, 1), call("recv", fd, bad, 5, 0), call("readv", fd, bad, 1),
        call("readv", fd, wrong, 1), call("recvmsg", fd, bad, 0), call("recvmmsg", fd, bad, 1, 0, None),
        call("recvmsg", fd, ctypes.byref(message), 0), call("recvfrom", fd, bad, 3, 0, None, None))
    say("in part", call("readv", fd, one, 2), room.raw[:3], b.recv(20))
    s = socket.socket()
    fd = s.fileno()
    say("names", call("bind", fd, bad, 16), call("bind", fd, bad, 0), call("bind", fd, bad, 200),
        call("connect", fd, bad, 16), call("connect", fd, bad, 200), call("getsockname", fd, bad, ctypes.byref(size)),
        call("getsockname", fd, room, bad), call("getpeername", fd, room, bad),
        call("getpeername", b.fileno(), bad, ctypes.byref(size)))
    say("options", call("getsockopt", fd, 1, 7, bad, ctypes.byref(size)), call("getsockopt", fd, 1, 7, room, bad),
        call("setsockopt", fd, 1, 7, bad, 4), call("setsockopt", fd, 6, 1, bad, 4), call("setsockopt", fd, 1, 7, bad, 1),
        call("setsockopt", fd, 1, 13, bad, 8), call("ioctl", fd, SIOCINQ, bad), call("ioctl", b.fileno(), SIOCINQ, bad))
    other = socket.create_connection((HERE, PORT + 15))
    settled(listener, "IN")
    say("accepted", call("accept", listener.fileno(), bad, ctypes.byref(size)), other.recv(1))
    say("waited for", call("poll", bad, 1, 0), call("select", 5, bad, None, None, None),
        call("epoll_ctl", select.epoll().fileno(), 1, fd, bad))
    udp = socket.socket(type=socket.SOCK_DGRAM)
    udp.bind((HERE, PORT + 16))
    fd = udp.fileno()
    say("of datagrams", call("sendto", fd, bad, 3, 0, name, 16), call("sendto", fd, room, 3, 0, bad, 16),
        call("sendmsg", fd, bad, 0))
    udp.sendto(b"lost", (HERE, PORT + 16))
    udp.sendto(b"kept", (HERE, PORT + 16))
    settled(udp, "IN|OUT")
    say("lost", call("recv", fd, bad, 3, 0), udp.recv(10), call("recv", fd, bad, 3, socket.MSG_DONTWAIT))
    close_all(listener, a, b, s, other, udp)


def small_names() -> None:
    udp = socket.socket(type=socket.SOCK_DGRAM)
    say("port 0", outcome(udp.connect, (HERE, 0)), outcome(udp.getpeername), outcome(udp.send, b"x"))
    udp.close()
    udp = socket.socket(type=socket.SOCK_DGRAM)
    say("everybody", outcome(udp.sendto, b"x", ("255.255.255.255", 9)), outcome(udp.connect, ("255.255.255.255", 9)))
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    say("allowed", outcome(udp.sendto, b"x", ("255.255.255.255", 9)))
    udp.close()


for part in (stream_bytes, files_and_pipes, descriptors, making, option_arguments, others_than_sockets,
             waiting, signals, datagram_arguments, streams_of_the_library, urgent_data, error_queues,
             lingering, bad_pointers, small_names):
    if len(sys.argv) < 2 or part.__name__ in sys.argv[1:]:
        part()
