"""scripts/recovery: its arithmetic, and one short download over a path by each sender.

    recovery_test.py FAIRLEAD [unittest arguments]
"""
import dataclasses
import importlib.machinery
import importlib.util
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts/recovery"
CANNOT = 77  # what ctest takes for skipped
loader = importlib.machinery.SourceFileLoader("recovery", str(SCRIPT))
recovery = importlib.util.module_from_spec(importlib.util.spec_from_loader("recovery", loader))
sys.modules["recovery"] = recovery  # where dataclasses look their names up
loader.exec_module(recovery)


class Arithmetic(unittest.TestCase):
    def test_a_ratio_is_of_the_geometric_means(self):
        ratio = recovery.ratio_of({1: 1.0, 2: 4.0}, {1: 4.0, 2: 4.0})
        self.assertAlmostEqual(ratio.middle, 0.5)
        self.assertLess(ratio.low, 0.5)
        self.assertGreater(ratio.high, 0.5)
        self.assertFalse(ratio.is_narrow)

    def test_its_interval_is_that_of_the_pairs(self):
        # t = 3.18 for 3 degrees of freedom; how much a seed differs from another is nothing to it.
        theirs = {1: 1.0, 2: 10.0, 3: 100.0, 4: 1000.0}
        step = math.exp(0.01)
        ours = {1: 1.0, 2: 10.0, 3: 100.0 * step, 4: 1000.0 * step}
        ratio = recovery.ratio_of(ours, theirs)
        error = math.sqrt(0.01 ** 2 / 3 / 4)
        self.assertAlmostEqual(ratio.middle, math.exp(0.005))
        self.assertAlmostEqual(ratio.high, math.exp(0.005 + 3.18 * error))
        self.assertTrue(ratio.is_narrow)

    def test_a_seed_that_one_alone_had_counts_for_nothing(self):
        ours = {1: 1.0, 2: 2.0, 3: 7.0}
        self.assertEqual(recovery.ratio_of(ours, {1: 1.0, 2: 2.0}), recovery.Ratio(1.0, 1.0, 1.0))

    def test_too_little_is_no_ratio(self):
        self.assertIsNone(recovery.ratio_of({1: 1.0}, {1: 1.0, 2: 2.0}))
        self.assertIsNone(recovery.ratio_of({1: 0.0, 2: 1.0}, {1: 1.0, 2: 2.0}))

    def test_names_are_unlike(self):
        names = [cell.name for cell in recovery.cells()]
        self.assertEqual(len(names), len(set(names)))
        self.assertIn("cubic-100mbit-50ms-loss1", names)


@dataclasses.dataclass(frozen=True)
class Short(recovery.Cell):
    seconds: float = 0.5


class OverAPath(unittest.TestCase):
    def test_both_senders_get_something_through(self):
        if os.geteuid() != 0 or not os.access("/dev/net/tun", os.R_OK | os.W_OK):
            self.skipTest("it takes root and /dev/net/tun")
        with tempfile.TemporaryDirectory() as folder:
            recovery.Bed.folder = folder
            with open(f"{folder}/file", "wb") as file:
                file.truncate(1 << 30)
            for sender in recovery.SENDERS:
                with recovery.Bed(Short("reno", 10, 10, loss=0.1), sender, 1) as bed:
                    self.assertGreater(bed.goodput(), 0.5, sender)
                left = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True,
                                      check=True).stdout
                for host, tap in zip(bed.hosts, bed.taps):
                    self.assertNotIn(host, left)
                    self.assertFalse(os.path.exists(f"/sys/class/net/{tap}"))


class CommandLine(unittest.TestCase):
    def told(self, *words: str) -> subprocess.CompletedProcess:
        return subprocess.run([SCRIPT, *words], capture_output=True, text=True, timeout=20,
                              check=False)

    def test_the_cells_are_named(self):
        self.assertIn("bbr-10mbit-200ms-loss3\n", self.told("--list").stdout)

    def test_a_name_that_is_none_is_told(self):
        done = self.told("--cells", "carrier-pigeon")
        self.assertEqual(done.returncode, 2)
        self.assertIn("no cell's name matches 'carrier-pigeon'", done.stderr)


if __name__ == "__main__":
    recovery.FAIRLEAD = pathlib.Path(sys.argv.pop(1))
    unittest.main()
