# SPDX-License-Identifier: Apache-2.0
"""The commands of docs/operations/drain.md, and what goes wrong with them.

    drain_test.py BUILD_DIRECTORY [unittest arguments]
"""
import os
import re
import subprocess
import unittest
from pathlib import Path

from cluster import API_KEY, API_SECRET, SPILLCTL, STOP_S, Cluster, metrics, wait
from participant import Participant

PAGE = Path(__file__).parents[3] / "docs/operations/drain.md"
OK, REFUSED, TIMEOUT = 0, 4, 5
ROOM_UPDATE = 11  # a field of SignalResponse


class Case(unittest.TestCase):
    nodes = 2

    def setUp(self):
        self.cluster = Cluster(nodes=self.nodes, drain_grace="10s")
        self.addCleanup(self.cluster.close)
        self.cluster.start()
        others = [f"node-{i}" for i in range(2, self.nodes + 1)]
        self.run_it("cordon", *others)  # so that everything begins on node-1
        self.people = [self.join(room, name) for room in ("one", "two") for name in "ab"]
        self.run_it("uncordon", *others)
        self.assertEqual(set(self.cluster.rooms().values()), {"node-1"})

    def cordon(self, name):
        self.run_it("cordon", name)

    def join(self, room, identity):
        person = Participant(self.cluster.orchestrator, room, identity)
        self.addCleanup(person.close)
        person.connect()
        person.ping()
        return person

    def environment(self):
        return {**os.environ, "SPILLWAY_SERVER": self.cluster.orchestrator.url,
                "SPILLWAY_API_KEY": API_KEY, "SPILLWAY_API_SECRET": API_SECRET,
                "PATH": f"{SPILLCTL.parent}:{os.environ['PATH']}"}

    def run_it(self, *arguments, exit_code=OK):
        done = subprocess.run([SPILLCTL, *arguments], capture_output=True, text=True,
                              timeout=STOP_S, env=self.environment())
        self.assertEqual(done.returncode, exit_code, (arguments, done.stdout, done.stderr))
        return done.stderr

    def state(self, name):
        return self.cluster.node(name)["state"]

    def follow(self):
        """Everybody goes where the last candidates point to."""
        for person in self.people:
            person.take_candidates()
            person.connect()


class Runbook(Case):
    def test_page(self):
        commands = re.findall(r"^```sh\n(.*?)```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
        self.assertEqual(len(commands), 4)
        expected = [("cordoned", "node-1"), ("draining", "node-2"), ("draining", "node-2"),
                    ("ready", "node-2")]
        for command, (state, node) in zip(commands, expected):
            done = subprocess.run(["sh", "-euc", command], env=self.environment(), timeout=STOP_S,
                                  capture_output=True, text=True)
            self.assertEqual(done.returncode, OK, (command, done.stderr))
            self.assertEqual(self.state("node-1"), state, command)
            self.assertEqual(set(self.cluster.rooms().values()), {node}, command)
        self.follow()
        for person in self.people:
            kinds = {kind for kind, _ in person.ping()[0]}
            self.assertLessEqual(kinds, {ROOM_UPDATE}, "nobody left, nobody has to come back")
        self.assertEqual(metrics(self.cluster.orchestrator)["participant_moves_total"], 4)
        self.assertEqual(metrics(self.cluster.orchestrator)["nodes_lost_total"], 0)
        self.join("three", "c")
        self.cluster.nodes[0].stop()


class Several(Case):
    nodes = 3

    def test_nobody_is_moved_twice(self):
        """Two of three nodes: everybody goes to the third one at once."""
        self.assertIn("needs --yes", self.run_it("drain", "node-1", "node-2", exit_code=REFUSED))
        self.assertEqual([self.state(f"node-{i}") for i in (1, 2, 3)], ["ready"] * 3)
        self.run_it("drain", "node-1", "node-2", "--yes")
        self.assertEqual([self.state(f"node-{i}") for i in (1, 2, 3)],
                         ["draining", "draining", "ready"])
        self.assertEqual(set(self.cluster.rooms().values()), {"node-3"})
        self.assertEqual(metrics(self.cluster.orchestrator)["participant_moves_total"], 4)
        self.run_it("uncordon", "node-", exit_code=2)
        self.run_it("uncordon", "node-1", "node-2")
        self.cluster.wait_ready(*self.cluster.nodes)


class Restarted(Case):
    def test_remembered(self):
        """The orchestrator is killed and starts anew: nodes tell it what they were told."""
        orchestrator = self.cluster.orchestrator
        self.cordon("node-2")
        self.run_it("drain", "node-1", "--force", "--detach")
        orchestrator.kill()
        orchestrator.start()
        self.cluster.wait_answers()
        wait("both are there", lambda: len(self.cluster.list_nodes()) == 2)
        self.assertEqual([self.state(name) for name in ("node-1", "node-2")],
                         ["draining", "cordoned"])
        self.run_it("uncordon", "node-1")
        self.run_it("uncordon", "node-2")
        orchestrator.kill()
        orchestrator.start()
        self.cluster.wait_ready(*self.cluster.nodes)


class Otherwise(Case):
    def test_nowhere_to_go(self):
        self.cordon("node-2")
        self.assertIn("no place", self.run_it("drain", "node-1", exit_code=REFUSED))
        self.assertEqual(self.state("node-1"), "ready")
        late = self.run_it("drain", "node-1", "--force", "--deadline", "1s", exit_code=TIMEOUT)
        self.assertIn("node-1: 2 rooms, 4 people left", late)
        self.run_it("uncordon", "node-2")  # then it goes on by itself
        wait("it is empty", lambda: set(self.cluster.rooms().values()) == {"node-2"})

    def test_stopping_node(self):
        """Uncordoning cannot hold one that stops itself."""
        self.cordon("node-2")
        self.cluster.nodes[0].signal(15)
        wait("it drains", lambda: self.state("node-1") == "draining")
        self.assertIn("being stopped", self.run_it("uncordon", "node-1", exit_code=REFUSED))
        self.run_it("uncordon", "node-2")
        self.cluster.nodes[0].wait_end()
        self.assertEqual(set(self.cluster.rooms().values()), {"node-2"})
        self.follow()


if __name__ == "__main__":
    unittest.main()
