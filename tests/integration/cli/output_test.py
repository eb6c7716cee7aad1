# SPDX-License-Identifier: Apache-2.0
"""Output of spillctl: data to stdout in each format, with the fields of the API, talk to stderr.

    output_test.py PATH_OF_SPILLCTL [unittest arguments]
"""
import json
import os
import pty
import subprocess
import unicodedata
import unittest
from unittest.mock import patch

import yaml
from admin import EVIL, FAILED, NODE, NOT_FOUND, PERSON, PLACE, ROOM, SNAPSHOT, SPILLCTL, STATS
from admin import TIMEOUT, Case, Handler

READS = {("get", "nodes"): {"nodes": [NODE]},
         ("get", "rooms"): {"rooms": [ROOM]},
         ("get", "participants"): {"participants": [{**PERSON, "room": "my room"}]},
         ("describe", "node", "node-a"): {**NODE, "endpoints": [], "room_names": ["my room"]},
         ("describe", "room", "my room"): ROOM,
         ("describe", "participant", "eve", "--room", "my room"): PERSON,
         ("stats", "eve"): STATS,
         ("place", "explain", "my room"): PLACE}
NAMES = ["node-a", "my room", "eve", "node-a", "my room", "eve", "TR_1\nTR_2", "node-a"]


class Formats(Case):
    def out(self, *arguments, **how):
        return self.run_it(*arguments, **how).stdout

    def test_data(self):
        """JSON, its lines and YAML say the same, with the API's fields in the API's order."""
        for command, answer in READS.items():
            said = json.loads(self.out(*command, "-o", "json"))
            self.assertEqual(said, answer)
            self.assertEqual(list(said), list(answer))
            self.assertEqual(yaml.safe_load(self.out(*command, "-o", "yaml")), answer)
            rows = answer[command[1]] if command[0] == "get" else [answer]
            lines = self.out(*command, "--output=jsonl").splitlines()
            self.assertEqual([json.loads(line) for line in lines], rows)

    def test_snapshot(self):
        """One datum; as a table what its regions add up to."""
        for flag in ("json", "jsonl"):
            said = json.loads(self.out("get", "snapshot", "-o", flag))
            self.assertEqual((said, list(said)), (SNAPSHOT, list(SNAPSHOT)))
        self.assertEqual(yaml.safe_load(self.out("get", "snapshot", "-o", "yaml")), SNAPSHOT)
        self.assertEqual(self.out("get", "snapshot", "-o", "name"), "eu\n")
        self.assertRegex(self.out("get", "snapshot"), r"REGION .*\neu +1 +1 +1 +12 +3 +1000 +1 ")
        with patch.dict(Handler.answers, {"GET snapshot": (200, {**SNAPSHOT,
                                                                 "unanswered": ["or-2"]})}):
            self.assertIn("or-2", self.run_it("get", "snapshot", "-o", "json", exit_code=TIMEOUT,
                                              data=True).stderr)

    def test_names(self):
        for command, names in zip(READS, NAMES):
            self.assertEqual(self.out(*command, "-o", "name"), f"{names}\n")

    def test_yaml_of_any_text(self):
        """What looks like a number, a truth, a date or a tag stays text."""
        texts = ["", "true", "No", "null", "~", "0123", "1e3", "0x1f", "1:20", "2026-01-01", "- a",
                 "a: b", "a #b", "&a", "*a", "!a", "%a", "'", '"', "\\", "{", "[", EVIL, "\ud7ff",
                 "a\nb\n", " a ", "x" * 3000, "y", "OFF", ".5", ".inf", "=", "<<", "\u2028"]
        rows = [{**ROOM, "name": text, "metadata": text} for text in texts]
        with patch.dict(Handler.answers, {"GET rooms": (200, {"rooms": rows})}):
            said = yaml.safe_load(self.out("get", "rooms", "-o", "yaml"))
        self.assertEqual(said, {"rooms": rows})

    def test_headers(self):
        with_headers = self.out("get", "nodes")
        self.assertTrue(with_headers.startswith("NAME "))
        self.assertEqual(self.out("get", "nodes", "--no-headers=false"), with_headers)
        self.assertTrue(self.out("get", "nodes", "--no-headers").startswith("node-a "))

    def test_quiet(self):
        """Keeps talk back, not what went wrong."""
        for flag in ("-q", "--quiet"):
            for command in (("move", "--room", "my room", "--to", "node-a"), ("cordon", "node-a"),
                            ("place", "explain", "my room")):
                self.assertNotEqual(self.run_it(*command).stderr, "")
                self.assertEqual(self.run_it(*command, flag).stderr, "")
            self.run_it("describe", "node", "x", flag, exit_code=NOT_FOUND)

    def test_an_orchestrator_is_missing(self):
        """The rest is data all the same; the exit code and stderr tell."""
        for what, rows in (("nodes", [NODE]), ("rooms", [ROOM])):
            answer = {what: rows, "unanswered": ["orchestrator-2"]}
            with patch.dict(Handler.answers, {f"GET {what}": (200, answer)}):
                done = self.run_it("get", what, "-o", "json", exit_code=TIMEOUT, data=True)
                self.assertEqual(json.loads(done.stdout), answer)
                self.assertIn("orchestrator-2 does not answer", done.stderr)
                names = self.run_it("get", what, "-o", "name", exit_code=TIMEOUT, data=True).stdout
                self.assertEqual(names, f"{rows[0]['name']}\n")
        with patch.dict(Handler.answers, {
                "GET rooms": (200, {"rooms": [ROOM], "unanswered": ["orchestrator-2"]})}):
            done = self.run_it("get", "participants", "-o", "json", exit_code=TIMEOUT, data=True)
            self.assertEqual(len(json.loads(done.stdout)["participants"]), 1)
            self.run_it("stats", "eve")  # found
            self.run_it("stats", "nobody", exit_code=TIMEOUT)  # perhaps there

    def test_full_disk(self):
        rows = [{**NODE, "name": f"node-{i}"} for i in range(1000)]  # more than is buffered
        for count in (1, 1000):
            with patch.dict(Handler.answers, {"GET nodes": (200, {"nodes": rows[:count]})}):
                for words in ("table", "json", "jsonl", "yaml", "name"):
                    with open("/dev/full", "w") as full:
                        done = subprocess.run([SPILLCTL, "get", "nodes", "-o", words, "--server",
                                               self.admin.url], stdout=full, timeout=30,
                                              stderr=subprocess.PIPE, text=True)
                    self.assertEqual((done.returncode, done.stderr), (
                        FAILED, "spillctl: stdout cannot be written\n"), words)


