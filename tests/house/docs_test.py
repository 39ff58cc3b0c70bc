"""The documents name what exists, and the rows of docs/status.md have the form it promises."""
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")], key=lambda path: path.as_posix()
)
IN_TREE = re.compile(r"`((?:include|src|tests|bench|docs|scripts|cmake|\.ci)/[\w./-]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)?(?:#([\w-]+))?\)")


def anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


class Documents(unittest.TestCase):
    def test_paths_in_the_documents_exist(self):
        for document in DOCUMENTS:
            for path in IN_TREE.findall(document.read_text()):
                with self.subTest(f"{document.relative_to(ROOT)}: {path}"):
                    self.assertTrue((ROOT / path).exists())

    def test_links_lead_somewhere(self):
        for document in DOCUMENTS:
            for target, place in LINK.findall(document.read_text()):
                if re.match(r"\w+:", target):
                    continue
                with self.subTest(f"{document.relative_to(ROOT)}: {target}#{place}"):
                    file = document.parent / target if target else document
                    self.assertTrue(file.exists())
                    if place:
                        headings = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
                        self.assertIn(place, [anchor(heading) for heading in headings])


class House(unittest.TestCase):
    def test_the_walks_lead_through_functions_that_are_there(self):
        text = (ROOT / "docs/house.md").read_text()
        steps = re.findall(r"^\| `(src/[\w/.]+)` \|.*\| ([^|]+) \|$", text, re.MULTILINE)
        self.assertGreater(len(steps), 20)
        for file, functions in steps:
            source = (ROOT / file).read_text()
            for name in re.findall(r"`([\w:]+)`", functions):
                with self.subTest(f"{file}: {name}"):
                    # As it is defined: behind its return type, or a member of its class.
                    self.assertRegex(source, rf"(?m)^\w.*[ :]{name}\(")

    def test_the_rooms_of_tcp_are_those_in_the_table(self):
        text = (ROOT / "docs/house.md").read_text()
        table = text[text.index("## TCP in rooms") :].split("\n## ")[0]
        rows = [row.split(" | ")[0] for row in table.split("\n") if row.startswith("| ")]
        rooms = {room for row in rows for room in re.findall(r"`([\w/]+)`", row)}
        folder = ROOT / "src/tcp"
        there = {str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.hpp")}
        self.assertEqual(rooms - {"output"}, there)  # output.cpp is part of the sender
        planned = {room for row in rows for room in re.findall(r"\*([\w/]+)\*", row)}
        self.assertFalse(planned & there)


class Settings(unittest.TestCase):
    def test_a_setting_is_obeyed_or_status_says_that_it_is_not(self):
        """Only what some code reads can be obeyed."""
        names = re.findall(r'\{"(net\.[\w.]+)",\s*&Config::(\w+)',
                           (ROOT / "src/base/config.cpp").read_text())
        self.assertGreater(len(names), 60)
        code = "".join(
            path.read_text() for path in (ROOT / "src").rglob("*.[ch]pp")
            if path.name != "config.cpp")
        status = (ROOT / "docs/status.md").read_text()
        row = next(line for line in status.split("\n") if "obeyed by nothing: " in line)
        said = set(re.findall(r"\w+", row[row.index("obeyed by nothing: ") :].split(")")[0]))
        unread = {field for _, field in names if not re.search(rf"\.{field}\b", code)}
        self.assertEqual(unread - said, set(), "docs/status.md does not name these")
        self.assertEqual({field for _, field in names if field in said} - unread, set(),
                         "docs/status.md says that these are obeyed by nothing")


class Counters(unittest.TestCase):
    def test_each_counter_of_tcp_is_listed_and_what_is_counted_is(self):
        names = dict.fromkeys(re.findall(
            r"\bTcp\w+", (ROOT / "include/fairlead/counters.hpp").read_text()))
        rows = re.findall(r"^\| (Tcp\w+) \| (yes|no) \| ([^|]+) \| ([^|]+) \|$",
                          (ROOT / "docs/counters.md").read_text(), re.MULTILINE)
        self.assertEqual([name for name, _, _, _ in rows], list(names))
        for name, is_counted, where, held_by in rows:
            if is_counted == "yes":
                for file in re.findall(r"`(src/[\w/.]+)`", where):
                    with self.subTest(f"{name} in {file}"):
                        self.assertIn(f"Counter::{name}", (ROOT / file).read_text())
                with self.subTest(f"{name} is held by {held_by}"):
                    self.assertRegex(held_by, r"^(`tests/[\w/.-]+`|none)$")
                    if held_by != "none":
                        self.assertRegex((ROOT / held_by.strip("`")).read_text(), rf"\b{name}\b")


class Status(unittest.TestCase):
    def rows(self):
        lines = (ROOT / "docs/status.md").read_text().split("\n")
        for number, line in enumerate(lines, 1):
            if line.startswith("|") and not line.startswith(("| what |", "|---")):
                yield number, [cell.strip() for cell in line.strip("|").split(" | ")]

    def test_a_row_says_what_and_its_state_and_its_proof(self):
        for number, row in self.rows():
            with self.subTest(f"line {number}"):
                self.assertEqual(len(row), 3)
                self.assertRegex(row[1], r"^(works|partly \(.+\)|not yet)$")
                if row[1] == "not yet":
                    self.assertEqual(row[2], "")
                else:
                    self.assertRegex(row[2], r"`.+`")

    def test_no_row_stands_twice(self):
        seen = {}
        for number, row in self.rows():
            self.assertNotIn(row[0], seen, f"line {number} repeats line {seen.get(row[0])}")
            seen[row[0]] = number


if __name__ == "__main__":
    unittest.main()
