# SPDX-License-Identifier: Apache-2.0
"""docs/reference/settings-*.md are the settings of both programs: what --schema says of them, with
the sentences of the commented files."""
import json
import re
import unittest

from commented import Comments
from page import ROOT, Pages, main, said, table  # noqa: F401 (Pages is a test)

PROGRAMS = {
    "orchestrator": ("orchestrator/spillway-orchestrator", "orchestrator/orchestrator.yaml"),
    "node": ("media-node/spillway-node", "media-node/node.yaml"),
}
HEAD = """\
# Settings of spillway-{role}

Made of `spillway-{role} --schema` and of the comments in [{file}](../../{file}), by
`cmake --build build --target reference`, and compared with them by every test run.

The command line (`--set {example}`) goes before the environment, that before the file, and
that before defaults. A list or a map is written in a variable as in one line of the file (`[a, b]`,
`{{a: b}}`). `--check` says whether settings are right, `--show` which are in force and where each
comes from. A key that is not here stops the start; a variable that is not here does nothing. A
`needed` setting has no default, but may come from anywhere.
"""


def schema(role):
    return json.loads(said(PROGRAMS[role][0], "--schema"))


def is_group(key):
    return "properties" in key


def walk(group, prefix=""):
    """(dotted path, what the schema says) of all keys; "peers[].key" of an entry of a list."""
    for name, key in group["properties"].items():
        yield prefix + name, key
        if is_group(key):
            yield from walk(key, f"{prefix}{name}.")
        elif is_group(key.get("items", {})):
            yield from walk(key["items"], f"{prefix}{name}[].")


def sentences(role, keys):
    """Path -> what the commented file says of it."""
    spelled = {path.replace("[]", ""): path for path in keys}
    said_of = Comments((ROOT / PROGRAMS[role][1]).read_text(), spelled).of
    return {spelled[path]: re.sub(r"docs/(\S+\.md)", r"[\1](../\1)", text)
            for path, text in said_of.items()}


def kind(key):
    """Its type and range, in words."""
    if "enum" in key:
        return "one of " + ", ".join(f"`{word}`" for word in key["enum"])
    if "x-type" in key:
        return f"{key['x-type']}, {key['x-minimum']} to {key['x-maximum']}"
    if key["type"] == "integer":
        return f"whole number, {key['minimum']} to {key['maximum']}"
    if key["type"] == "array":
        return "list of maps" if is_group(key["items"]) else "list"
    return {"boolean": "`true` or `false`", "string": "text", "object": "map"}[key["type"]]


def fallback(key):
    if key.get("x-required"):
        return "needed"
    empty = {"array": "[]", "object": "{}"}
    value = key.get("default", empty[key["type"]] if key.get("type") in ("array", "object") else "")
    return f"`{json.dumps(value) if value in ('', True, False) else value}`"


def row(path, key, texts):
    secret = "A secret. " if key.get("writeOnly") else ""
    return (f"`{path}`", kind(key), fallback(key),
            f"`{key['x-variable']}`" if "x-variable" in key else "", secret + texts.get(path, ""))


def sections(keys, texts):
    """(title, introduction, rows): what stands alone first, then each group."""
    alone = ("General", "", [])
    groups = []
    for path, key in keys.items():
        if is_group(key):
            groups.append((path, texts.get(path, ""), []))
        elif groups and path.startswith(f"{groups[-1][0]}."):
            groups[-1][2].append(row(path, key, texts))
        else:
            alone[2].append(row(path, key, texts))
    return [alone, *groups]


def page(role):
    file = PROGRAMS[role][1]
    keys = dict(walk(schema(role)))
    texts = sentences(role, keys)
    text = HEAD.format(role=role, file=file, example={
        "orchestrator": "listen.port=7890", "node": "media.ip=192.0.2.10"}[role])
    for title, introduction, rows in sections(keys, texts):
        text += f"\n## {title}\n\n" + (f"{introduction}\n\n" if introduction else "")
        text += table(("setting", "takes", "default", "variable", ""), rows)
    return text


def is_explained(path, texts):
    """By itself, or by what it is in."""
    while path and not re.search(r"\w", texts.get(path, "")):
        path = path.rpartition(".")[0].removesuffix("[]")
    return path != ""


def mentioned(page):
    """What a page calls by the name of a group and of what would be in it."""
    for line in page.read_text().splitlines():
        ours = line.split("|", 2)[-1] if page.name == "from-livekit.md" else line
        yield from re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)[`:]", ours)


class Sentences(unittest.TestCase):
    def test_pages_mention_settings_that_exist(self):
        keys = {path: key for role in PROGRAMS for path, key in walk(schema(role))}
        for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
            for path in mentioned(page):
                if is_group(keys.get(path.split(".")[0], {})):
                    self.assertIn(path, keys, page)

    def test_every_setting_is_explained(self):
        for role, (_, file) in PROGRAMS.items():
            keys = dict(walk(schema(role)))
            texts = sentences(role, keys)
            for path, key in keys.items():
                if not is_group(key):
                    with self.subTest(f"{file}: {path}"):
                        self.assertTrue(is_explained(path, texts))

    def test_comments(self):
        """Above, behind, in a list, commented out; and what belongs to nothing."""
        text = """\
# About the file.

# About a,
# in two lines.
a: 1
b:  # about b
  c: "#1"  # about c
  # note: of d
  d: 2
e: []
# - f: 3   # about f
#   g: 4
#   - of no key: 5
# about h
h: x
"""
        paths = {"a", "b", "b.c", "b.d", "e", "e.f", "e.g", "h"}
        self.assertEqual(Comments(text, paths).of, {
            "a": "About a, in two lines.", "b": "about b", "b.c": "about c",
            "b.d": "note: of d", "e.f": "about f", "h": "about h"})


if __name__ == "__main__":
    main({f"docs/reference/settings-{role}.md": page(role) for role in PROGRAMS})
