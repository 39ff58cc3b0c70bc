#!/usr/bin/env python3
"""rfc.py - writes docs/rfc.md: what the RFCs of TCP ask for, and what code and which test answer.

    scripts/rfc.py          writes it
    scripts/rfc.py --check  tells whether it is what it would write

What is asked stands in scripts/rfc.txt; the code and the tests say themselves what they are about, by a
comment with the RFC and the names of its requirements, or its section:

    // RFC 9293 MUST-12, MUST-13
    // RFC 5961 REQ-3.2: a reset is believed at the exact number only

REQ-3.2 is what section 3.2 asks for, in an RFC that does not number its requirements.
A requirement that code and a test name works, unless scripts/rfc.txt says what is missing. Of what RFC 9293 took
over from an older one scripts/rfc.txt says `as MUST-3`: it is as that.
"""
import collections
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/rfc.md"
ASKED = ROOT / "scripts/rfc.txt"
SOURCES = {".cpp", ".hpp", ".h", ".pkt", ".py"}
MOST_NAMED = 3  # files in a cell

MARK = re.compile(r"RFC (\d{4})\b")
NAME = re.compile(r"\b(?:(?:MUST|SHLD|MAY)-\d+|REQ-[\dA-F]+(?:\.\d+)*)\b")

INTRODUCTION = """# What the RFCs ask of TCP

Written by `scripts/rfc.py`, which a test runs; not by hand. A row *works* when both a piece of code and a test
name it in a comment (`RFC 9293 MUST-12`; `RFC 5961 REQ-3.2` for its section 3.2); the words of the last column, and what
is missing, stand in `scripts/rfc.txt`. The numbers are those of RFC 9293, appendix B, and the sections of the others.

"""


class Requirement:
    def __init__(self, rfc: str, name: str, words: str, remark: str):
        self.rfc, self.name, self.words, self.remark = rfc, name, words, remark
        self.same_as: list[str] = []  # of RFC 9293


def asked() -> list[Requirement]:
    found = []
    for line in ASKED.read_text().splitlines():
        if line and not line.startswith("#"):
            fields = [field.strip() for field in line.split("|")]
            found.append(Requirement(*fields, *[""] * (4 - len(fields))))
    remarks = {r.name: r.remark for r in found if r.rfc == "9293"}
    for r in found:
        if r.remark.startswith("as "):
            r.same_as = NAME.findall(r.remark)
            r.remark = next((remarks[name] for name in r.same_as if remarks[name]), "")
            if not all(remarks[name] for name in r.same_as):
                r.remark = r.remark.replace("not taken: ", "partly: ")
    return found


def comments_of(path: pathlib.Path) -> list[str]:
    return [line for line in path.read_text(errors="replace").splitlines() if "RFC " in line]


def marks(folders: list[str]) -> dict[tuple[str, str], list[str]]:
    """Which files name a requirement."""
    named: dict[tuple[str, str], list[str]] = collections.defaultdict(list)
    files = sorted(path for folder in folders for path in (ROOT / folder).rglob("*")
                   if path.suffix in SOURCES)
    for path in files:
        for line in comments_of(path):
            # Each RFC of a line speaks for what stands behind it, up to the next.
            pieces = MARK.split(line)
            for rfc, text in zip(pieces[1::2], pieces[2::2]):
                for name in sorted({*NAME.findall(text)}):
                    file = path.relative_to(ROOT).as_posix()
                    if file not in named[rfc, name]:
                        named[rfc, name].append(file)
    return named


def evidence(folders: list[str]) -> dict[tuple[str, str], list[str]]:
    """Likewise, and of what is the same in RFC 9293."""
    named = marks(folders)
    for r in asked():
        named[r.rfc, r.name] += [file for name in r.same_as for file in named["9293", name]
                                 if file not in named[r.rfc, r.name]]
    return named


def cell(files: list[str]) -> str:
    shown = ", ".join(f"`{file}`" for file in files[:MOST_NAMED])
    return shown + (f" and {len(files) - MOST_NAMED} more" if len(files) > MOST_NAMED else "")


def state_of(requirement: Requirement, code: list[str], tests: list[str]) -> str:
    kind, _, reason = requirement.remark.partition(": ")
    if kind == "partly" and (code or tests):
        return f"partly ({reason})"
    if code and tests and not requirement.remark:
        return "works"
    if kind == "not taken":
        return f"not yet ({reason})"
    return "not yet" + (f" ({requirement.remark})" if requirement.remark else "")


def page() -> str:
    requirements = asked()
    code, tests = evidence(["src", "include"]), evidence(["tests"])
    rows: dict[str, list[str]] = collections.defaultdict(list)
    counts: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
    for requirement in requirements:
        key = (requirement.rfc, requirement.name)
        state = state_of(requirement, code[key], tests[key])
        kind = requirement.name.split("-")[0] if requirement.rfc == "9293" else ""
        counts[requirement.rfc + kind][re.match(r"works|partly|not yet", state)[0]] += 1
        rows[requirement.rfc].append(
            f"| {requirement.name.replace('REQ-', '§')} | {state} | {cell(code[key])} | {cell(tests[key])} | {requirement.words} |")
    text = INTRODUCTION
    text += "| RFC | works | partly | not yet |\n|---|---|---|---|\n"
    for key, count in counts.items():
        name = f"RFC {key[:4]} {key[4:]}".strip()
        text += f"| {name} | {count['works']} | {count['partly']} | {count['not yet']} |\n"
    for rfc, lines in rows.items():
        column = "requirement" if rfc == "9293" else "section"
        text += f"\n## RFC {rfc}\n\n| {column} | state | code | test | what it asks |\n|---|---|---|---|---|\n"
        text += "\n".join(lines) + "\n"
    return text


def main() -> int:
    if sys.argv[1:] == ["--check"]:
        if PAGE.exists() and PAGE.read_text() == page():
            return 0
        print("docs/rfc.md is not what the sources say: run scripts/rfc.py", file=sys.stderr)
        return 1
    PAGE.write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
