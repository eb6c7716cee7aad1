# SPDX-License-Identifier: Apache-2.0
"""spillctl watch, and get -w: what comes, changes and goes.

    watch_test.py PATH_OF_SPILLCTL [unittest arguments]
"""
import os
import unittest
import unittest.mock

import screen
from admin import NOT_FOUND, OK, ROOM, UNREACHABLE, USAGE, Admin, Case, Handler, free_port, node

A, B = node("node-a", "ND_1"), node("node-b", "ND_2")


def answer(what, rows, **more):
    """From now on: a watch may ask at any moment."""
    Handler.answers[f"GET {what}"] = 200, {what: rows, **more}


def setUpModule():
    unittest.enterModuleContext(unittest.mock.patch.dict(Handler.answers))


class Changes(Case):
    def watch(self, *command, servers=None):
        lines = screen.Lines(*command, "-o", "jsonl", servers=servers or [self.admin.url])
        self.enterContext(lines)
        return lines

    def brief(self, rows):
        return [(row["change"], row["name"], row["fields"]) for row in rows]

    def test_nodes(self):
        """What a node carries is no news; that it died is, at once, though it stays listed."""
        answer("nodes", [A, B])
        for command in (("watch", "nodes"), ("get", "nodes", "--watch")):
            self.assertEqual(len(self.watch(*command).read(2)), 2)
        lines = self.watch("get", "nodes", "-w")
        first = lines.read(2)
        self.assertEqual(self.brief(first), [("added", "node-a", []),
                                             ("added", "node-b", [])])
        self.assertRegex(first[0]["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        answer("nodes", [{**A, "weight": 500, "rooms": 7, "heard_at": "x",
                           "state": "draining"}, {**B, "cpu_ratio": 0.9}])
        changed, = lines.read(1)
        self.assertEqual(self.brief([changed]), [("changed", "node-a", ["state"])])
        self.assertEqual((changed["weight"], changed["state"]), (500, "draining"))
        answer("nodes", [A, {**B, "state": "gone"}])
        self.assertEqual(self.brief(lines.read(2)), [("changed", "node-a", ["state"]),
                                                     ("gone", "node-b", [])])
        answer("nodes", [node("node-b", "ND_3")])
        self.assertEqual(self.brief(lines.read(2)), [("added", "node-b", []),
                                                     ("gone", "node-a", [])])
        self.assertEqual(lines.end(), (OK, ""))

    def test_rooms_of_one_that_does_not_answer_are_not_gone(self):
        other = {**ROOM, "name": "other", "sid": "RM_2"}
        answer("rooms", [ROOM, other])
        lines = self.watch("watch", "rooms")
        lines.read(2)
        answer("rooms", [{**ROOM, "participants": 5, "weight": 9}], unanswered=["o-2"])
        self.assertEqual(self.brief(lines.read(1)), [("changed", "my room", ["participants"])])
        again = {**ROOM, "sid": "RM_3"}
        answer("rooms", [again])
        rows = lines.read(3)
        self.assertEqual([(row["change"], row["sid"]) for row in rows],
                         [("added", "RM_3"), ("gone", "RM_1"), ("gone", "RM_2")])
        exit_code, said = lines.end()
        self.assertEqual(exit_code, OK)
        self.assertIn("orchestrator o-2 does not answer: its part is missing", said)

    def test_goes_on_at_another_orchestrator(self):
        """With what it knew: nobody is told twice."""
        first = Admin()
        answer("nodes", [A])
        lines = self.watch("watch", "nodes", servers=[first.url, self.admin.url])
        lines.read(1)
        first.shutdown()
        first.server_close()
        answer("nodes", [A, B])
        self.assertEqual(self.brief(lines.read(1)), [("added", "node-b", [])])
        self.assertIn(f"this is {self.admin.url}", lines.end()[1])

    def test_other_formats(self):
        def begin(*words):
            return self.enterContext(screen.Lines("watch", "nodes", *words,
                                                  servers=[self.admin.url]))
        answer("nodes", [A, B])
        table, names = begin(), begin("-o", "name")
        self.assertEqual(table.program.stdout.readline().split()[:3],
                         ["CHANGE", "NAME", "STATE"])
        self.assertEqual(table.program.stdout.readline().split()[:3],
                         ["added", "node-a", "ready"])
        table.program.stdout.readline()
        self.assertEqual(names.program.stdout.readline(), "node-a\n")
        names.program.stdout.readline()
        answer("nodes", [{**A, "state": "cordoned"}, B])
        self.assertEqual(table.program.stdout.readline().split()[:3],
                         ["changed", "node-a", "cordoned"])
        self.assertEqual(names.program.stdout.readline(), "node-a\n")
        for lines in (table, names):
            self.assertEqual(lines.end()[0], OK)

    def test_what_cannot_be_watched(self):
        for words in (("watch",), ("watch", "clouds"), ("watch", "nodes", "rooms"),
                      ("get", "participants", "-w"), ("watch", "nodes", "-o", "json"),
                      ("get", "rooms", "-w", "-o", "yaml")):
            self.run_it(*words, exit_code=USAGE)
        self.run_it("watch", "nodes", "--server", f"http://127.0.0.1:{free_port()}",
                    exit_code=UNREACHABLE)
        with unittest.mock.patch.object(Handler, "always", (404, {"error": "x", "message": "no"})):
            self.run_it("watch", "rooms", exit_code=NOT_FOUND)


class Screen(screen.Screen):
    def test_drawn_again(self):
        answer("nodes", [A, B])
        self.begin("get", "nodes", "-w", servers=[self.admin.url])
        drawn = self.read_until("node-b", "\n")
        self.assertIn(f"2 of 2 nodes, at {self.admin.url}; q ends it", drawn)
        self.assertNotIn("CHANGE", drawn)
        answer("nodes", [{**A, "state": "gone"}], unanswered=["o-2"])
        drawn = self.read_until("1 of 1", "gone", "orchestrator o-2 does not answer")
        self.assertNotIn("node-b", drawn)
        os.write(self.terminal, b"q")
        self.ended()


if __name__ == "__main__":
    unittest.main()
