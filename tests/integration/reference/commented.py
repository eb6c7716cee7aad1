# SPDX-License-Identifier: Apache-2.0
"""What the comments of a YAML file say of its keys.

A comment is about the key on its line, or about the one right below it; an empty line ends it. An
entry of a list has the keys of the list's path. What is commented out, as an example, counts as if
it were not, as long as its keys are settings.
"""
import re

KEY = re.compile(r"^(?P<indent> *)(?P<dash>- )?(?P<key>\w+):(?P<value>(?: .*)?)$")
TRAILING = re.compile(r" +# (.*)$")


class Comments:
    def __init__(self, text, paths):
        self.of = {}  # dotted path -> comment
        self.paths = paths
        self.stack = []  # (indent, key) of the keys around
        self.above = []
        for line in text.splitlines():
            self.take(line)

    def path(self, found):
        """Where a line's key is, and how deep it stands."""
        indent = len(found["indent"]) + len(found["dash"] or "")
        around = [key for depth, key in self.stack if depth < indent]
        return ".".join([*around, found["key"]]), indent

    def take(self, line):
        comment = re.match(r"^ *#", line)
        found = KEY.match(line.replace("#", " ", 1) if comment else line)
        if found and self.path(found)[0] in self.paths:
            self.take_key(found)
        elif comment and re.match(r"^ *# +- ", line):
            pass  # an entry of a list, as an example
        elif comment:
            self.above.append(line.strip().lstrip("# "))
        else:
            self.above = []

    def take_key(self, found):
        path, indent = self.path(found)
        self.stack = [(depth, key) for depth, key in self.stack if depth < indent]
        self.stack.append((indent, found["key"]))
        trailing = TRAILING.search(found["value"])
        said = trailing[1] if trailing else " ".join(self.above)
        if said:
            self.of.setdefault(path, said)
        self.above = []
