"""`fairlead path` between kernels and stacks: its delay, rate, faults and queue are what they meet.

    path_test.py FAIRLEAD [unittest arguments]
"""
import hashlib
import itertools
import os
import random
import re
import signal
import subprocess
import sys
import time
import unittest

FAIRLEAD = ""
CANNOT = 77  # what ctest takes for skipped

TRANSFER = """
import hashlib, random, socket, sys, time
if sys.argv[1] == "take":
    listener = socket.create_server(("10.78.0.2", 5001))
    print("ready", flush=True)
    peer, _ = listener.accept()
    start, seen = time.monotonic(), hashlib.sha256()
    while data := peer.recv(1 << 20):
        seen.update(data)
    print(seen.hexdigest(), time.monotonic() - start, flush=True)
else:
    s = socket.create_connection(("10.78.0.2", 5001), timeout=60)
    s.sendall(random.Random(1).randbytes(int(sys.argv[2])))
"""


def run(*command: str, check: bool = True) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {done.stderr or done.stdout}")
    return done.stdout


class Path(unittest.TestCase):
    def setUp(self):
        self.hosts = [f"flpath{os.getpid()}{end}" for end in "ab"]
        self.taps = [f"flp{os.getpid() % 100000}{end}" for end in "ab"]
        self.path = None
        self.private_hosts: list[str] = []
        self.on_stack: tuple[int, ...] = ()  # ends whose programs are on a stack

    def tearDown(self):
        if self.path is not None and self.path.poll() is None:
            self.path.send_signal(signal.SIGINT)
            self.path.wait(10)
        for host in self.hosts:
            run("ip", "netns", "del", host, check=False)
        for tap in self.taps:
            self.assertFalse(os.path.exists(f"/sys/class/net/{tap}"), "a TAP is left behind")

    def begin(self, *options: str) -> None:
        self.path = subprocess.Popen(
            [FAIRLEAD, "path", "--between", *(f"tap:{tap}" for tap in self.taps), *options],
            stdout=subprocess.PIPE, text=True)
        self.assertIn("<->", self.path.stdout.readline())
        for number, (host, tap) in enumerate(zip(self.hosts, self.taps), 1):
            run("ip", "netns", "add", host)
            run("ip", "link", "set", tap, "netns", host)
            run("ip", "-n", host, "addr", "add", f"10.78.0.{number}/24", "dev", tap)
            run("ip", "-n", host, "link", "set", tap, "up")
            run("ip", "netns", "exec", host, "sysctl", "-qw", "net.ipv4.tcp_congestion_control=reno",
                "net.ipv4.tcp_ecn=1")

    def end(self) -> list[str]:
        self.path.send_signal(signal.SIGINT)
        said, _ = self.path.communicate(timeout=10)
        self.assertEqual(self.path.returncode, 0)
        return said.splitlines()

    def ping(self, *options: str) -> str:
        return run("ip", "netns", "exec", self.hosts[0], "ping", "-n", "-q", *options, "10.78.0.2",
                   check=False)

    def inside(self, end: int, *program: str) -> subprocess.Popen:
        """A program on an end's kernel, or on a stack over its interface where that has no address."""
        command = ["ip", "netns", "exec", self.hosts[end]]
        if end in self.on_stack:
            command += [FAIRLEAD, "run", "--device", f"packet:{self.taps[end]}",
                        "--address", f"10.78.0.{end + 1}/24", "--"]
        child = subprocess.Popen(command + list(program), stdout=subprocess.PIPE, text=True)
        self.private_hosts.append(f"run-{child.pid} ")
        return child

    def await_hosts(self) -> None:
        """Until the stacks of the programs are gone, for they close over the path."""
        end = time.monotonic() + 30
        while any(name in run(FAIRLEAD, "hosts") for name in self.private_hosts):
            self.assertLess(time.monotonic(), end, "a program's host stays")
            time.sleep(0.05)

    def transfer(self, size: int) -> float:
        """Seconds that `size` bytes took."""
        taker = self.inside(1, sys.executable, "-c", TRANSFER, "take")
        self.assertEqual(taker.stdout.readline(), "ready\n")
        giver = self.inside(0, sys.executable, "-c", TRANSFER, "give", str(size))
        said, _ = taker.communicate(timeout=60)
        giver.communicate(timeout=10)
        seen, seconds = said.split()
        self.assertEqual(seen, hashlib.sha256(random.Random(1).randbytes(size)).hexdigest())
        return float(seconds)

    def test_a_trip_takes_the_delay_of_both_ways(self):
        self.begin("--delay", "20ms", "10ms")
        self.ping("-c", "1")  # the neighbours meet
        found = re.search(r"= ([\d.]+)/([\d.]+)/", self.ping("-c", "5", "-i", "0.05"))
        self.assertIsNotNone(found)
        self.assertGreaterEqual(float(found[1]), 30)
        self.assertLess(float(found[1]), 45)
        self.assertEqual(len(self.end()), 2)

    def test_what_is_lost_is_counted(self):
        self.begin("--loss", "50%", "0%", "--seed", "3")
        self.ping("-c", "40", "-i", "0.005", "-W", "1")
        there, back = self.end()
        lost = int(re.search(r"(\d+) lost", there)[1])
        self.assertGreater(lost, 5)
        self.assertIn(" 0 lost", back)

    def test_a_transfer_goes_at_the_rate_and_a_step_marks_it(self):
        self.begin("--rate", "40mbit", "--delay", "5ms", "--aqm", "step", "--threshold",
                   "20ms", "--queue", "1m")
        self.ping("-c", "1")
        seconds = self.transfer(5_000_000)
        self.assertGreater(seconds, 0.95)  # 40 Mbit, and the headers
        self.assertLess(seconds, 5)
        there, _ = self.end()
        self.assertGreater(int(re.search(r"and (\d+) marked", there)[1]), 0)
        self.assertIn(" 0 dropped at a full queue, 0 dropped", there)

    def test_kernels_and_stacks_cross_the_same(self):
        for number, on_stack in enumerate(itertools.chain.from_iterable(
                itertools.combinations((0, 1), count) for count in range(3))):
            with self.subTest(on_stack=on_stack):
                self.on_stack = on_stack
                self.hosts = [f"flpath{os.getpid()}{end}{number}" for end in "ab"]
                self.begin("--rate", "20mbit", "--delay", "5ms", "--loss", "1%", "0%", "--seed", "7")
                for end in on_stack:
                    run("ip", "-n", self.hosts[end], "addr", "flush", "dev", self.taps[end])
                self.transfer(500_000)
                self.await_hosts()
                there, _ = self.end()
                self.assertGreater(int(re.search(r"(\d+) lost", there)[1]), 0)
                for host in self.hosts:
                    run("ip", "netns", "del", host)

    def test_wrong_words_are_told_before_anything_is_made(self):
        for options, words in (
            (["--rate", "fast"], '--rate "fast" is none of 100mbit'),
            (["--loss", "200%"], '--loss "200%" is none of 1%'),
            (["--aqm", "codel"], "takes a --rate"),
            (["--time", "soon"], '--time "soon" is none of'),
        ):
            done = subprocess.run([FAIRLEAD, "path", "--between", "tap:x", "tap:y", *options],
                                  capture_output=True, text=True, timeout=10, check=False)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(words, done.stderr)

    def test_it_ends_by_itself_after_its_time(self):
        start = time.monotonic()
        self.begin("--time", "1s")
        self.path.communicate(timeout=10)
        self.assertEqual(self.path.returncode, 0)
        self.assertLess(time.monotonic() - start, 8)


if __name__ == "__main__":
    FAIRLEAD = sys.argv.pop(1)
    if os.geteuid() != 0 or not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        print("skipped: it takes root and /dev/net/tun")
        sys.exit(CANNOT)
    unittest.main()
