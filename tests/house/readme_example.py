"""Prints the C++ program of README.md, so that the build can compile what a reader copies."""
import pathlib
import re
import sys

readme = (pathlib.Path(__file__).resolve().parents[2] / "README.md").read_text()
programs = re.findall(r"```cpp\n(.*?)```", readme, re.DOTALL)
if len(programs) != 1:
    sys.exit(f"README.md has {len(programs)} C++ programs, not one")
print(programs[0], end="")
