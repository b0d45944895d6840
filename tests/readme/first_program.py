#!/usr/bin/env python3
"""Prints the first program of a README as a function that returns: first_program.py README.md"""

import pathlib
import re
import sys

readme = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")
program = re.search(r"```cpp\n(.*?)```", readme, re.DOTALL)[1]
sys.stdout.write(program.replace("int main()", "void first_program()"))
