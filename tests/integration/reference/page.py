# SPDX-License-Identifier: Apache-2.0
"""Files of the tree that programs of a build make: compared with them, or written anew.

    X_test.py BUILD_DIRECTORY --write      writes them: target reference
    X_test.py BUILD_DIRECTORY [unittest arguments]
"""
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BUILD = Path(sys.argv.pop(1)).resolve()


def said(program, *arguments):
    """What a program of the build prints."""
    return subprocess.run([BUILD / program, *arguments], check=True, capture_output=True, text=True,
                          timeout=20).stdout


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n"
                   for line in lines)


class Pages(unittest.TestCase):
    maxDiff = None
    pages = {}  # path -> text

    def test_pages_are_what_programs_say(self):
        for name, text in self.pages.items():
            with self.subTest(name):
                self.assertEqual((ROOT / name).read_text(), text,
                                 "cmake --build build --target reference writes it anew")


def main(pages):
    """Pages: path of each in the tree -> its text."""
    if "--write" in sys.argv:
        for name, text in pages.items():
            (ROOT / name).write_text(text)
        return
    Pages.pages = pages
    unittest.main(module=sys.modules["__main__"])