class Terminal(Case):
    def on_terminal(self, *words, **env):
        ours, theirs = pty.openpty()
        try:
            subprocess.run([SPILLCTL, "get", *(words or ("nodes",)), "--server", self.admin.url],
                           stdout=theirs, check=True, timeout=30, env={"TERM": "xterm", **env})
            return os.read(ours, 65536).decode().replace("\r\n", "\n")
        finally:
            os.close(ours)
            os.close(theirs)

    def test_colors(self):
        """The same table, but for the colour of states, which NO_COLOR takes away."""
        table = self.run_it("get", "nodes").stdout
        colored = self.on_terminal()
        self.assertIn("\x1b[32mready\x1b[0m ", colored)
        self.assertEqual(colored.replace("\x1b[32m", "").replace("\x1b[0m", ""), table)
        self.assertEqual(self.on_terminal(NO_COLOR="1"), table)
        self.assertEqual(self.on_terminal(NO_COLOR=""), colored)
        self.assertEqual(self.on_terminal(TERM="dumb"), table)

    def test_long_names(self):
        """On a terminal a name is cut, at a character; elsewhere, and with -o wide, it is whole.
        Columns stand below each other, however wide the characters are."""
        names = ["\u4f1a\u8b70\u5ba4" * 20, "e\u0301t\u00e9", "x" * 256, "\U0001f389"]
        rows = {"GET rooms": (200, {"rooms": [{**ROOM, "name": name} for name in names]})}
        with patch.dict(Handler.answers, rows):
            piped = self.run_it("get", "rooms", "--no-headers").stdout.splitlines()
            seen = self.on_terminal("rooms").splitlines()
            wide = self.on_terminal("rooms", "-o", "wide")
        self.assertEqual([line.split()[0] for line in piped], names)
        self.assertIn(names[2], wide)
        self.assertEqual([line.split()[0] for line in seen[1:]],
                         [names[0][:19] + "\u2026", names[1], "x" * 39 + "\u2026", names[3]])
        for line in (piped, seen[1:]):
            self.assertEqual(len({places(text[:text.index("node-a")]) for text in line}), 1)


def places(text):
    """Of a terminal."""
    return sum(0 if unicodedata.combining(each) else
               2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)


if __name__ == "__main__":
    unittest.main(verbosity=2, warnings="ignore")
