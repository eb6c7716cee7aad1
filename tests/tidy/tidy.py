#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rules of docs/STYLE.md that a machine can check, over the source tree.

Prints each breach as file:line: rule, then the numbers worth watching, and fails if there is any
breach. An exemption is a comment with its reason, on the line or right above it, or, for a
function's length, right above the function:

    /* tidy: long, a flat table of options */      function longer than FUNCTION_MAX
    /* tidy: allow malloc, libfoo frees it */      the named call, banned elsewhere
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
AREAS = ("common", "proto", "media-node", "orchestrator", "probe", "tests", "deploy", "cmake",
         "docs", ".ci")
SKIPPED_DIRS = {"node_modules", "dist", "corpus", "__pycache__"}

FUNCTION_MAX = 70
FILE_MAX = 1000
FILE_WANTED = 600
HEADER_WANTED = 200
LINE_MAX = 100

# Call -> what to use instead.
UNSAFE = {
    "strcpy": "snprintf or memcpy with a known length",
    "strcat": "snprintf with an offset",
    "strncat": "snprintf with an offset",
    "sprintf": "snprintf",
    "vsprintf": "vsnprintf",
    "gets": "fgets",
    "atoi": "strtol and a range check",
    "atol": "strtol and a range check",
    "atoll": "strtoll and a range check",
    "strtok": "strcspn",
    "alloca": "a bounded array",
}
UNCHECKED = {
    "malloc": "mem_alloc",
    "calloc": "mem_array",
    "realloc": "mem_grow",
    "reallocarray": "mem_grow",
    "strdup": "mem_str",
    "strndup": "mem_copy",
}
IO = {
    "printf": "log_write", "fprintf": "log_write", "puts": "log_write", "fputs": "log_write",
    "putchar": "log_write", "perror": "log_write",
    "time": "now_us as an argument", "clock_gettime": "now_us as an argument",
    "gettimeofday": "now_us as an argument", "clock": "now_us as an argument",
    "rand": "a struct prng", "random": "a struct prng", "getenv": "a config field",
    "fopen": "bytes as an argument", "socket": "an output", "usleep": "a deadline",
    "sleep": "a deadline", "pthread_create": "an output",
}

CORES = ("media-node/core", "orchestrator/core")
PURE = CORES + ("common/agenda", "common/base", "common/gcm", "common/timings", "common/trace",
                "common/net", "common/rfc3339", "common/zone", "proto")  # sans-IO as a whole
IO_HEADERS = re.compile(
    r"^(uv|zmq|libwebsockets|usrsctp|pthread|threads|unistd|fcntl|sys/socket|sys/stat|netdb|"
    r"signal|hiredis/.*|curl/.*)\.h$")

# In pieces, so that this file does not find itself.
WORDS = {
    "/" + "work/": "a path of one machine",
    "/" + "home/": "a path of one machine",
    "FIX" + "ME": "finish it, or file it",
    "TO" + "DO": "finish it, or file it",
    "X" + "XX": "finish it, or file it",
}
WORD_PATTERNS = {word: re.compile(r"(?<![\w/])" + re.escape(word) + r"(?![A-Z])")
                 for word in WORDS}


class Source:
    """A file, its lines, and for C its lines without comments and literals."""

    def __init__(self, path):
        self.path = path
        self.name = path.relative_to(ROOT).as_posix()
        self.text = path.read_text(encoding="utf-8", errors="replace")
        self.lines = self.text.splitlines()
        self.is_c = path.suffix in (".c", ".h")
        self.code = strip(self.text).splitlines() if self.is_c else []

    def below(self, *folders):
        return any(self.name.startswith(folder + "/") for folder in folders)


def strip(text):
    """C without what is in comments, strings and characters; line breaks stay."""
    pattern = r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''

    def blank(match):
        token = match.group(0)
        if token[0] == '"':
            return '""'
        return "\n" * token.count("\n") if token[0] == "/" else "0"

    return re.sub(pattern, blank, text, flags=re.S)


class Report:
    def __init__(self):
        self.breaches = []
        self.wishes = []
        self.exemptions = 0

    def breach(self, source, line, text):
        self.breaches.append(f"{source.name}:{line}: {text}")

    def wish(self, source, text):
        self.wishes.append(f"{source.name}: {text}")


def exempted(source, number, what, report):
    """Whether a comment on line number (from 1) or just above it names this exemption."""
    for line in source.lines[max(0, number - 2):number]:
        if re.search(r"/\* tidy: " + re.escape(what) + r", .+\*/", line):
            report.exemptions += 1
            return True
    return False


# ---- Rules for one file --------------------------------------------------------------------------


def check_head(source, report):
    first = "\n".join(source.lines[:2] if source.text.startswith("#!") else source.lines[:1])
    if "SPDX-License-Identifier: Apache-2.0" not in first:
        report.breach(source, 1, "the first line is the SPDX line")


