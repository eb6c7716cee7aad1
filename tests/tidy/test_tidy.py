#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: every rule finds what it is there for, and lets the rest pass."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.dont_write_bytecode = True
import symbols  # noqa: E402
import tidy  # noqa: E402

HEAD = "/* SPDX-License-Identifier: Apache-2.0 */\n"


class Rules(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.root, tidy.ROOT = tidy.ROOT, Path(self.scratch.name)

    def tearDown(self):
        tidy.ROOT = self.root
        self.scratch.cleanup()

    def file(self, name, text):
        path = tidy.ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return tidy.Source(path)

    def breaches(self, rule, name, text, *more):
        report = tidy.Report()
        rule(self.file(name, text), report, *more)
        return report.breaches

    def test_head_and_words(self):
        self.assertTrue(self.breaches(tidy.check_head, "a.c", "int x;\n"))
        self.assertFalse(self.breaches(tidy.check_head, "a.c", HEAD))
        self.assertTrue(self.breaches(tidy.check_words, "a.c", "// TO" "DO: later\n"))
        self.assertTrue(self.breaches(tidy.check_words, "a.c", "cd /wor" "k/main\n"))
        self.assertFalse(self.breaches(tidy.check_words, "a.c", "mkstemp XX" "XXXX, /network/a\n"))
        self.assertTrue(self.breaches(tidy.check_lock, "package-lock.json",
                                      '"resolved": "https://example.org/a.tgz"\n'))
        self.assertFalse(self.breaches(tidy.check_lock, "package-lock.json", '"version": "1"\n'))

    def test_sizes(self):
        self.assertTrue(self.breaches(tidy.check_sizes, "a.c", "x " * 51))
        self.assertTrue(self.breaches(tidy.check_sizes, "a.c", "x\n" * 1001))
        self.assertFalse(self.breaches(tidy.check_sizes, "a.c", ("x" * 100 + "\n") * 1000))
        self.assertFalse(self.breaches(tidy.check_sizes, "a.c", "  GENERATED_" + "x" * 90))

    def test_guard(self):
        good = "#ifndef COMMON_A_A_H\n#define COMMON_A_A_H\nint x;\n#endif\n"
        self.assertFalse(self.breaches(tidy.check_guard, "common/a/a.h", HEAD + good))
        self.assertTrue(self.breaches(tidy.check_guard, "common/b/a.h", HEAD + good))
        self.assertTrue(self.breaches(tidy.check_guard, "common/a/a.h", good + "int y;\n"))

    def test_calls(self):
        def found(name, line):
            return len(self.breaches(tidy.check_calls, name, line + "\n"))
        self.assertEqual(found("tests/a.c", "strcpy(a, b);"), 1)
        self.assertEqual(found("tests/a.c", "p = malloc(1);"), 0)
        self.assertEqual(found("common/bus/a.c", "p = malloc(1);"), 1)
        self.assertEqual(found("common/base/a.c", "p = malloc(1);"), 0)
        self.assertEqual(found("common/bus/a.c", "/* tidy: allow malloc, libx frees it */\n"
                                                 "p = malloc(1);"), 0)
        self.assertEqual(found("common/bus/a.c", "/* tidy: allow malloc */\np = malloc(1);"), 1)
        self.assertEqual(found("common/bus/a.c", "printf(x);"), 0)
        self.assertEqual(found("media-node/core/ice/a.c", "printf(x);"), 1)
        self.assertEqual(found("media-node/core/ice/a.c", "snprintf(x); run_time(x); a.time(x);"
                                                          ' /* time(x) */ f("time(x)");'), 0)

    def test_function_length(self):
        at_limit = HEAD + "\n" + "int f(void)\n{\n" + "    f();\n" * 67 + "}\n"
        beyond = at_limit.replace("{\n", "{\n    f();\n", 1)
        exempt = beyond.replace("int f", "/* tidy: long, a table */\nint f", 1)
        self.assertFalse(self.breaches(tidy.check_functions, "a.c", at_limit))
        self.assertTrue(self.breaches(tidy.check_functions, "a.c", beyond))
        self.assertFalse(self.breaches(tidy.check_functions, "a.c", exempt))

    def test_includes(self):
        orders = {"media-node/core": ["stun", "ice", "node"], "orchestrator/core": ["room"]}
        for name in ("common/base/base.h", "common/bus/bus.h", "media-node/core/stun/stun.h",
                     "media-node/core/node/node.h", "media-node/shell/shell.h",
                     "orchestrator/core/room/room.h"):
            self.file(name, "")
        rows = [  # includer, included, may it
            ("media-node/core/ice/a.c", '"media-node/core/stun/stun.h"', True),
            ("media-node/core/ice/a.c", '"media-node/core/node/node.h"', False),
            ("media-node/core/ice/a.c", '"media-node/shell/shell.h"', False),
            ("media-node/core/ice/a.c", '"common/base/base.h"', True),
            ("media-node/core/ice/a.c", '"common/bus/bus.h"', False),
            ("media-node/core/ice/a.c", '"proto/gen/control.pb-c.h"', True),
            ("media-node/core/ice/a.c", "<uv.h>", False),
            ("media-node/core/ice/a.c", "<string.h>", True),
            ("media-node/core/ice/a.c", '"stun.h"', False),
            ("media-node/shell/a.c", "<uv.h>", True),
            ("media-node/shell/a.c", '"media-node/core/node/node.h"', True),
            ("media-node/shell/a.c", '"orchestrator/core/room/room.h"', False),
            ("common/bus/a.c", '"common/base/base.h"', True),
            ("common/bus/a.c", '"media-node/core/node/node.h"', False),
            ("common/base/a.c", '"common/bus/bus.h"', False),
            ("tests/a.c", '"media-node/core/node/node.h"', True),
        ]
        for name, target, allowed in rows:
            found = self.breaches(tidy.check_includes, name, f"#include {target}\n", orders)
            self.assertEqual(found == [], allowed, (name, target))

    def test_built_and_tested(self):
        sources = [self.file(name, "") for name in ("a/named.c", "a/test_x.c", "b/dead.c")]
        lists = [tidy.ROOT / "a/CMakeLists.txt"]
        lists[0].write_text("add(named.c)\nforeach(p x)\n  add(test_${p}.c)\n")
        report = tidy.Report()
        tidy.check_built(sources, lists, report)
        self.assertEqual(report.breaches, ["b/dead.c:1: no CMakeLists.txt builds it"])
        self.file("tests/unit/media-node/ice/test_ice.c", "")
        for name in ("ice/ice.c", "stun/stun.c", "counters/counters.h"):
            self.file("media-node/core/" + name, "")
        report = tidy.Report()
        tidy.check_tested({"media-node/core": ["ice", "stun", "counters"]}, report)
        self.assertEqual(len(report.breaches), 1)

    def test_links(self):
        self.file("a.c", "")
        pages = [self.file("README.md", "[d](docs/a.md) [c](a.c) [w](https://b.c/d) [gone](b.c)\n"
                                        "```\n[code](x)\n```\n"),
                 self.file("docs/a.md", "# A `b`, [c](b.md)\n[x](#a-b-c)\n[y](b.md#no)\n[z](#c)"),
                 self.file("docs/b.md", ""), self.file("docs/lost.md", "")]
        report = tidy.Report()
        tidy.check_links(pages, report)
        self.assertEqual(report.breaches, [
            "README.md:1: b.c is not there", "docs/a.md:3: b.md has no heading #no",
            "docs/a.md:4: docs/a.md has no heading #c", "docs/lost.md:1: no page links to it"])


class Symbols(unittest.TestCase):
    def archive(self, code):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        source = Path(scratch.name) / "a.c"
        source.write_text(code)
        subprocess.run(["cc", "-fPIC", "-w", "-c", source, "-o", source.with_suffix(".o")],
                       check=True)
        subprocess.run(["ar", "rc", source.with_suffix(".a"), source.with_suffix(".o")], check=True)
        return str(source.with_suffix(".a"))

    def test_uses(self):
        found = list(symbols.forbidden_uses(self.archive(
            "long time(long *); long uv_now(void); long now_time(void);"
            "long f(void) { return time(0) + uv_now() + now_time(); }")))
        self.assertEqual(len(found), 2)

    def test_objects(self):
        found = list(symbols.mutable_objects(self.archive(
            "int counter; static int last = 1; const int limit = 2;"
            "static const char *const names[] = {\"a\"};"
            "int f(void) { static int calls; return counter + last++ + limit + calls++; }"
            "const char *g(int i) { return names[i]; }")))
        self.assertEqual(len(found), 3)


if __name__ == "__main__":
    unittest.main()
