"""docs/rfc.md says what the sources say, of every requirement of RFC 9293."""
import importlib.util
import pathlib
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("rfc", ROOT / "scripts/rfc.py")
rfc = importlib.util.module_from_spec(spec)
spec.loader.exec_module(rfc)


class Page(unittest.TestCase):
    def test_it_is_fresh(self):
        self.assertEqual(rfc.PAGE.read_text(), rfc.page(), "run scripts/rfc.py")

    def test_every_requirement_of_rfc_9293_has_its_row(self):
        names = [r.name for r in rfc.asked() if r.rfc == "9293"]
        wanted = [f"{kind}-{n}" for kind, last in (("MUST", 69), ("SHLD", 31), ("MAY", 18))
                  for n in range(1, last + 1)]
        self.assertEqual(sorted(names), sorted(wanted))

    def test_what_is_not_taken_or_whole_has_its_reason(self):
        code, tests = rfc.evidence(["src", "include"]), rfc.evidence(["tests"])
        for r in rfc.asked():
            state = rfc.state_of(r, code[r.rfc, r.name], tests[r.rfc, r.name])
            with self.subTest(f"RFC {r.rfc} {r.name}"):
                self.assertTrue(state == "works" or "(" in state, state)
                # A reason that is no longer true is taken away.
                whole = code[r.rfc, r.name] and tests[r.rfc, r.name]
                self.assertFalse(whole and r.remark.startswith("not taken"), state)

    def test_no_mark_names_what_is_not_there(self):
        known = {(r.rfc, r.name) for r in rfc.asked()}
        for folders in (["src", "include"], ["tests"]):
            for name in rfc.marks(folders):
                with self.subTest(name):
                    self.assertIn(name, known)

    def test_a_mark_is_read_up_to_the_next_rfc(self):
        line = "// RFC 9293 §3.8.6 (MUST-34, SHLD-15), RFC 5961 REQ-3.2; RFC 7323 §5.3"
        pieces = rfc.MARK.split(line)
        self.assertEqual(pieces[1::2], ["9293", "5961", "7323"])
        found = [rfc.NAME.findall(piece) for piece in pieces[2::2]]
        self.assertEqual(found, [["MUST-34", "SHLD-15"], ["REQ-3.2"], []])


if __name__ == "__main__":
    unittest.main()
