# SPDX-License-Identifier: Apache-2.0
"""spillctl rollout of three real nodes, which the test restarts when the command says so, while a
meeting goes on.

    rollout_test.py BUILD_DIRECTORY [unittest arguments]
"""
import subprocess
import unittest

from cluster import SPILLCTL, STOP_S, wait
from drain_test import Case, ROOM_UPDATE


class Rollout(Case):
    nodes = 3

    def restart(self, name):
        node = next(node for node in self.cluster.nodes if node.name == name)
        node.stop()
        node.start()

    def test_whole(self):
        before = {node["name"]: node["id"] for node in self.cluster.list_nodes()}
        wait("node-1 tells of them", lambda: self.cluster.node("node-1")["transports"] == 4)
        marks = self.cluster.dir / "marks"
        marks.mkdir()
        rollout = subprocess.Popen(
            [SPILLCTL, "rollout", "nodes", "--yes", "--settle", "0s", "--exec",
             f'touch "{marks}/$SPILLWAY_NODE"'],
            env=self.environment(), stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: rollout.poll() is None and rollout.kill())
        turns = []
        for _ in range(self.nodes):
            wait("one is empty", lambda: len(list(marks.iterdir())) > len(turns))
            turns += {mark.name for mark in marks.iterdir()} - set(turns)
            if turns[-1] == "node-1":  # which has all of them, so that it comes last
                self.follow()
            self.assertEqual(self.cluster.node(turns[-1])["rooms"], 0)
            self.assertEqual(self.state(turns[-1]), "draining")
            self.restart(turns[-1])
        _, told = rollout.communicate(timeout=STOP_S)
        self.assertEqual(rollout.returncode, 0, told)
        self.assertEqual(turns[-1], "node-1", "who has people comes last")
        after = {node["name"]: node["id"] for node in self.cluster.list_nodes()
                 if node["state"] == "ready"}
        self.assertEqual(set(after), set(before))
        self.assertFalse(set(after.values()) & set(before.values()))
        for person in self.people:
            kinds = {kind for kind, _ in person.ping()[0]}
            self.assertLessEqual(kinds, {ROOM_UPDATE}, "nobody left, nobody has to come back")
        self.assertIn("3 of 3 nodes run", self.run_it("rollout", "status"))


if __name__ == "__main__":
    unittest.main()
