# SPDX-License-Identifier: Apache-2.0
"""What changes something: cordon, uncordon, drain and move, of one node and of several, with and
without somebody to ask.

    changes_test.py PATH_OF_SPILLCTL [unittest arguments]
"""
import json
import os
import pty
import signal
import subprocess
import unittest
import unittest.mock
from unittest.mock import patch

import yaml
from admin import (FAILED, NODE, NOT_FOUND, OK, REFUSED, ROOM, SPILLCTL, TIMEOUT, USAGE, Case,
                   Handler, node, node_answers)

FULL = 200, {"possible": False, "text": "no place for all"}
REFUSAL = 409, {"error": "conflict", "message": "not now"}
BUSY = {"rooms": 2, "transports": 5}


def changing(*nodes):
    """Nodes that do as they are told and are drained at once."""
    answers = {"GET nodes": (200, {"nodes": list(nodes)})}
    for each in nodes:
        answers |= node_answers(**{**each, **BUSY})
        for verb, state in (("cordon", "cordoned"), ("uncordon", "ready"), ("drain", "draining")):
            answers[f"POST nodes/{each['id']}/{verb}"] = 200, {**each, **BUSY, "state": state}
    return answers


A, B, C = node("a-1", "ND_a"), node("b-1", "ND_b"), node("c-1", "ND_c")


class Changes(Case):
    def posts(self):
        """Those that change something."""
        return [path.removeprefix("/admin/v1/nodes/") for method, path, _, _ in self.admin.requests
                if method == "POST" and not path.endswith("drain_check")]

    def terminal(self, *arguments, typed=None, exit_code=OK):
        """Runs it at a terminal, with what is typed there; returns what is seen there."""
        ours, theirs = pty.openpty()
        try:
            if typed is not None:
                os.write(ours, typed.encode())
            done = subprocess.run([SPILLCTL, *arguments, "--server", self.admin.url], text=True,
                                  stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, timeout=30,
                                  env={"TERM": "xterm"})
        finally:
            os.close(theirs)
        with open(ours, "rb", 0) as terminal:
            seen = "".join(iter(lambda: self.some_of(terminal), "")).replace("\r\n", "\n")
        self.assertEqual(done.returncode, exit_code, (arguments, seen))
        return seen

    def some_of(self, terminal):
        try:
            return terminal.read(65536).decode()
        except OSError:
            return ""  # nobody has it open any more


class Nodes(Changes):
    def test_cordon(self):
        self.assertIn("gets no new rooms", self.run_it("cordon", "node-a").stderr)
        self.assertIn("takes rooms again", self.run_it("uncordon", "node-a").stderr)
        self.assertEqual(self.posts(), ["ND_1/cordon", "ND_1/uncordon"])
        self.run_it("cordon", "x", exit_code=NOT_FOUND)

    def test_several(self):
        """Each once, however often and in whatever way it is named; the answers as a list."""
        with patch.dict(Handler.answers, changing(A, B, C)):
            done = self.run_it("cordon", "a-1", "ND_b", "c", "ND_a", "b", "-o", "json")
            self.assertEqual(self.posts(), ["ND_a/cordon", "ND_b/cordon", "ND_c/cordon"])
            nodes = json.loads(done.stdout)["nodes"]
            self.assertEqual([each["name"] for each in nodes], ["a-1", "b-1", "c-1"])
            self.assertEqual(self.run_it("uncordon", "a", "b", "-o", "name").stdout, "a-1\nb-1\n")
            one = self.run_it("uncordon", "a", "-o", "yaml").stdout
            self.assertEqual(yaml.safe_load(one)["name"], "a-1")

    def test_several_of_which_one_is_unknown(self):
        """Nothing is begun."""
        for command in ("cordon", "uncordon", "drain"):
            self.run_it(command, "node-a", "nobody", "node-b", exit_code=NOT_FOUND)
        self.assertEqual(self.posts(), [])

    def test_several_of_which_one_refuses(self):
        """The others are done, and both is told."""
        answers = {**changing(A, B, C), "POST nodes/ND_b/uncordon": REFUSAL}
        with patch.dict(Handler.answers, answers):
            done = self.run_it("uncordon", "a", "b", "c", "-o", "name", exit_code=REFUSED,
                               data=True)
        self.assertEqual(done.stdout, "a-1\nc-1\n")
        self.assertIn("not now\nspillctl: b-1 stays as it is\n", done.stderr)


