# SPDX-License-Identifier: Apache-2.0
"""spillctl explain: why a room is where it is, and why a node takes no rooms or sheds people.

    explain_test.py PATH_OF_SPILLCTL [unittest arguments]
"""
import json
import unittest
import unittest.mock

from admin import (EVIL, NOT_FOUND, OK, PLACE, ROOM, TIMEOUT, USAGE, WHY, Case, Handler, node,
                   node_answers)
from events_test import EVENTS, answer

PAST = {"GET events?after=&wait_s=0": answer(EVENTS)}


def answering(**answers):
    return unittest.mock.patch.dict(Handler.answers, {**PAST, **answers})


class Room(Case):
    def test_why(self):
        room = {**ROOM, "nodes": [{"id": "ND_1", "name": "node-a", "role": "hub"}]}
        places = WHY["places"] + [{**WHY["places"][0], "id": "ND_2", "name": EVIL, "from": "",
                                   "from_name": "", "cause": "new_cause"}]
        with answering(**{"GET rooms/my%20room/explain": (200, {**WHY, "room": room,
                                                                "places": places})}):
            said = self.run_it("explain", "room", "my room").stdout
        self.assertIn("owner            o-1, epoch 7\n", said)
        self.assertIn("next to join     node-a: the room's own node in the asked region eu\n", said)
        self.assertRegex(said, r"node-a +eu +ready +hub +1 .* when their node died, node-z\n")
        self.assertRegex(said, r"Eve\?\[2J\?\?Gr\u00fc\u00dfe .* - .* new_cause\n")
        self.assertIn("room_moves", said)
        self.assertNotIn("node_dead", said, "which is no event of the room")

    def test_formats(self):
        with answering():
            whole = json.loads(self.run_it("explain", "my room", "-o", "json").stdout)
            self.assertEqual({**whole, "events": []}, {**WHY, "events": []})
            self.assertEqual([each["event"] for each in whole["events"]], ["room_moves"])
            self.assertEqual(self.run_it("explain", "my room", "-o", "name").stdout, "node-a\n")
            self.assertEqual(json.loads(self.run_it("explain", "room", "my room",
                                                    "-o", "jsonl").stdout), whole)

    def test_ten_events(self):
        with answering(**{"GET events?after=&wait_s=0": answer(20 * [EVENTS[2]])}):
            whole = json.loads(self.run_it("explain", "my room", "-o", "json").stdout)
        self.assertEqual(len(whole["events"]), 10)


class Node(Case):
    def explain(self, reason="fuller", exit_code=OK, **fields):
        place = {**PLACE, "nodes": [{**PLACE["nodes"][0], "id": "ND_8", "reason": "chosen"},
                                    {**PLACE["nodes"][0], "reason": reason, "text": "so it is"}]}
        fields = {"hot": "", "heat_ratio": 0.5, "gray": "", **fields}
        with answering(**node_answers("node-a", "ND_1", **fields)):
            with unittest.mock.patch.dict(Handler.places, {"": place}):
                return self.run_it("explain", "node", "node-a", exit_code=exit_code,
                                   data=True).stdout

    def test_what_it_takes(self):
        for reason in ("chosen", "fuller", "not_sampled"):
            self.assertIn("takes rooms      yes: so it is\n", self.explain(reason))
        for reason in ("full", "crowded", "cordoned", "draining", "gray", "suspect", "gone"):
            self.assertIn("takes rooms      no: so it is\n", self.explain(reason))
        self.assertEqual([json.loads(body) for method, _, _, body in self.admin.requests
                          if method == "POST"][-1], {"region": "eu"})

    def test_what_it_sheds_and_who_reaches_it(self):
        self.assertIn("sheds people     no: 50 % of what is hot\n", self.explain())
        self.assertIn("yes: it is hot by the use of its core, 93 %\n",
                      self.explain(hot="cpu", heat_ratio=0.93))
        for fields, said in (({}, "reached          yes\nheard            yes\n"),
                             ({"gray": "unreached"}, "does not reach it\n"),
                             ({"gray": "losing"}, "it lost the media"),
                             ({"state": "gray"}, "no, another orchestrator says\n"),
                             ({"suspect": True}, "it may be dead")):
            self.assertIn(said, self.explain(**fields))
        self.assertIn("node_registered", self.explain())
        self.explain(exit_code=TIMEOUT, unanswered=["o-2"])


class Names(Case):
    def test_whichever_there_is(self):
        both = {**node_answers("my room", "ND_7"), "GET nodes/my%20room": (200, node("my room",
                                                                                     "ND_7"))}
        with answering():
            self.assertIn("room             my room", self.run_it("explain", "my room").stdout)
            self.assertIn("node             node-a", self.run_it("explain", "node-a").stdout)
        self.assertIn("neither a room nor a node is called",
                      self.run_it("explain", "nobody", exit_code=NOT_FOUND).stderr)
        with answering(**both):
            self.assertIn("a node and a room are called",
                          self.run_it("explain", "my room", exit_code=USAGE).stderr)
            self.run_it("explain", "room", "my room")
        for words in ((), ("cloud", "x"), ("room", "a", "b"), ("",)):
            self.run_it("explain", *words, exit_code=USAGE)
        self.run_it("explain", "room", "x", exit_code=NOT_FOUND)
        self.run_it("explain", "node", "x", exit_code=NOT_FOUND)


if __name__ == "__main__":
    unittest.main()
