"""When a program's descriptor is readable and writable: what waits is woken, and edges are counted beside the kernel.

    readiness_test.py FAIRLEAD [unittest arguments]

Runs in a network of its own; ends with 77 where none may be made.
"""
import os
import pathlib
import random
import sys

from on_host import OnHost, main, output

HERE = pathlib.Path(__file__).resolve().parent / "host"
TIMES = "200"


class Readiness(OnHost):
    def test_a_set_that_waits_for_edges_is_told_as_often_as_on_the_kernel(self):
        program = (sys.executable, str(HERE / "edges.py"))
        on_kernel = output(*program)
        self.assertEqual(len(on_kernel.splitlines()), 12, on_kernel)
        self.assertEqual(output(*self.hosted(*program)), on_kernel)

    def test_whoever_waits_is_woken(self):
        self.wake("50")

    def wake(self, spin: str) -> None:
        seed = os.environ.get("FAIRLEAD_SEED", str(random.randrange(10**6)))
        said = output("env", f"FAIRLEAD_SPIN={spin}",
                      *self.hosted(sys.executable, str(HERE / "waking.py"), TIMES, seed))
        self.assertEqual(said.splitlines()[-1], "all were woken", f"seed {seed}, {said[-1000:]}")


class ReadinessOfWhoSleeps(OnHost):
    OPTIONS = ("--spin", "0")

    def test_whoever_waits_is_woken(self):
        Readiness.wake(self, "0")


main()
