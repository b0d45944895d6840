#!/usr/bin/env python3
"""The rules of the house, which docs/design.md explains: what a file may include, by its path; no operating system in
portable code; functions that fit a screen; the field's own words.

    house-rules.py          checks the tree below the current directory, and lists what breaks a rule
    house-rules.py --bite   plants a violation of each rule in a copy of the tree, and sees that it is found

Reads the text alone: no compiler and no build directory.
"""

import os
import pathlib
import re
import shutil
import sys
import tempfile

LONGEST_FUNCTION = 40

# Public headers without a connection in them: what a backend may know.
VALUES = {
    "address", "buffers", "config", "error", "export", "options", "owned_handle", "peer", "platform", "probe",
    "shared_memory", "stop_token", "trace", "wait", "wait_set",
}
BACKENDS = ("unix", "windows")
# What each backend has for portable code to include, by names that the build's include path finds.
PROVIDED = {"generation.hpp", "native.hpp", "waker.hpp"}
# Where <windows.h> comes in, with what it is told to leave out.
INCLUDES_WINDOWS = pathlib.Path("src/windows/system.hpp")

# By the part of the tree: the other parts that its files may include.
MAY_INCLUDE = {
    "values": {"values"},
    "public": {"values", "public"},
    "core": {"values", "core", "provided"},
    "contract": {"values", "core", "provided"},
    "connection": {"values", "core", "contract", "provided", "connection"},
    "messages": {"values", "public", "core", "messages"},
    "face": {"values", "public", "core", "contract", "provided", "connection"},
    "unix": {"values", "core", "contract", "unix", "public unix"},
    "windows": {"values", "core", "contract", "windows", "public windows"},
    "public unix": {"values", "public", "public unix"},
    "public windows": {"values", "public", "public windows"},
}

SYSTEM_MACRO = re.compile(
    r"_WIN32|_WIN64|__linux|__gnu_linux__|__APPLE__|__MACH__|__unix|\bunix\b|\blinux\b|__FreeBSD|__OpenBSD|__NetBSD"
    r"|__CYGWIN__|_MSC_VER|__MINGW"
)
SYSTEM_HEADER = re.compile(
    r"(windows|winsock2|ws2tcpip|winbase|winternl|aclapi|sddl|io|unistd|fcntl|poll|signal|pthread|pwd|grp|netdb|dlfcn)\.h"
    r"|(sys|arpa|netinet|net|linux|mach)/.*",
    re.IGNORECASE,
)
DIRECTIVE = re.compile(r"^\s*#\s*(\w+)(.*)$")
INCLUDE = re.compile(r'^\s*(?:"([^"]+)"|<([^>]+)>)')

# Names that were given up for the field's own, as parts of an identifier and as nouns of a comment. In other senses
# they are ordinary English.
OLD_NAMES = {"lane", "turn", "place", "quota", "offer", "aside", "reach", "room", "slice"}
OLD_NAMES |= {name + "s" for name in OLD_NAMES}
ORDINARY_NAMES = {"in_place", "in_place_t", "in_place_type", "ERROR_NOT_ENOUGH_QUOTA"}
# "In turn" and "turns into" have no mutex in them, "in its place" no permit, "has no room" no backend.
OLD_WORDS = re.compile(
    r"""\b(lanes?|quotas?|slices?|aside
    |(an?|the|its|his|their|whose|this|each|every|next|another)\s+turns?(?!\s+(out|into|to|off|on)\b)
    |((?<!in\s)(a|the)|another|each|every|free)\s+places?(?!\s+where)
    |(an|the|its|this|no|each|every)\s+offers?
    |(an?|the|its|this|each|every|other|of)\s+rooms?(?!\s+for)
    |(a|the|its|this|each)\s+reach)\b""",
    re.IGNORECASE | re.VERBOSE,
)

TOKEN = re.compile(
    r"""//[^\n]*(?:\\\n[^\n]*)*|/\*.*?\*/          # a comment
    |(?:u8|[uUL])?R"([^()\\\s]*)\(.*?\)\1"         # a raw string
    |(?:u8|[uUL])?"(?:\\.|[^"\\\n])*"              # a string
    |(?<![0-9A-Za-z_])(?:u8|[uUL])?'(?:\\.|[^'\\\n])*'  # a character, not the separator of digits
    """,
    re.DOTALL | re.VERBOSE,
)