def check_sizes(source, report):
    count = len(source.lines)
    if count > FILE_MAX:
        report.breach(source, count, f"{count} lines, the limit is {FILE_MAX}")
    elif count > FILE_WANTED:
        report.wish(source, f"{count} lines, {FILE_WANTED} are enough for most files")
    if source.path.suffix == ".h" and count > HEADER_WANTED:
        report.wish(source, f"{count} lines, {HEADER_WANTED} are enough for most headers")
    for number, line in enumerate(source.lines, 1):
        breakable = all(len(word) < LINE_MAX - 20 for word in line.split())  # generated names
        if len(line) > LINE_MAX and breakable and (source.is_c or source.path.suffix == ".py"):
            report.breach(source, number, f"{len(line)} columns, the limit is {LINE_MAX}")


def check_words(source, report):
    for number, line in enumerate(source.lines, 1):
        for word, pattern in WORD_PATTERNS.items():
            if pattern.search(line):
                report.breach(source, number, f"'{word}': {WORDS[word]}")


def check_lock(source, report):
    for number, line in enumerate(source.lines, 1):
        if '"resolved":' in line:
            report.breach(source, number, "a lock file names no host")


def check_guard(source, report):
    guard = re.sub(r"[^A-Z0-9]", "_", source.name.upper())
    code = [line for line in source.code if line.strip()]
    if code[:2] != [f"#ifndef {guard}", f"#define {guard}"] or code[-1] != "#endif":
        report.breach(source, 1, f"include guard {guard} around all of it")


def banned_calls(source):
    calls = dict(UNSAFE)
    if not source.below("common/base", "tests"):
        calls.update(UNCHECKED)
    if source.below(*PURE):
        calls.update(IO)
    return calls


def check_calls(source, report):
    calls = banned_calls(source)
    pattern = re.compile(r"(?<![\w.>])(" + "|".join(calls) + r")\s*\(")
    for number, line in enumerate(source.code, 1):
        for name in pattern.findall(line):
            if not exempted(source, number, f"allow {name}", report):
                report.breach(source, number, f"{name}: use {calls[name]}")


def functions(source):
    """(line, length, name) of each function: in our format a body stands between braces in the
    first column, and its head begins after the last line that ends something."""
    start = None
    for number, line in enumerate(source.code, 1):
        if line == "{" and start is None:
            start = number
        elif line == "}" and start is not None:
            head = start - 1
            while head > 1 and not re.search(r"[;}]$|^$|^#", source.code[head - 2].strip()):
                head -= 1
            text = " ".join(source.code[head - 1:start - 1])
            name = re.search(r"(\w+)\s*\(", text)
            yield head, number - head + 1, name.group(1) if name else "?"
            start = None


def check_functions(source, report):
    found = []
    for line, length, name in functions(source):
        found.append((length, f"{source.name}:{line} {name}"))
        if length > FUNCTION_MAX and not exempted(source, line, "long", report):
            report.breach(source, line, f"{name} has {length} lines, the limit is {FUNCTION_MAX}")
    return found


# ---- Rules about how files relate ----------------------------------------------------------------


def core_order(core):
    """The folders of a core from leaf to root, as its CMakeLists.txt builds them."""
    lists = (ROOT / core / "CMakeLists.txt").read_text(encoding="utf-8")
    return re.findall(r"^add_subdirectory\((\w+)\)", lists, flags=re.M)


def may_include(source, target, orders):
    """Whether the layers allow it: program over common, shell over core, folder over folder."""
    area = source.name.split("/")[0]
    target_area = target.split("/")[0]
    if area == "tests":
        return True
    if target_area == "tests":
        return False
    if source.below("common/base"):
        return target.startswith("common/base/")
    if area in ("common", "proto"):
        return target_area in ("common", "proto")
    if target_area not in (area, "common", "proto"):
        return False
    for core in CORES:
        if not source.below(core):
            continue
        if target_area in ("common", "proto"):
            return target.startswith(PURE)
        if not target.startswith(core + "/"):
            return False
        order = orders[core]
        own, other = source.name.split("/")[2], target.split("/")[2]
        return own in order and other in order and order.index(other) <= order.index(own)
    return True


def check_includes(source, report, orders):
    for number, line in enumerate(source.lines, 1):
        match = re.match(r'#include ([<"])([^>"]+)[>"]', line)
        if not match:
            continue
        kind, target = match.groups()
        if kind == "<":
            if (source.below(*PURE) and IO_HEADERS.match(target)
                    and not exempted(source, number, f"allow {target}", report)):
                report.breach(source, number, f"<{target}> in code that does no IO")
        elif not (ROOT / target).exists() and not target.startswith("proto/gen/"):
            report.breach(source, number, f"{target}: write includes from the root of the tree")
        elif not may_include(source, target, orders):
            report.breach(source, number, f"{target} is not below this folder")


