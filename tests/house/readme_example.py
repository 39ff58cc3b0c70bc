"""Prints the one program of README.md in the language named (cpp, c), so that the build can compile
what a reader copies."""
import pathlib
import re
import sys

readme = (pathlib.Path(__file__).resolve().parents[2] / "README.md").read_text()
language = sys.argv[1]
programs = re.findall(rf"```{language}\n(.*?)```", readme, re.DOTALL)
if len(programs) != 1:
    sys.exit(f"README.md has {len(programs)} programs in {language}, not one")
print(programs[0], end="")
