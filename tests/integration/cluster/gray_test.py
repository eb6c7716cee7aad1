# SPDX-License-Identifier: Apache-2.0
"""A node that lives and that its clients do not reach: the address of its media is gone, while the
bus, at another address, goes on. Real clients (the load client's ICE, DTLS and SRTP) find it.

    gray_test.py BUILD_DIRECTORY [unittest arguments]   (in a network namespace of its own)
"""
import json
import subprocess
import unittest

from cluster import Cluster, counted, metrics, wait
from load_test import command
from runbooks_test import Case

PUBLISHERS = 5  # join together


def address(verb, ip):
    subprocess.run(["ip", "addr", verb, f"{ip}/32", "dev", "lo"], check=True)


class Gray(Case):
    def setUp(self):
        cluster = Cluster()
        self.ips = {}
        for i, node in enumerate(cluster.nodes):
            ip = self.ips[node.name] = f"198.51.100.{i + 1}"
            file = cluster.dir / f"{node.name}.yaml"
            settings = json.loads(file.read_text())
            settings["media"]["ip"] = ip
            file.write_text(json.dumps(settings))
            address("add", ip)
        self.begin(cluster)
        self.orchestrator = cluster.orchestrator

    def state(self, name):
        return self.cluster.node(name)["state"]

    def room_on(self, name, room):
        """An empty room with place on that node."""
        for node in self.cluster.nodes:
            if node.name != name:
                self.cluster.admin(f"nodes/{node.name}/cordon", {})
        self.cluster.twirp("CreateRoom", name=room)
        for node in self.cluster.nodes:
            if node.name != name:
                self.cluster.admin(f"nodes/{node.name}/uncordon", {})
        self.assertEqual(self.cluster.rooms()[room], name)

    def test_unreached(self):
        """Everybody who joins there is at the other node before he gives up, and gets everything;
        the node is out of service, until somebody says that it is well."""
        self.room_on("node-1", "lobby")
        address("del", self.ips["node-1"])
        before = metrics(self.orchestrator)
        load = subprocess.Popen(
            command(self.cluster, "lobby", "--publishers", PUBLISHERS, "--receivers", 2,
                    "--join-rate", 20, "--seconds", 5), stdout=subprocess.PIPE)
        self.addCleanup(lambda: (load.kill(), load.communicate()))
        wait("it is found", lambda: self.state("node-1") == "gray")
        self.assertIn("verdict=unreached", self.wait_log(self.orchestrator, "node_gray"))
        grown = counted(self.orchestrator, before)
        self.assertEqual(grown["participant_moves_total"], PUBLISHERS)
        self.assertEqual(grown['gray_verdicts_total{verdict="unreached"}'], 1)
        self.assertTrue(self.cluster.nodes[0].running)
        self.assertEqual(metrics(self.orchestrator)["nodes_gray"], 1)
        self.cluster.twirp("CreateRoom", name="new")
        self.assertEqual(set(self.cluster.rooms().values()), {"node-2"})

        address("add", self.ips["node-1"])
        seen = self.run_page("node-gray.md", self.orchestrator)
        self.assertRegex(seen[0], r"(?m)^node-1 +gray\b")
        self.assertIn("unreached", seen[0])
        self.assertEqual(self.state("node-1"), "ready")
        result = json.loads(load.communicate(timeout=100)[0])
        self.assertEqual(load.returncode, 0, result["failures"])
        self.assertEqual(result["connected"], PUBLISHERS + 2)
        for kind in ("audio", "video"):
            got = result[kind]
            self.assertEqual((got["lost"], got["tracks"]), (0, 2 * PUBLISHERS), kind)


if __name__ == "__main__":
    unittest.main()
