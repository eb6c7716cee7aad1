# SPDX-License-Identifier: Apache-2.0
"""The commands of the pages of docs/operations about faults, each run after that fault; and what
the pages say that logs and metrics have.

    runbooks_test.py BUILD_DIRECTORY [unittest arguments]
"""
import json
import os
import re
import signal
import subprocess
import unittest
from pathlib import Path

from cluster import API_KEY, API_SECRET, SPILLCTL, STOP_S, Cluster, counted, metrics, wait
from orchestrators_test import Three
from participant import Participant

PAGES = Path(__file__).parents[3] / "docs/operations"


class Case(unittest.TestCase):
    def begin(self, cluster):
        self.cluster = cluster
        self.addCleanup(cluster.close)
        cluster.start()

    def join(self, orchestrator, room, identity):
        person = Participant(orchestrator, room, identity)
        self.addCleanup(person.close)
        person.connect()
        person.ping()
        return person

    def run_page(self, name, *orchestrators):
        """Every command of the page; returns what each printed."""
        commands = re.findall(r"^```sh\n(.*?)```$", (PAGES / name).read_text(),
                              re.MULTILINE | re.DOTALL)
        environment = {**os.environ, "SPILLWAY_SERVER": ",".join(one.url for one in orchestrators),
                       "SPILLWAY_API_KEY": API_KEY, "SPILLWAY_API_SECRET": API_SECRET,
                       "PATH": f"{SPILLCTL.parent}:{os.environ['PATH']}"}
        outputs = []
        for command in commands:
            done = subprocess.run(["sh", "-euc", command], env=environment, timeout=STOP_S,
                                  capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, (command, done.stdout, done.stderr))
            outputs.append(done.stdout)
        return outputs

    def wait_log(self, program, event):
        return wait(event, lambda: program.log_lines(event))[0]


class Node(Case):
    def setUp(self):
        self.begin(Cluster())
        self.orchestrator = self.cluster.orchestrator
        self.spectator = self.join(self.orchestrator, "lobby", "anna")
        name = self.cluster.rooms()["lobby"]
        self.victim = next(node for node in self.cluster.nodes if node.name == name)
        self.before = metrics(self.orchestrator)

    def lost(self):
        wait("it is gone", lambda: self.cluster.node(self.victim.name)["state"] == "gone")
        grown = counted(self.orchestrator, self.before)
        self.assertEqual((grown["nodes_lost_total"], grown["participant_moves_total"]), (1, 1))

    def test_crash(self):
        self.victim.kill()
        self.lost()
        self.assertIn("cause=link_lost", self.wait_log(self.orchestrator, "node_dead"))
        self.wait_log(self.orchestrator, "participant_moved")
        self.victim.start()
        self.cluster.wait_ready(*self.cluster.nodes)
        seen = self.run_page("node-crash.md", self.orchestrator)
        self.assertIn("nodes_lost_total 1", seen[0])
        self.assertIn("node_dead", seen[0])
        self.assertIn("lobby", seen[1])
        self.assertEqual(self.cluster.node("node-1")["state"], "ready")

    def test_hang(self):
        wait("neighbours hear each other", lambda: all(
            metrics(node)["relay_bytes_in_total"] > 0 for node in self.cluster.nodes))
        self.victim.signal(signal.SIGSTOP)
        self.lost()
        self.assertIn("cause=witnessed", self.wait_log(self.orchestrator, "node_dead"))
        self.victim.signal(signal.SIGCONT)
        wait("it is back", lambda: len(self.orchestrator.log_lines("node_registered")) == 3)
        self.cluster.wait_ready(*self.cluster.nodes)
        wait("it holds nothing", lambda: metrics(self.victim)["transports"] == 0)
        self.run_page("node-hang.md", self.orchestrator)
        self.assertEqual(self.cluster.node("node-1")["state"], "ready")


class Several(Case):
    def setUp(self):
        cluster = Three()
        for name, region in (("orchestrator-2", "eu"), ("orchestrator-3", "us"), ("node-1", "eu"),
                             ("node-2", "us")):
            file = cluster.dir / f"{name}.yaml"
            file.write_text(json.dumps({**json.loads(file.read_text()), "region": region}))
        self.begin(cluster)
        self.all = cluster.orchestrators

    def test_lone_node_hangs(self):
        """No neighbour hears it, but three orchestrators do, one of them in its region."""
        victim = self.cluster.nodes[0]
        victim.signal(signal.SIGSTOP)
        for each in self.all:
            self.assertIn("cause=witnessed", self.wait_log(each, "node_dead"))
        victim.signal(signal.SIGCONT)
        self.cluster.wait_ready(victim)

    def test_orchestrator(self):
        *living, dead = self.all
        self.join(living[0], "lobby", "anna")
        dead.kill()
        for each in living:
            self.wait_log(each, "peer_lost")
            self.assertEqual(metrics(each)["peers_up"], 1)
        self.wait_log(self.cluster.nodes[0], "orchestrator_disconnected")
        seen = self.run_page("orchestrator-lost.md", dead, *living)
        self.assertIn("lobby", seen[0])
        self.assertIn("anna", seen[0])
        self.assertIn("peer_lost", seen[0])
        dead.start()
        self.cluster.wait_whole()

    def test_region(self):
        *living, dead = self.all
        self.join(living[0], "lobby", "anna")
        dead.kill()
        self.cluster.nodes[1].kill()
        for each in living:
            self.wait_log(each, "peer_lost")
            self.assertIn("cause=link_lost", self.wait_log(each, "node_dead"))
            self.assertEqual(metrics(each)["nodes_ready"], 1)
        seen = self.run_page("region-lost.md", *living)
        self.assertIn("node-1", seen[1])
        self.assertIn("anna", seen[2])


if __name__ == "__main__":
    unittest.main()
