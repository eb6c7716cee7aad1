# SPDX-License-Identifier: Apache-2.0
"""The smallest cluster, one orchestrator and one node: without a Redis, with one that comes and
goes, and what both programs tell their operators.

    laptop_test.py BUILD_DIRECTORY [unittest arguments]
"""
import re
import subprocess
import unittest

from cluster import HOST, Cluster, http, metrics, wait
from participant import Participant

SAMPLE = re.compile(r'([a-z_]+)(\{[a-z_]+="[^"\\]*"(?:,[a-z_]+="[^"\\]*")*\})? (\S+)')


class Memory(unittest.TestCase):
    def test_one_node_is_enough(self):
        with Cluster(nodes=1) as cluster:
            cluster.start()
            self.assertEqual(len(cluster.orchestrator.log_lines("store_in_memory")), 1)
            p = Participant(cluster.orchestrator, "laptop", "me")
            p.connect()
            p.connect("tcp")
            self.assertEqual(cluster.rooms(), {"laptop": "node-1"})
            self.assertEqual(metrics(cluster.orchestrator)["store_up"], 1)
            p.close()


class Redis(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(nodes=1, redis=True)
        self.addCleanup(self.cluster.close)

    def redis(self, *words):
        done = subprocess.run(["redis-cli", "-h", HOST, "-p", str(self.port), *words],
                              capture_output=True, text=True, timeout=10)
        return done.stdout.splitlines() if done.returncode == 0 else []

    @property
    def port(self):
        return self.cluster.redis.command[2]

    def row(self, key):
        words = self.redis("HGETALL", key)
        return dict(zip(words[::2], words[1::2]))

    def rows(self):
        """Node rows and room rows, once there is one of each."""
        node = self.cluster.node("node-1")["id"]
        wait("a row of the node", lambda: self.row(f"spillway:node:{node}"))
        wait("a row of the room", lambda: self.row("spillway:room:calm"))
        return node, self.row(f"spillway:node:{node}"), self.row("spillway:room:calm")

    def test_rows(self):
        self.cluster.start()
        self.cluster.twirp("CreateRoom", name="calm")
        node, load, room = self.rows()
        self.assertEqual((load["name"], load["state"], load["capacity"]),
                         ("node-1", "ready", "4000"))
        self.assertLessEqual({"weight", "reserved", "cpu_permille", "bps_in", "bps_out"},
                             set(load))
        self.assertEqual(room["node"], node)
        self.assertEqual(int(room["epoch"]), self.cluster.admin("rooms/calm")["epoch"])
        self.assertIn(f"id={room['owner']} ", self.cluster.orchestrator.text())
        for key in (f"spillway:node:{node}", "spillway:room:calm"):
            self.assertGreater(int(self.redis("TTL", key)[0]), 0)
        self.cluster.twirp("DeleteRoom", room="calm")
        wait("the row is gone", lambda: not self.row("spillway:room:calm"))
        self.cluster.nodes[0].kill()
        wait("the node's row is gone", lambda: not self.row(f"spillway:node:{node}"))

    def test_killed_and_back(self):
        """Nobody notices, and all rows return: the Redis comes back empty."""
        self.cluster.start()
        p = Participant(self.cluster.orchestrator, "calm", "bystander")
        path = p.connect()
        p.ping()
        before = self.rows()
        self.cluster.redis.kill()
        wait("the loss is seen", lambda: metrics(self.cluster.orchestrator)["store_up"] == 0)
        self.assertEqual(len(self.cluster.orchestrator.log_lines("store_down")), 1)
        self.assertEqual(http(f"{self.cluster.orchestrator.url}/livez")[0], 200)
        self.assertEqual(http(f"{self.cluster.orchestrator.url}/readyz")[0], 200)
        late = Participant(self.cluster.orchestrator, "late", "joins meanwhile")
        late.connect()
        self.cluster.redis.start()
        wait("a new connection", lambda: metrics(self.cluster.orchestrator)["store_up"] == 1)
        node, load, room = self.rows()
        self.assertEqual((node, room), (before[0], before[2]))
        self.assertEqual(load["name"], "node-1")
        self.assertEqual(self.row("spillway:room:late")["node"], node)
        p.check(path)
        self.assertEqual(p.ping()[0], [])
        for participant in (p, late):
            participant.close()

    def test_not_there_at_the_start(self):
        cluster = self.cluster
        for program in (cluster.orchestrator, *cluster.nodes):
            program.start()
        cluster.wait_ready(*cluster.nodes)
        p = Participant(cluster.orchestrator, "calm", "early")
        self.assertEqual(metrics(cluster.orchestrator)["store_up"], 0)
        cluster.redis.start()
        self.rows()
        p.close()


class Probes(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(nodes=1)
        self.addCleanup(self.cluster.close)
        self.orchestrator, self.node = self.cluster.orchestrator, self.cluster.nodes[0]

    def probe(self, program, name):
        status, text = http(f"{program.url}/{name}")
        return status, text.decode()

    def test_orchestrator_without_nodes(self):
        self.orchestrator.start()
        self.cluster.wait_answers()
        self.assertEqual(self.probe(self.orchestrator, "livez")[0], 200)
        status, reason = self.probe(self.orchestrator, "readyz")
        self.assertEqual(status, 503)
        self.assertIn("node", reason)
        self.node.start()
        wait("it is ready", lambda: self.probe(self.orchestrator, "readyz")[0] == 200)
        self.node.kill()
        wait("it is not", lambda: self.probe(self.orchestrator, "readyz")[0] == 503)
        self.assertEqual(self.probe(self.orchestrator, "livez")[0], 200)

    def test_node_without_orchestrator(self):
        self.node.start()
        wait("it lives", lambda: self.probe(self.node, "livez")[0] == 200)
        status, reason = self.probe(self.node, "readyz")
        self.assertEqual(status, 503)
        self.assertIn("orchestrator", reason)
        self.orchestrator.start()
        wait("it is ready", lambda: self.probe(self.node, "readyz")[0] == 200)

    def test_exposition(self):
        """Every sample has its HELP and TYPE before it, the program's prefix, and a number; what is
        called _total is a counter, and the other way round; no series is there twice."""
        self.cluster.start()
        for program, prefix in ((self.orchestrator, "spillway_orchestrator_"),
                                (self.node, "spillway_node_")):
            helps, kinds, series, sampled = {}, {}, set(), set()
            for line in self.probe(program, "metrics")[1].splitlines():
                if line.startswith("# HELP "):
                    name, text = line.split(" ", 3)[2:]
                    self.assertNotIn(name, helps, "one block of lines each")
                    self.assertTrue(text)
                    helps[name] = text
                elif line.startswith("# TYPE "):
                    name, kind = line.split(" ", 3)[2:]
                    self.assertIn(name, helps)
                    self.assertIn(kind, ("counter", "gauge", "histogram"))
                    self.assertEqual(kind == "counter", name.endswith("_total"), name)
                    kinds[name] = kind
                else:
                    sample, labels, value = SAMPLE.fullmatch(line).groups()
                    name, kind = list(kinds.items())[-1]
                    self.assertIn(sample, [f"{name}_{part}" for part in ("bucket", "sum", "count")]
                                  if kind == "histogram" else [name])
                    self.assertTrue(name.startswith(prefix), name)
                    self.assertNotIn((sample, labels), series)
                    series.add((sample, labels))
                    sampled.add(name)
                    float(value)
            self.assertEqual(set(helps), set(kinds))
            self.assertEqual(set(kinds), sampled)
            self.assertGreater(len(series), 20)


if __name__ == "__main__":
    unittest.main()
