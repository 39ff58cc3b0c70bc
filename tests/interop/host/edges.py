"""How often a set that waits for edges is told of a socket: the same on the host as on the kernel.

Each line is a case and what it counted. An event that is to come is waited for; one that is not has
`QUIET` seconds to come.
"""
import select
import socket

QUIET = 0.002
PATIENCE = 5


class Pair:
    def __init__(self, port: int, events: int):
        listener = socket.create_server(("127.0.0.1", port))
        self.near = socket.create_connection(("127.0.0.1", port))
        self.near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.far, _ = listener.accept()
        self.far.setblocking(False)
        listener.close()
        self.set = select.epoll()
        self.set.register(self.far, events)
        while self.set.poll(QUIET):
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in (self.set, self.near, self.far):
            one.close()

    def send(self, size: int) -> None:
        self.near.sendall(bytes(size))

    def told(self, is_due: bool = True) -> int:
        events = self.set.poll(PATIENCE if is_due else QUIET)
        if is_due and not events:
            raise SystemExit("an edge is missing")
        return len(events)

    def read(self, size: int) -> int:
        return len(self.far.recv(size))


def nothing_is_read(pair: Pair) -> str:
    counts = []
    for _ in range(40):
        pair.send(10)
        counts.append(pair.told())
    return f"{sum(counts)}, then {pair.told(False)}"


def a_byte_of_each_is_read(pair: Pair) -> str:
    due = late = 0
    for _ in range(70):
        pair.send(10)
        due += pair.told()
        pair.read(1)
        late += pair.told(False)
    return f"{due} and {late}"


def all_but_a_byte_is_read(pair: Pair) -> str:
    due = late = 0
    for _ in range(40):
        pair.send(10)
        due += pair.told()
        pair.read(10 if due == 1 else 9)
        late += pair.told(False)
    return f"{due} and {late}"


def all_is_read(pair: Pair) -> str:
    due = late = 0
    for _ in range(40):
        pair.send(10)
        due += pair.told()
        pair.read(100)
        late += pair.told(False)
    return f"{due} and {late}"


def it_is_asked_anew(pair: Pair) -> str:
    pair.send(10)
    counts = [pair.told()]
    for _ in range(5):
        counts += [pair.told(False)]
        pair.set.modify(pair.far, EVENTS)
        counts += [pair.told()]
    return str(counts)


def its_end_comes(pair: Pair) -> str:
    pair.send(10)
    due = pair.told()
    pair.near.shutdown(socket.SHUT_WR)
    due += pair.told()  # on the host there may be a second
    return f"{due}, then {pair.read(100)} bytes and {pair.read(100)}"


EVENTS = select.EPOLLIN | select.EPOLLET
CASES = (nothing_is_read, a_byte_of_each_is_read, all_but_a_byte_is_read, all_is_read,
         it_is_asked_anew, its_end_comes)
for number, case in enumerate(CASES):
    for name, events in (("in", EVENTS), ("in and out", EVENTS | select.EPOLLOUT)):
        with Pair(5600 + number, events) as pair:
            print(f"{case.__name__}, {name}: {case(pair)}", flush=True)
