# SPDX-License-Identifier: Apache-2.0
"""docs/reference/spillctl.md is what spillctl says of itself."""
import re
import textwrap
import unittest

from page import Pages, main, said  # noqa: F401 (Pages is a test)

SPILLCTL = "orchestrator/cli/spillctl"
COMMON = "Of every command:\n"
HEAD = """\
# spillctl

Every command with its options, as `spillctl help COMMAND` and `man spillctl-COMMAND` say them;
written by `cmake --build build --target reference`, and compared with the program by every test
run. Output, names, and when it asks: [operations/spillctl.md](../operations/spillctl.md).

"""


def block(text):
    return "```text\n" + textwrap.dedent(text).strip("\n") + "\n```\n"


def parts(command):
    """Its own usage and options, and what is said of every command."""
    return said(SPILLCTL, "help", command).split(COMMON)


def commands():
    """Name -> summary."""
    listed = said(SPILLCTL, "help").split("\n\n")[1]
    return dict(re.findall(r"^  (\S+) +(.+)$", listed, flags=re.MULTILINE))


def page():
    """All of it."""
    _, rest = said(SPILLCTL, "help").split("\n\nenvironment")
    environment, exits = rest.split("\n\nexit codes:\n")
    variables = environment.split(":\n", 1)[1]
    text = HEAD
    for name, summary in commands().items():
        text += f"## {name}\n\n{summary[0].upper()}{summary[1:]}.\n\n{block(parts(name)[0])}\n"
    text += f"## Options of every command\n\n{block(parts('get')[1])}\n"
    text += f"## Environment\n\n{block(variables)}\n"
    return text + f"## Exit codes\n\n{block(exits)}"


class Commands(unittest.TestCase):
    def test_common_options_are_common(self):
        for name in commands():
            with self.subTest(name):
                self.assertEqual(parts(name)[1], parts("get")[1])


if __name__ == "__main__":
    main({"docs/reference/spillctl.md": page()})