def check_built(sources, lists, report):
    """Every .c is named in some CMakeLists.txt, every .h is included by somebody."""
    built = set()
    for path in lists:
        for name in re.findall(r"[\w./${}-]+\.c\b", path.read_text(encoding="utf-8")):
            name = name.replace("${CMAKE_SOURCE_DIR}", str(ROOT))
            pattern = re.sub(r"\$\{\w+\}", "*", name)  # of a foreach()
            built.update(found.resolve() for found in ROOT.glob(
                str((path.parent / pattern).relative_to(ROOT))))
    included = {target for source in sources for target in
                re.findall(r'#include "([^"]+)"', source.text)}
    for source in sources:
        if source.path.suffix == ".c" and source.path.resolve() not in built:
            report.breach(source, 1, "no CMakeLists.txt builds it")
        if source.path.suffix == ".h" and source.name not in included:
            report.breach(source, 1, "nobody includes it")


def check_tested(orders, report):
    for core, folders in orders.items():
        area = core.split("/")[0]
        for folder in folders:
            if not list((ROOT / core / folder).glob("*.c")):
                continue  # a header alone
            if not list((ROOT / "tests/unit" / area / folder).glob("test_*.c")):
                report.breaches.append(f"{core}/{folder}: no unit test in "
                                       f"tests/unit/{area}/{folder}")


# ---- Documentation -------------------------------------------------------------------------------


def prose(source):
    """(number, line) of a Markdown page, without blocks of code."""
    fenced = False
    for number, line in enumerate(source.lines, 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            yield number, line


def anchors(source):
    """What its headings are linked by, as GitHub makes it of their text."""
    headings = (re.match(r"#+ (.*)", line) for _, line in prose(source))
    texts = (re.sub(r"\]\([^)]*\)", "", heading[1]).lower() for heading in headings if heading)
    return {re.sub(r"[^\w\- ]", "", text).strip().replace(" ", "-") for text in texts}


def check_links(pages, report):
    """Every link within the tree leads somewhere, and every page below docs is linked to, or the
    folder that it is in."""
    reached = set()
    for page in pages:
        for number, line in prose(page):
            for target in re.findall(r"\]\(([^)\s]+)\)", line):
                if re.match(r"\w+:", target):
                    continue
                name, _, anchor = target.partition("#")
                path = (page.path.parent / name).resolve() if name else page.path
                reached.add(path)
                if not path.exists():
                    report.breach(page, number, f"{target} is not there")
                elif anchor and anchor not in anchors(Source(path)):
                    report.breach(page, number, f"{name or page.name} has no heading #{anchor}")
    for page in pages:
        if page.below("docs") and not reached & {page.path, page.path.parent}:
            report.breach(page, 1, "no page links to it")


# ---- The whole -----------------------------------------------------------------------------------


def tree():
    paths = [path for path in ROOT.iterdir() if path.is_file()]
    for area in AREAS:
        paths += [path for path in (ROOT / area).rglob("*") if path.is_file()]
    for path in sorted(paths):
        if not SKIPPED_DIRS.intersection(path.relative_to(ROOT).parts):
            yield path


def has_spdx(path):
    return (path.suffix in (".c", ".h", ".py", ".js", ".mjs", ".jsx", ".cmake", ".proto")
            or path.name in ("CMakeLists.txt", "run", "up", "install"))


def is_text(path):
    return has_spdx(path) or path.suffix in (".md", ".txt", ".yaml", ".html", ".css")


def print_numbers(lengths, report):
    lengths.sort(reverse=True)
    p99 = lengths[len(lengths) // 100][0]
    print(f"{len(lengths)} functions, the 99th percentile has {p99} lines; the longest:")
    for length, name in lengths[:5]:
        print(f"  {length:4} {name}")
    print(f"{report.exemptions} exemptions, {len(report.wishes)} files larger than wanted:")
    for wish in report.wishes:
        print(f"  {wish}")


def main():
    report = Report()
    orders = {core: core_order(core) for core in CORES}
    lengths = []
    sources = []
    lists = []
    pages = []
    for path in tree():
        if path.name == "package-lock.json":
            check_lock(Source(path), report)
        if path.name == "CMakeLists.txt":
            lists.append(path)
        if not is_text(path):
            continue
        source = Source(path)
        check_words(source, report)
        check_sizes(source, report)
        if has_spdx(path):
            check_head(source, report)
        if path.suffix == ".md":
            pages.append(source)
        if source.is_c:
            sources.append(source)
            check_calls(source, report)
            check_includes(source, report, orders)
            lengths += check_functions(source, report)
        if path.suffix == ".h":
            check_guard(source, report)
    check_built(sources, lists, report)
    check_tested(orders, report)
    check_links(pages, report)
    print_numbers(lengths, report)
    for breach in report.breaches:
        print(breach)
    print(f"{len(report.breaches)} breaches")
    return 1 if report.breaches else 0


if __name__ == "__main__":
    sys.exit(main())