class Source:
    """A file's text, with code and comments apart, each where it was."""

    def __init__(self, path):
        self.path = path
        self.text = path.read_text(encoding="utf-8")
        self.code = TOKEN.sub(self._blank_all, self.text)
        self.comments = self._comments_alone()

    @staticmethod
    def _blank(text):
        return re.sub(r"[^\n]", " ", text)

    @classmethod
    def _blank_all(cls, token):
        return cls._blank(token[0])

    def _comments_alone(self):
        parts, end = [], 0
        for token in TOKEN.finditer(self.text):
            parts.append(self._blank(self.text[end : token.start()]))
            parts.append(token[0] if token[0].startswith("/") else self._blank(token[0]))
            end = token.end()
        return "".join(parts) + self._blank(self.text[end:])

    def line_of(self, offset):
        return self.text.count("\n", 0, offset) + 1

    def directives(self):
        """Yields (line, name, rest) of each directive; the rest as it is written, a header's name included."""
        written = self.text.splitlines()
        for number, line in enumerate(self.code.splitlines(), 1):
            if found := DIRECTIVE.match(line):
                yield number, found[1], DIRECTIVE.match(written[number - 1])[2]

    def includes(self):
        for number, name, rest in self.directives():
            if name == "include" and (found := INCLUDE.match(rest)):
                yield number, found[1], found[2]


def part_of(path):
    """The part of the tree that a path below the root belongs to."""
    parts = path.parts
    if parts[:2] == ("include", "localsocket"):
        if parts[2] in BACKENDS:
            return "public " + parts[2]
        return "values" if path.stem in VALUES else "public"
    if parts[0] == "src" and len(parts) > 2:
        return parts[1]
    return "contract" if path.name == "backend.hpp" else "face"


def included(root, path, quoted, angled):
    """The part of the tree that an #include names, or None if it is none of ours."""
    if angled:
        return part_of(pathlib.Path("include", angled)) if angled.startswith("localsocket/") else None
    beside = pathlib.Path(os.path.normpath(path.parent / quoted))
    if (root / beside).exists():
        return part_of(beside)
    if (root / "src" / quoted).exists():
        return part_of(pathlib.Path("src", quoted))
    if quoted in PROVIDED:
        return "provided"
    return "a backend" if any((root / "src" / backend / quoted).exists() for backend in BACKENDS) else "nowhere"


def check_includes(root, path, source):
    part = part_of(path)
    if part not in MAY_INCLUDE:
        yield 1, f"{path.parent} is a part of the tree that the rules do not know"
        return
    for line, quoted, angled in source.includes():
        other = included(root, path, quoted, angled)
        if other and other not in MAY_INCLUDE[part]:
            yield line, f"{part} may not include {other}: {quoted or angled}"


def is_portable(path):
    return not part_of(path).endswith(BACKENDS)


def check_systems(_, path, source):
    portable = not part_of(path).endswith(BACKENDS)
    for line, name, rest in source.directives():
        if portable and "if" in name and path.name != "platform.hpp" and SYSTEM_MACRO.search(rest):
            yield line, f"an operating system's #{name} in portable code"
    for line, _, angled in source.includes():
        if angled and portable and SYSTEM_HEADER.fullmatch(angled):
            yield line, f"an operating system's header in portable code: {angled}"
        elif (angled or "").lower() == "windows.h" and path != INCLUDES_WINDOWS:
            yield line, f"<windows.h> outside of {INCLUDES_WINDOWS}"


def functions(code):
    """Yields (offset of the first word, offset of the closing brace) of each function with a body. A class inside a
    function, or a lambda, is a part of it."""
    head, scopes, depth = 0, [], 0
    blank = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda found: Source._blank(found[0]), code, flags=re.MULTILINE)
    for found in re.finditer(r"[{};()]", blank):
        mark, at = found[0], found.start()
        inside = scopes and scopes[-1][0] != "scope"
        if mark == "(":
            depth += 1
        elif mark == ")":
            depth -= 1
        elif mark == "{":
            kind = "body" if inside else kind_of(blank[head:at], depth)
            scopes.append((kind, head, depth))
            if kind == "scope":
                head = at + 1
        elif mark == "}" and scopes:
            kind, start, depth = scopes.pop()
            if kind == "function":
                yield start + len(blank[start:]) - len(blank[start:].lstrip()), at
            if not (scopes and scopes[-1][0] != "scope") and kind in ("scope", "function"):
                head = at + 1
        elif mark == ";" and not inside and depth == 0:
            head = at + 1


def kind_of(head, depth):
    """What a brace outside of all functions opens, by the text before it: a scope, a function, or a part of a head."""
    head = re.sub(r"\b(public|protected|private)\s*:(?!:)", " ", head)
    if depth > 0:
        return "part"
    if re.search(r"\b(namespace|extern)\b[^()]*$", head):
        return "scope"
    if re.search(r"\b(class|struct|union|enum)\b(?!.*[()])", re.sub(r"\balignas\s*\([^)]*\)|<[^<>]*>", "", head), re.DOTALL):
        return "scope"
    if "(" not in head and "[" not in head:
        return "part"
    # A member's initialiser: "Name() : member{" has more to come.
    members = re.search(r"\)[^()]*?(?<!:):(?!:)(.*)$", head, re.DOTALL)
    if members and re.search(r"[\w>]\s*$", head) and not re.search(r"[)}]\s*$", members[1]):
        return "part"
    if re.search(r"(?<![=!<>+*/&|^-])=\s*$", head) and "operator" not in head:
        return "part"
    return "function"


