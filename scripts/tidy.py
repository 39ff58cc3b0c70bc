#!/usr/bin/env python3
"""tidy.py - the rules of the house that a compiler does not know.

    scripts/tidy.py [ROOT]      ROOT is the repository; the one this script lies in, if not named

Fails when a folder looks at one it does not stand on (src/CMakeLists.txt says who stands on whom),
when the core touches the outside world, when a header has no card, or a name or a comment says
nothing. Notes, without failing, the files that have grown long.
"""
import pathlib
import re
import sys

LINES_MAX = 500  # a hint that a room holds two rooms

CORE = {"base", "wire", "packet", "link", "ip", "udp", "tcp", "socket", "stack"}

# The public headers are values that every layer may see, except for those that own memory.
PUBLIC_HOME = {"packet.hpp": "packet", "device.hpp": "packet", "simulation.hpp": "sim"}

# What the core includes of the standard library: plain names (no operating system, no other
# library), and none that bring time, chance, threads or the outside in, or cost each reader dear.
NO_CORE_HEADER = set(
    "chrono random ctime functional ranges regex thread mutex shared_mutex condition_variable"
    " future atomic stop_token semaphore barrier latch iostream istream ostream sstream fstream"
    " iomanip filesystem locale csignal any typeinfo".split()
)
C_HEADERS = {"stddef.h", "stdint.h"}
# What would let time, chance, threads, the outside world or a hidden cost into the core.
NO_CORE_CODE = [
    (r"_clock::now|\b(clock_gettime|gettimeofday|std::time)\b", "the core reads no clock"),
    (r"\brand\(|random_device|\w+_distribution\b|\bmt19937", "the core draws no chance"),
    (r"std::(thread|jthread|mutex|atomic\w*|async|future)\b|\bthread_local\b|\bvolatile\b",
     "the core has one thread and no lock"),
    (r"\bgetenv\b|\bsleep|\bsystem\(|std::(cout|cerr|cin)\b|\bf?printf\(",
     "the core touches nothing outside"),
    (r"\b(double|float)\b", "the core decides in integers"),
    (r"std::function\b", "no std::function in the core: it may allocate"),
    (r"\b(shared_ptr|weak_ptr)\b", "bytes are counted by Slice, all else has one owner"),
    (r"\bthrow\b|\btry\s*\{|\bcatch\s*\(", "no exceptions in the core: Result or a drop reason"),
    (r"\bdynamic_cast\b|\btypeid\b", "no RTTI in the core"),
]
OUTSIDE_HOME = {"src/base/assert.cpp"}  # the last words before a broken invariant stops us
VIRTUAL = re.compile(r"\bvirtual\b")
VIRTUAL_HOME = {"include/fairlead/device.hpp"}  # the one seam that is a class to derive from
NEW = re.compile(r"(?<!operator )\bnew\s+(?:\(|[\w:])|\bmake_(?:unique|shared)\b|\bmalloc\(")
# Memory is taken by those who own a stock of it, and once, when a stack is made.
NEW_HOME = re.compile(r"^(pool|slab|arena|table|wheel)|_(pool|slab|arena|table|wheel)$|^stack$|^network$")

EMPTY_NAME = re.compile(r"(^|_)(utils?|helpers?|managers?|misc|common|stuff)(_|$)")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
CARD = re.compile(r"(?://|/\*) (?P<path>[\w./-]+) — \S")

TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<d>[^(\s]*)\(.*?\)(?P=d)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'',
    re.DOTALL,
)
INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"(?P<own>[^"]+)"|<(?P<foreign>[^>]+)>)')


def code_only(text: str) -> list[str]:
    """The lines with comments and what stands in quotes blanked, #include lines left whole."""

    def blank(match: re.Match) -> str:
        start = text.rfind("\n", 0, match.start()) + 1
        if match[0][0] == '"' and text[start : match.start()].lstrip().startswith("#"):
            return match[0]
        if match[0][0] == "'" and text[match.start() - 1].isalnum():
            return match[0]  # a digit separator, not a character
        return re.sub(r"[^\n]", " ", match[0])

    return TOKEN.sub(blank, text).split("\n")


