#!/usr/bin/env python3
"""Makes of every ```cpp block of some pages one C++ source: extract.py PAGE...

A block with a main is a program: a function that the test runs. Another is the inside of a function, or, where the
fence says ```cpp declarations, stands outside of one; both are compiled alone. What they use without declaring it is in
context.hpp.
"""

import pathlib
import re
import sys

BLOCK = re.compile(r"^```cpp *(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What not every platform or installation has.
ONLY_WITH = {"asio::": "DOCS_HAVE_ASIO", "posix::": "DOCS_HAVE_POSIX"}


def blocks(page):
    text = page.read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        yield match[1], match[2], text.count("\n", 0, match.start(2)) + 1


def translated(number, page, kind, code, line):
    """The block as C++ in a namespace of its own, whose errors the compiler reports by the page's lines."""
    # Includes are at the top of the whole; their lines stay, for the numbers.
    code = re.sub(r"^#include.*$", "", code, flags=re.MULTILINE)
    at = f'#line {line} "{page.as_posix()}"\n'
    if "int main()" in code:
        body = at + code.replace("int main()", "void program()")
        after = f'const bool added = docs::add("{page.name}:{line}", &program);\n'
    else:
        opening, closing = ("", "") if kind == "declarations" else ("[[maybe_unused]] void fragment() {\n", "}\n")
        body, after = f"using namespace docs;\n{opening}{at}{code}{closing}", ""
    text = f"namespace block_{number} {{\n{body}{after}}}\n"
    for word, macro in ONLY_WITH.items():
        if word in code:
            text = f"#if defined({macro})\n{text}#endif\n"
    return text


def main(pages):
    found = [(page, *block) for page in pages for block in blocks(page)]
    includes = {include for _, _, code, _ in found for include in re.findall(r"^#include.*$", code, re.MULTILINE)}
    print("\n".join(sorted(includes)))
    print('#include "context.hpp"')
    for number, block in enumerate(found):
        print(translated(number, *block))


main([pathlib.Path(page) for page in sys.argv[1:]])