def check_lengths(_, __, source):
    for first, last in functions(source.code):
        line, end = source.line_of(first), source.line_of(last)
        if end - line + 1 > LONGEST_FUNCTION:
            yield line, f"a function of {end - line + 1} lines; {LONGEST_FUNCTION} are the limit"


def words_of(identifier):
    return re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", identifier)


def check_words(_, path, source):
    code = source.code + "\n" + path.stem
    for found in re.finditer(r"[A-Za-z_]\w*", code):
        if found[0] not in ORDINARY_NAMES and any(word.lower() in OLD_NAMES for word in words_of(found[0])):
            line = min(source.line_of(found.start()), source.text.count("\n") or 1)
            yield line, f"a name that was given up: {found[0]}"
    # A comment's sentence goes on in the next line.
    flowing = re.sub(r"\n\s*//[/!]?<?", lambda found: " " * len(found[0]), source.comments)
    for found in OLD_WORDS.finditer(flowing):
        yield source.line_of(found.start()), f"a word that was given up: {found[0]}"


RULES = {"includes": check_includes, "systems": check_systems, "lengths": check_lengths, "words": check_words}


def check(root, path):
    """Yields (rule, line, what is wrong) of a file."""
    source = Source(root / path)
    for rule, check_rule in RULES.items():
        for line, what in check_rule(root, path, source):
            yield rule, line, what


def of_lines(count, head, line="++n;", end="}"):
    """A function of so many lines."""
    return head + " {\n" + f"  {line}\n" * (count - 2) + end


