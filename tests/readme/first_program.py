#!/usr/bin/env python3
"""Prints the first program of a README: first_program.py README.md"""

import pathlib
import re
import sys

sys.stdout.write(re.search(r"```cpp\n(.*?)```", pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"), re.DOTALL)[1])
