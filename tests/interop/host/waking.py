"""Who waits is woken: many short transfers between processes and threads that wait in every way there is.

    waking.py TIMES SEED

Each byte that comes is counted. One that nobody is woken for lasts until the alarm, and ends the program
with the way of waiting as its last words.
"""
import os
import random
import select
import signal
import socket
import sys
import threading

PATIENCE = 60
PORT = 5700


def blocking(sock, take):
    while take(sock):
        pass


def in_select(sock, take):
    while True:
        select.select([sock], [], [])
        if not take(sock):
            return


def in_poll(sock, take):
    entries = select.poll()
    entries.register(sock, select.POLLIN)
    while True:
        entries.poll()
        if not take(sock):
            return


def in_epoll(extra: int, all_at_once: bool = False):
    def wait(sock, take):
        sock.setblocking(False)
        events = select.EPOLLIN | extra
        with select.epoll() as entries:
            entries.register(sock, events)
            while True:
                entries.poll()
                try:
                    while take(sock):
                        if not all_at_once:
                            break
                    else:
                        return
                except BlockingIOError:
                    pass
                if extra & select.EPOLLONESHOT:
                    entries.modify(sock, events)
    return wait


WAYS = {
    "blocking": blocking,
    "select": in_select,
    "poll": in_poll,
    "epoll level": in_epoll(0),
    "epoll edge": in_epoll(select.EPOLLET, all_at_once=True),
    "epoll oneshot": in_epoll(select.EPOLLONESHOT),
    "epoll exclusive": in_epoll(select.EPOLLEXCLUSIVE),
}


def give(sock, total: int, piece: int, is_blocking: bool) -> None:
    """In pieces; without blocking, waiting for room by poll()."""
    sock.setblocking(is_blocking)
    room = select.poll()
    room.register(sock, select.POLLOUT)
    bytes_left = memoryview(bytes(total))
    while bytes_left:
        try:
            bytes_left = bytes_left[sock.send(bytes_left[:piece]):]
        except BlockingIOError:
            room.poll()
    sock.shutdown(socket.SHUT_WR)


def read_all(sock, wait, size: int) -> int:
    count = 0

    def take(one) -> int:
        nonlocal count
        got = len(one.recv(size))
        count += got
        return got
    wait(sock, take)
    return count


def transfer(chance: random.Random) -> str:
    """What is wrong; empty: nothing."""
    wait, total = chance.choice(list(WAYS)), chance.choice((1, 5_000, 200_003, 900_001))
    piece, size = chance.choice((978, 16_384, 400_000)), chance.choice((1_001, 24_000, 500_000))
    how, is_blocking = chance.choice(("thread", "fork", "two forks")), chance.random() < 0.5
    signal.alarm(PATIENCE)
    print(f"{wait}, {total} bytes, {piece} and {size} at once, {how}, {is_blocking}", flush=True)
    listener = socket.create_server(("127.0.0.1", PORT))
    near = socket.create_connection(("127.0.0.1", PORT))
    far, _ = listener.accept()
    listener.close()
    children = []
    if how == "thread":
        giver = threading.Thread(target=give, args=(near, total, piece, is_blocking))
        giver.start()
        count = read_all(far, WAYS[wait], size)
        giver.join()
    else:
        for role in range(1 if how == "fork" else 2):
            child = os.fork()
            if child:
                children.append(child)
                continue
            signal.alarm(PATIENCE)
            if role == 0:
                far.close()
                give(near, total, piece, is_blocking)
            else:
                near.close()
                os._exit(0 if read_all(far, WAYS[wait], size) == total else 1)
            os._exit(0)
        near.close()
        count = total if how == "two forks" else read_all(far, WAYS[wait], size)
    near.close()
    far.close()
    ends = [os.waitpid(child, 0)[1] for child in children]
    return "" if count == total and not any(ends) else f"{count} of {total} came, {ends}"


def main() -> None:
    chance = random.Random(int(sys.argv[2]))
    for _ in range(int(sys.argv[1])):
        if fault := transfer(chance):
            sys.exit(fault)
    print("all were woken")


main()