# (rule that must see it, file, lines added to its end)
PLANTED = [
    ("includes", "src/unix/stream.cpp", '#include "connection/connection.hpp"'),
    ("includes", "src/unix/stream.cpp", '#include "../connection/connection.hpp"'),
    ("includes", "src/windows/stream.cpp", '#include "connection/connection.hpp"'),
    ("includes", "src/windows/stream.cpp", "#include <localsocket/stream.hpp>"),
    ("includes", "src/unix/stream.cpp", "  #  include <localsocket/listener.hpp>"),
    ("includes", "src/unix/stream.cpp", "#include <localsocket/windows/listen_extras.hpp>"),
    ("includes", "src/unix/stream.cpp", '#include "messages/reader.hpp"'),
    ("includes", "src/unix/stream.cpp", '#include "../windows/stream.hpp"'),
    ("includes", "src/connection/connection.cpp", '#include "messages/reader.hpp"'),
    ("includes", "src/connection/connection.cpp", "#include <localsocket/stream.hpp>"),
    ("includes", "src/connection/connection.cpp", '#include "socket_file.hpp"'),
    ("includes", "src/messages/reader.cpp", '#include "connection/connection.hpp"'),
    ("includes", "src/messages/reader.cpp", '#include "backend.hpp"'),
    ("includes", "src/core/gate.cpp", '#include "connection/connection.hpp"'),
    ("includes", "src/core/gate.cpp", '#include "backend.hpp"'),
    ("includes", "src/core/gate.cpp", '#include "unix/stream.hpp"'),
    ("includes", "src/stream.cpp", '#include "messages/reader.hpp"'),
    ("includes", "src/stream.cpp", '#include "unix/stream.hpp"'),
    ("includes", "src/backend.hpp", '#include "connection/connection.hpp"'),
    ("includes", "src/attic/old.cpp", "int attic;"),
    ("includes", "include/localsocket/stream.hpp", '#include "../../src/backend.hpp"'),
    ("includes", "include/localsocket/error.hpp", "#include <localsocket/stream.hpp>"),
    ("systems", "src/core/gate.cpp", "#ifdef _WIN32\n#endif"),
    ("systems", "src/core/gate.cpp", "#if 0\n#elif defined(__linux__)\n#endif"),
    ("systems", "include/localsocket/stream.hpp", " # if defined __APPLE__\n#endif"),
    ("systems", "src/stream.cpp", "#include <sys/socket.h>"),
    ("systems", "include/localsocket/wait.hpp", "#include <windows.h>"),
    ("systems", "src/windows/stream.cpp", "#include <windows.h>"),
    ("lengths", "src/stream.cpp", of_lines(41, "int plain()")),
    ("lengths", "src/unix/stream.cpp", "namespace a::b {\nnamespace {\n" + of_lines(41, "int nested()") + "\n}\n}"),
    ("lengths", "src/windows/stream.cpp", of_lines(41, "Long::Long(int a) noexcept : a_{a}, b_(a), C<int>{{a}}")),
    ("lengths", "src/messages/reader.cpp", of_lines(41, "auto f = [](int a)", end="};")),
    ("lengths", "include/localsocket/stream.hpp", "struct S {\n" + of_lines(41, "  bool operator==(S) const", "++n;  // }") + "\n};"),
    ("lengths", "include/localsocket/wait.hpp", of_lines(41, "template <class T>\nrequires(sizeof(T) > 1) auto g(T t) -> A<T>", "if (t) {}")),
    ("lengths", "src/core/gate.cpp", of_lines(41, "int f()", 'g("}", \'}\', 1\'000, R"(})");')),
    ("words", "src/core/gate.cpp", "class Lane {};"),
    ("words", "src/core/gate.cpp", "int free_places;"),
    ("words", "src/core/gate.cpp", "void leave_place();"),
    ("words", "src/unix/room.cpp", "int none;"),
    ("words", "src/messages/writer.cpp", "using WriterTurn = int;"),
    ("words", "src/messages/writer.cpp", "// The thread that holds the turn writes."),
    ("words", "src/messages/writer.cpp", "// The thread that holds the\n// turn writes."),
    ("words", "src/connection/connection.cpp", "// It gives back a\n/// place."),
    ("words", "src/connection/connection.cpp", "/* A quota. */"),
    ("words", "src/unix/stream.cpp", "// Each room has its own."),
    ("words", "src/unix/stream.cpp", "// It waits for 200 ms, a slice."),
    ("words", "src/unix/stream.cpp", "// What is kept aside."),
    ("words", "src/unix/stream.cpp", "// The listener makes an offer."),
]
INNOCENT = [
    ("src/unix/stream.cpp", '#include "core/gate.hpp"\n#include "backend.hpp"\n#include <localsocket/wait.hpp>\n#include <poll.h>'),
    ("src/windows/stream.cpp", "#ifdef _WIN32\n#endif"),
    ("src/messages/reader.cpp", "#include <localsocket/stream.hpp>"),
    ("src/core/gate.cpp", '// #include "connection/connection.hpp"\nconst char* text = "#ifdef _WIN32 place";'),
    ("src/core/gate.cpp", "// They are served in turn; it turns into an error in its place, and in one place, in place of none, has no room\n// for more: they reach the end."),
    ("src/core/gate.cpp", "int replaced = emplace(std::in_place, 1); return_type returns;"),
    ("src/core/gate.cpp", "const int table[] = {\n" + "  1,\n" * 60 + "};\nstruct T {\n" + "  int a{f(1)};\n" * 60 + "  T() : a{1} {}\n};"),
    ("src/core/gate.cpp", of_lines(40, "int f()")),
    ("src/core/gate.cpp", "enum class E : int {\n" + "  a,\n" * 60 + "};\nextern \"C\" {\n" + "int f(int);\n" * 60 + "}"),
]


def bite(root):
    """Returns how many of the planted lines are misjudged."""
    misjudged = 0
    for rule, name, lines in PLANTED + [(None, *innocent) for innocent in INNOCENT]:
        path = pathlib.Path(name)
        existed = (root / path).exists()
        before = (root / path).read_text(encoding="utf-8") if existed else ""
        usual = set(check(root, path)) if existed else set()
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(before + lines + "\n", encoding="utf-8")
        found = {violation[0] for violation in set(check(root, path)) - usual}
        if existed:
            (root / path).write_text(before, encoding="utf-8")
        else:
            (root / path).unlink()
        if found != ({rule} if rule else set()):
            misjudged += 1
            print(f"seen by {', '.join(sorted(found)) or 'no rule'} instead of {rule or 'none'}: {path}: {lines}")
    print(f"{len(PLANTED)} planted violations and {len(INNOCENT)} innocent lines, {misjudged} of them misjudged")
    return misjudged


def main(arguments):
    tree = pathlib.Path()
    if arguments == ["--bite"]:
        with tempfile.TemporaryDirectory() as copy:
            for top in ("include", "src"):
                shutil.copytree(tree / top, pathlib.Path(copy, top))
            return 1 if bite(pathlib.Path(copy)) else 0
    paths = [path for top in ("include", "src") for path in sorted((tree / top).rglob("*.[ch]pp"))]
    found = [(path, *violation) for path in paths for violation in check(tree, path)]
    for path, rule, line, what in found:
        print(f"{path}:{line}: {what} [{rule}]")
    return 1 if found else 0


sys.exit(main(sys.argv[1:]))