class Drain(Changes):
    def test_to_its_end(self):
        steps = iter([(2, 5), (2, 5), (1, 2), (0, 0)])

        def shrink():
            rooms, people = next(steps)
            return 200, {**NODE, "state": "draining", "rooms": rooms, "transports": people}

        with patch.dict(Handler.answers, {"GET nodes/ND_1": shrink}):
            done = self.run_it("drain", "node-a", "-o", "json")
        self.assertEqual([line.removeprefix("spillctl: ") for line in done.stderr.splitlines()],
                         ["node-a: 2 rooms, 5 people left", "node-a: 1 room, 2 people left",
                          "node-a: 0 rooms, 0 people left", "node-a is empty"])
        self.assertEqual(json.loads(done.stdout)["transports"], 0)
        self.assertEqual(json.loads(self.admin.requests[1][3]), {"force": False})
        self.run_it("drain", "node-a", "--detach", "--force")
        self.assertEqual(json.loads(self.admin.requests[-1][3]), {"force": True})
        self.run_it("drain", "node-a", "--detach", "--force=false")
        self.assertEqual(json.loads(self.admin.requests[-1][3]), {"force": False})

    def test_that_ends_otherwise(self):
        self.assertIn("no place", self.run_it("drain", "full", exit_code=REFUSED).stderr)
        late = self.run_it("drain", "stuck", "--deadline", "1s", exit_code=TIMEOUT).stderr
        self.assertIn("the drain goes on, uncordon ends it", late)
        done = self.run_it("drain", "again", "-o", "name", exit_code=FAILED, data=True)
        self.assertIn("not draining any more", done.stderr)

    def test_nobody_answers_for_a_while(self):
        """That is told once; a node that nobody knows any more is gone with its people."""
        silence = [(500, {"error": "x", "message": "hush"})] * 3
        forgotten = 404, {"error": "not_found", "message": "no such thing"}
        steps = iter([(200, {**NODE, "state": "draining"}), *silence, forgotten])
        with patch.dict(Handler.answers, {"GET nodes/ND_1": lambda: next(steps)}):
            told = self.run_it("drain", "node-a").stderr
        self.assertEqual(told.count("hush"), 1)
        self.assertIn("node-a is gone", told)

    def several(self, **more):
        empty = {f"GET nodes/{id}": (200, node(name, id, state="draining", rooms=0, transports=0))
                 for name, id in (("a-1", "ND_a"), ("b-1", "ND_b"))}
        return patch.dict(Handler.answers, {**changing(A, B), **empty, **more})

    def test_several(self):
        """All get no new rooms before the first is drained: nobody is moved twice."""
        with self.several():
            done = self.run_it("drain", "a-1", "b-1", "--yes", "-o", "name")
        self.assertEqual(self.posts(), ["ND_a/cordon", "ND_b/cordon", "ND_a/drain", "ND_b/drain"])
        self.assertEqual(done.stdout, "a-1\nb-1\n")
        self.assertIn("a-1 is empty", done.stderr)
        self.assertIn("b-1 is empty", done.stderr)

    def test_several_that_cannot_all_begin(self):
        """Then none is, and each is as it was found."""
        with self.several(**{"POST nodes/ND_b/cordon": REFUSAL}):
            done = self.run_it("drain", "a-1", "b-1", "--yes", exit_code=REFUSED)
            self.assertIn("a-1 is ready again", done.stderr)
            self.assertEqual(self.posts(), ["ND_a/cordon", "ND_b/cordon", "ND_a/uncordon",
                                            "ND_b/uncordon"])
        states = (("a-1", "ND_a", "cordoned"), ("b-1", "ND_b", "ready"),
                  ("c-1", "ND_c", "draining"))
        found = {f"GET nodes/{name}": (200, node(name, id, state=state))
                 for name, id, state in states}
        self.admin.requests.clear()
        refused = {**changing(C), **found, "POST nodes/ND_b/drain": REFUSAL}
        with self.several(**refused):
            done = self.run_it("drain", "a-1", "b-1", "c-1", "--yes", exit_code=REFUSED)
        self.assertEqual(self.posts()[3:], ["ND_a/drain", "ND_b/drain", "ND_a/uncordon",
                                            "ND_a/cordon", "ND_b/uncordon"])
        self.assertEqual([line.removeprefix("spillctl: ") for line in done.stderr.splitlines()[3:]],
                         ["not now", "b-1 is not drained", "a-1 is cordoned again",
                          "b-1 is ready again", "c-1 stays as it is now"])

    def test_several_for_whom_there_is_no_place(self):
        """Nothing is begun, and nobody is asked whether it should."""
        with self.several(**{"POST drain_check": FULL}):
            done = self.run_it("drain", "a-1", "b-1", exit_code=REFUSED)
            asked = json.loads(self.admin.requests[-1][3])
            self.assertEqual(asked, {"nodes": ["ND_a", "ND_b"], "force": False})
        self.assertEqual((done.stderr, self.posts()), ("spillctl: no place for all\n", []))

    def test_interrupted(self):
        """The orchestrators go on with it, and that is said."""
        drain = subprocess.Popen([SPILLCTL, "drain", "stuck", "--server", self.admin.url],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertIn("people left", drain.stderr.readline())
        drain.send_signal(signal.SIGINT)
        said, told = drain.communicate(timeout=30)
        self.assertEqual((drain.returncode, said), (-signal.SIGINT, ""))
        self.assertIn("interrupted; what was begun goes on, uncordon ends it\n", told)
        self.assertEqual(self.posts(), ["ND_4/drain"])

    def test_several_while_an_orchestrator_is_silent(self):
        """It is waited for: what counts is that all say in the end that nothing is left."""
        late = {f"POST nodes/{id}/{verb}": (200, {**node(name, id), "unanswered": ["far"]})
                for name, id in (("a-1", "ND_a"), ("b-1", "ND_b")) for verb in ("cordon", "drain")}
        steps = iter([["far"], None])

        def answer():
            silent = next(steps)
            part = {"unanswered": silent} if silent else {}
            return 200, node("a-1", "ND_a", state="draining", rooms=0, transports=0, **part)

        with self.several(**late, **{"GET nodes/ND_a": answer}):
            told = self.run_it("drain", "a-1", "b-1", "--yes").stderr
            self.assertIn("orchestrator far does not answer", told)
            self.run_it("drain", "a-1", "b-1", "--yes", "--detach", exit_code=TIMEOUT)
        self.assertRaises(StopIteration, next, steps)

    def test_bar(self):
        """At a terminal: one line, drawn anew."""
        steps = iter([(2, 8)] * 2 + [(1, 2), (0, 0)])

        def shrink():
            rooms, people = next(steps)
            return 200, {**NODE, "state": "draining", "rooms": rooms, "transports": people}

        with patch.dict(Handler.answers, {"GET nodes/ND_1": shrink}):
            seen = self.terminal("drain", "node-a")
        self.assertIn(f"\r\x1b[K[{'-' * 24}] 0 of 8 people moved, 2 rooms left", seen)
        self.assertIn(f"\r\x1b[K[{'#' * 18}{'-' * 6}] 6 of 8 people moved, 1 room left", seen)
        self.assertTrue(seen.endswith("\r\x1b[Kspillctl: node-a is empty\n\r\x1b[K"), seen)
        self.assertEqual(seen.count("\n"), 1)


class Asked(Changes):
    """One that is named whole is drained without a question. What may be meant otherwise is asked
    at a terminal, and refused elsewhere without --yes."""
    DRAIN = ("drain", "--detach")
    ODD = [(*DRAIN, "a-1", "b-1"), (*DRAIN, "a"), (*DRAIN, "b", "--force"),
           ("move", "--room", "my room", "--to", "a"),
           ("move", "eve", "--room", "my room", "--to", "a")]

    def setUp(self):
        super().setUp()
        patched = patch.dict(Handler.answers, changing(A, B))
        patched.start()
        self.addCleanup(patched.stop)

    def test_no_question(self):
        for command in ((*self.DRAIN, "a-1"), (*self.DRAIN, "ND_a", "--force"),
                        ("cordon", "a", "b"),
                        ("uncordon", "a", "b"), ("move", "--room", "my room", "--to", "a-1")):
            self.run_it(*command)
            self.assertNotIn("[y/N]", self.terminal(*command))

    def test_nobody_to_ask(self):
        for command in self.ODD:
            self.assertIn("needs --yes", self.run_it(*command, exit_code=REFUSED).stderr)
            self.run_it(*command, "--yes=false", exit_code=REFUSED)
        self.assertEqual(self.posts(), [])
        self.assertIn("needs --yes", self.half_a_terminal(*self.ODD[0]))
        self.assertEqual(self.posts(), [])
        for command in self.ODD:
            self.run_it(*command, "--yes")
        self.assertEqual(self.posts()[-1], "/admin/v1/rooms/my%20room/move")

    def half_a_terminal(self, *arguments):
        """Somebody types, and does not see what is asked."""
        ours, theirs = pty.openpty()
        try:
            os.write(ours, b"y\n")
            done = subprocess.run([SPILLCTL, *arguments, "--server", self.admin.url], stdin=theirs,
                                  capture_output=True, text=True, timeout=30)
        finally:
            os.close(ours)
            os.close(theirs)
        self.assertEqual(done.returncode, REFUSED)
        return done.stderr

    def test_question(self):
        for command in self.ODD:
            for no in ("n\n", "\n", "Yo\n", "\x04"):
                seen = self.terminal(*command, typed=no, exit_code=REFUSED)
                self.assertIn(f"{command[0]}? [y/N] ", seen)
                self.assertIn("nothing was done", seen)
        self.assertEqual(self.posts(), [])
        for command, yes in zip(self.ODD, ("y\n", "yes\n", "y\n", "y\n", "y\n")):
            self.terminal(*command, typed=yes)
        self.assertIn("ND_a/drain", self.posts())
        seen = self.terminal(*self.DRAIN, "a-1", "b-1", typed="n\n", exit_code=REFUSED)
        self.assertIn("drains a-1 and others: moves 10 people in 4 rooms. drain? [y/N]", seen)


class DryRun(Changes):
    def test_nodes(self):
        with patch.dict(Handler.answers, changing(A, B)):
            for verb in ("cordon", "uncordon", "drain"):
                done = self.run_it(verb, "a-1", "b-1", "--dry-run")
                self.assertIn(f"would {verb} 2 nodes; nothing was done", done.stderr)
                self.assertRegex(done.stdout, r"^NAME +STATE +ROOMS +PEERS +WEIGHT\n"
                                              r"a-1 +ready +2 +5 +12\nb-1 +ready +2 +5 +12\n$")
                plan = json.loads(self.run_it(verb, "a", "--dry-run", "-o", "json").stdout)
                self.assertEqual(plan["nodes"][0]["id"], "ND_a")
                self.run_it(verb, "a", "nobody", "--dry-run", exit_code=NOT_FOUND)
        self.assertEqual(self.posts(), [])

    def test_drain_that_would_be_refused(self):
        """As the real one: by who has no place, for a node that is gone, and for want of a role."""
        forbidden = 403, {"error": "forbidden", "message": "this takes the role operate"}
        with patch.dict(Handler.answers, {**changing(A, B), "POST drain_check": FULL}):
            for nodes in (("a-1",), ("a-1", "b-1")):
                done = self.run_it("drain", *nodes, "--dry-run", exit_code=REFUSED, data=True)
                self.assertIn("no place for all\n", done.stderr)
                self.assertIn("would not drain", done.stderr)
            Handler.answers["POST drain_check"] = forbidden
            self.run_it("drain", "a-1", "--dry-run", exit_code=REFUSED, data=True)
        with patch.dict(Handler.answers, node_answers("a-1", "ND_a", state="gone")):
            for verb in ("cordon", "uncordon", "drain"):
                for more in ((), ("--dry-run",)):
                    told = self.run_it(verb, "a-1", *more, exit_code=NOT_FOUND).stderr
                    self.assertEqual(told, f"spillctl: a-1 is gone: {verb} takes nodes that live\n")
        self.assertEqual(self.posts(), [])

    def test_move(self):
        spread = {**ROOM, "nodes": [{"id": "ND_1", "name": "node-a", "participants": 3},
                                    {"id": "ND_2", "name": "node-b", "participants": 1},
                                    {"id": "ND_9", "name": "node-c", "participants": 0}]}
        there = {"identity": "eve", "node": "ND_2", "node_name": "node-b"}
        with patch.dict(Handler.answers, {"GET rooms/my%20room": (200, spread),
                                          "GET rooms/my%20room/participants/eve": (200, there)}):
            move = ("move", "--room", "my room", "--dry-run", "--to")
            done = self.run_it(*move, "node-b", "-o", "json")
            self.assertEqual(json.loads(done.stdout), {"moves": [
                {"room": "my room", "participant": None, "from": "ND_1", "from_name": "node-a",
                 "to": "ND_2", "to_name": "node-b", "participants": 3}]})
            table = self.run_it(*move, "node-a", "eve").stdout
            self.assertRegex(table, r"\nmy room +eve +node-b +node-a +1\n$")
            self.assertEqual(len(self.run_it(*move, "full").stdout.splitlines()), 3)
            done = self.run_it(*move, "node-b", "eve", exit_code=REFUSED)
            self.assertIn("nobody is anywhere else", done.stderr)
            self.run_it(*move, "node-a", "nobody", exit_code=NOT_FOUND)
        self.assertEqual(self.posts(), [])


class Move(Changes):
    def test_whole_room(self):
        done = self.run_it("move", "--to", "ND_2", "--room", "my room")
        self.assertEqual(done.stdout, "")
        self.assertIn("from node-a to node-b", done.stderr)
        bodies = [json.loads(body) for method, _, _, body in self.admin.requests
                  if method == "POST"]
        self.assertEqual(bodies, [{"to": "ND_2"}])


class Pin(Changes):
    def bodies(self):
        return [(path.removeprefix("/admin/v1/rooms/"), json.loads(body))
                for method, path, _, body in self.admin.requests if method == "POST"]

    def test_to_a_node(self):
        """Named as any node; who is elsewhere is told of."""
        done = self.run_it("pin", "my room", "--to", "node-b", "-o", "json")
        self.assertEqual(self.bodies(), [("my%20room/pin", {"node": "ND_2"})])
        self.assertEqual(json.loads(done.stdout)["pinned_node"], "node-b")
        self.assertIn("my room is pinned to node-b\n", done.stderr)
        self.assertIn("3 of it are elsewhere, and stay there", done.stderr)
        self.assertEqual(self.run_it("pin", "my room", "--to", "node-b", "-q").stderr, "")
        self.assertEqual(self.run_it("unpin", "my room", "-o", "name").stdout, "my room\n")
        self.assertEqual(self.bodies()[-1], ("my%20room/unpin", {}))

    def test_to_a_region(self):
        self.run_it("pin", "my room", "--region", "eu")
        self.assertEqual(self.bodies(), [("my%20room/pin", {"region": "eu"})])

    def test_otherwise(self):
        for words in (("pin",), ("pin", "my room"), ("pin", "a", "b", "--region", "eu"),
                      ("pin", "my room", "--to", "node-b", "--region", "eu"), ("unpin",),
                      ("unpin", "a", "b")):
            self.run_it(*words, exit_code=USAGE)
        self.run_it("pin", "x", "--region", "eu", exit_code=NOT_FOUND)
        self.run_it("pin", "my room", "--to", "nobody", exit_code=NOT_FOUND)
        self.run_it("unpin", "x", exit_code=NOT_FOUND)
        for words in (("pin", "my room", "--to", "node-b"), ("pin", "my room", "--region", "eu"),
                      ("unpin", "my room")):
            done = self.run_it(*words, "--dry-run", "-o", "name")
            self.assertEqual(done.stdout, "my room\n")
            self.assertIn("nothing was done", done.stderr)
        self.assertEqual([path for path, _ in self.bodies()], ["x/pin", "x/unpin"])


class Rebalance(Changes):
    def asked(self):
        return [json.loads(body) for _, path, _, body in self.admin.requests
                if path == "/admin/v1/rebalance"]

    def test_round(self):
        done = self.run_it("rebalance", "--dry-run")
        self.assertIn("1 would move; nothing was done\n", done.stderr)
        self.assertEqual([line.split() for line in done.stdout.splitlines()],
                         [["ROOM", "FROM", "TO", "PEOPLE", "WEIGHT", "CAUSE"],
                          ["my", "room", "node-a", "node-b", "3", "12", "cpu"]])
        self.assertEqual(self.run_it("rebalance", "-o", "name").stdout, "my room\n")
        self.assertEqual(self.asked(), [{"dry_run": True}, {"dry_run": False}])

    def test_nothing_to_do(self):
        with patch.dict(Handler.answers, {"POST rebalance": (200, {"moves": []})}):
            self.assertIn("0 moved: no node is hot", self.run_it("rebalance").stderr)
        with patch.dict(Handler.answers, {"POST rebalance": (200, {"moves": [],
                                                                   "unanswered": ["o-2"]})}):
            self.run_it("rebalance", "-o", "json", exit_code=TIMEOUT, data=True)
        self.run_it("rebalance", "now", exit_code=USAGE)


if __name__ == "__main__":
    unittest.main(verbosity=2, warnings="ignore")