def layers(root: pathlib.Path) -> dict[str, set[str]]:
    """Who may see whom: each library of src/CMakeLists.txt with all it stands on."""
    text = re.sub(r"#.*", "", (root / "src/CMakeLists.txt").read_text())
    below: dict[str, set[str]] = {}
    for folder, rest in re.findall(r"fairlead_library\(\s*(\w+)([^)]*)\)", text):
        depends = re.search(r"\bDEPENDS\s+([\w\s]+?)\s*(?=\bLIBRARIES\b|$)", rest)
        direct = set(depends[1].split()) if depends else set()
        below[folder] = direct.union(*(below.get(name, set()) for name in direct))
    return below


def check_lines(path: str, layer: str, is_header: bool, lines: list[str], below: dict):
    """Yields (line number, fault) for what single lines say."""
    is_core = layer in CORE or layer == "include"
    for number, line in enumerate(lines, 1):
        if include := INCLUDE.match(line):
            own, foreign = include["own"], include["foreign"]
            if own:
                first, _, rest = own.partition("/")
                seen = PUBLIC_HOME.get(rest, "base") if first == "fairlead" else first
                if not rest:
                    yield number, f'include "{own}" by its way from src/ or include/'
                elif layer == "include":
                    if first != "fairlead":
                        yield number, "a public header sees public headers only"
                elif layer in below and seen in below and seen != layer:
                    if seen not in below[layer] and not (first == "fairlead" and seen == "base"):
                        yield number, f"{layer} must not see {seen}"
                elif layer in below and seen not in below:
                    yield number, f"{layer} must not see {seen}"
            elif path.endswith(".h") and foreign in C_HEADERS:
                pass  # of the one header that C programs include
            elif is_core and not re.fullmatch(r"[a-z_0-9]+", foreign):
                yield number, f"the core includes the standard library only, not <{foreign}>"
            elif is_core and foreign in NO_CORE_HEADER:
                yield number, f"not in the core: <{foreign}>"
            continue
        if is_core and path not in OUTSIDE_HOME:
            for pattern, fault in NO_CORE_CODE:
                if re.search(pattern, line):
                    yield number, fault
            if VIRTUAL.search(line) and path not in VIRTUAL_HOME:
                yield number, "virtual belongs to the Device seam only"
            if NEW.search(line) and not NEW_HOME.search(pathlib.PurePath(path).stem):
                yield number, "memory is taken by pools and tables only"
        if is_header and re.match(r"\s*using namespace\b", line):
            yield number, "a header opens no namespace for its readers"


def check(root: pathlib.Path, file: pathlib.Path, below: dict):
    """Yields (line number, fault) for one file."""
    path = file.relative_to(root).as_posix()
    parts = file.relative_to(root).parts
    layer = "include" if parts[0] == "include" else parts[1] if parts[0] == "src" else parts[0]
    text = file.read_text()
    is_header = file.suffix in (".hpp", ".h")
    yield from check_lines(path, layer, is_header, code_only(text), below)
    for number, line in enumerate(text.split("\n"), 1):
        if UNFINISHED.search(line):
            yield number, "what is unfinished goes into an issue, not into the code"
    for part in (*parts[:-1], file.stem):
        if EMPTY_NAME.search(part):
            yield 1, f"'{part}' does not say what is in it"
    if is_header:
        card = CARD.match(text)
        if not card or not f"/{path}".endswith(f"/{card['path']}"):
            yield 1, f"a header opens with its card: // {'/'.join(parts[1:])} — what it is"
        if file.suffix == ".hpp" and "#pragma once" not in text:
            yield 1, "#pragma once is missing"


def check_tree(root: pathlib.Path) -> tuple[list[str], list[str]]:
    """All faults, and all notes, as lines to print."""
    faults, notes = [], []
    below = layers(root)
    for folder in sorted(CORE):
        for seen in sorted(below.get(folder, set()) - CORE):
            faults.append(f"src/CMakeLists.txt:1: the core's {folder} must not stand on {seen}")
    for top in ("include", "src", "tests", "bench", "examples"):
        for file in sorted((root / top).rglob("*")):
            if file.suffix not in (".cpp", ".hpp", ".c", ".h"):
                continue
            path = file.relative_to(root)
            faults += [f"{path}:{number}: {fault}" for number, fault in check(root, file, below)]
            length = len(file.read_text().splitlines())
            if length > LINES_MAX:
                notes.append(f"note: {path}: {length} lines; is this two rooms?")
    return faults, notes


def main() -> int:
    here = pathlib.Path(__file__).resolve().parent.parent
    root = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else here
    faults, notes = check_tree(root)
    for line in notes + faults:
        print(line)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
