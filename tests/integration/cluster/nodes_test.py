# SPDX-License-Identifier: Apache-2.0
"""Media nodes that come, go, hang and are refused, and where their rooms are meanwhile. Everybody
in a room keeps signalling, and a path to the node it is on now.

    nodes_test.py BUILD_DIRECTORY [unittest arguments]
"""
import collections
import json
import signal
import unittest

from cluster import (MEDIA_PORTS, Cluster, counted, free_ports, http, join_token, metrics,
                     wait)
from participant import LEFT, Participant, join_request, path
from ws_client import Ws

ROOMS = [f"room-{i}" for i in range(6)]


class Case(unittest.TestCase):
    options = {}

    def setUp(self):
        self.cluster = Cluster(**self.options)
        self.addCleanup(self.cluster.close)
        self.cluster.start()
        self.participants = []
        self.addCleanup(lambda: [p.close() for p in self.participants])

    def state(self, name):
        return self.cluster.node(name)["state"]

    def make_rooms(self):
        for room in ROOMS:
            self.cluster.twirp("CreateRoom", name=room)
        return self.cluster.rooms()

    def join(self, room):
        """With an ICE path to the room's node."""
        p = Participant(self.cluster.orchestrator, room, "bystander")
        self.participants.append(p)
        p.connect()
        p.ping()
        return p

    def node_of(self, room):
        name = self.cluster.rooms()[room]
        return next(node for node in self.cluster.nodes if node.name == name)

    def other(self, node):
        return next(other for other in self.cluster.nodes if other is not node)

    def moves_along(self, p, node):
        """The participant is told of the node's ports, and nothing worse; they answer."""
        self.assertLessEqual(p.take_candidates(), set(node.ports))
        self.assertNotIn(LEFT, [kind for kind, _ in p.ping()[0]])
        p.connect()


class Placement(Case):
    def test_spread_over_equal_nodes(self):
        for i in range(20):
            self.cluster.twirp("CreateRoom", name=f"spread-{i}")
        counts = collections.Counter(self.cluster.rooms().values())
        # By reservation ten each; a load report in between says that empty rooms weigh nothing.
        self.assertEqual(set(counts), {"node-1", "node-2"})
        self.assertGreaterEqual(min(counts.values()), 5, counts)

    def test_same_name_is_refused(self):
        twin = self.cluster.add_node("twin", free_ports(MEDIA_PORTS + 1))
        twin.command += ["--set", "name=node-1",
                         "--set", f"curve.secret_file={self.cluster.dir}/keys/nodes/node-2.key"]
        before = self.cluster.node("node-1")["id"]
        self.cluster.nodes.append(twin.start())
        wait("it is refused", lambda: metrics(self.cluster.orchestrator)[
            'nodes_refused_total{reason="name"}'] > 0)
        self.assertTrue(self.cluster.orchestrator.log_lines("node_refused"))
        self.assertEqual(http(f"{twin.url}/readyz")[0], 503)
        self.assertEqual((self.cluster.node("node-1")["id"], self.state("node-1")),
                         (before, "ready"))
        self.cluster.nodes[0].kill()
        wait("its turn", lambda: http(f"{twin.url}/readyz")[0] == 200)


class Keys(Case):
    def test_unknown_key(self):
        self.cluster.make_keys(self.cluster.dir, "stranger")
        stranger = self.cluster.add_node("stranger", free_ports(MEDIA_PORTS + 1),
                                         key=self.cluster.dir / "stranger.key")
        p = self.join("calm")
        before = metrics(self.cluster.orchestrator)
        self.cluster.nodes.append(stranger.start())
        wait("it is refused",
             lambda: counted(self.cluster.orchestrator, before)
             .get('bus_refused_total{reason="key"}', 0) >= 2)
        self.assertEqual({node["name"] for node in self.cluster.list_nodes()},
                         {"node-1", "node-2"})
        status, reason = http(f"{stranger.url}/readyz")
        self.assertEqual(status, 503)
        self.assertIn(b"orchestrator", reason)
        self.assertEqual(p.ping()[0], [])

    def test_wrong_key_of_the_orchestrator(self):
        """A node does not talk to somebody who only pretends."""
        self.cluster.make_keys(self.cluster.dir, "pretender")
        node = self.cluster.nodes[0]
        node.stop()
        (self.cluster.dir / "keys/orchestrator.pub").write_text(
            (self.cluster.dir / "pretender.pub").read_text())
        node.start()
        wait("it tries", lambda: http(f"{node.url}/livez")[0] == 200)
        wait("it is refused",
             lambda: metrics(self.cluster.orchestrator)[
                 'bus_refused_total{reason="handshake"}'] > 0)
        self.assertEqual(http(f"{node.url}/readyz")[0], 503)


class Death(Case):
    def test_killed(self):
        before = self.make_rooms()
        victim = self.node_of(ROOMS[0])
        other = self.other(victim)
        p = self.join(ROOMS[0])
        bystander = self.join(next(room for room in ROOMS if before[room] == other.name))
        path = bystander.connections[0]
        counters = metrics(self.cluster.orchestrator)
        victim.kill()
        wait("it is gone at once", lambda: self.state(victim.name) == "gone", within_s=1)
        self.assertEqual(self.cluster.rooms(), {room: other.name for room in ROOMS})
        grown = counted(self.cluster.orchestrator, counters)
        self.assertEqual(grown["nodes_lost_total"], 1)
        self.assertEqual(grown["participant_moves_total"], 1)
        self.moves_along(p, other)
        grown = counted(self.cluster.orchestrator, counters)
        self.assertEqual(grown["participants_displaced_total"], 1)
        now = metrics(self.cluster.orchestrator)
        self.assertEqual(now['node_detection_seconds_count{cause="link_lost"}'], 1)
        self.assertEqual(now['nodes{region="",state="gone"}'], 1)
        bystander.check(path)
        self.assertEqual(bystander.ping()[0], [])
        wait("the other has the rooms", lambda: metrics(other)["rooms"] == 2)
        victim.start()
        self.cluster.wait_ready(victim)
        self.assertEqual(self.cluster.rooms(), {room: other.name for room in ROOMS})

    def wait_neighbours(self):
        """They hear each other, whether they share a room or not."""
        wait("they are neighbours", lambda: all(
            metrics(node)["relay_bytes_in_total"] > 0 for node in self.cluster.nodes))

    def test_hangs_and_wakes(self):
        self.make_rooms()
        victim = self.node_of(ROOMS[0])
        other = self.other(victim)
        p = self.join(ROOMS[0])
        wait("it has the room", lambda: metrics(victim)["rooms"] == 1)
        self.wait_neighbours()
        victim.signal(signal.SIGSTOP)
        wait("it is gone", lambda: self.state(victim.name) == "gone", within_s=3)
        verdict, = self.cluster.orchestrator.log_lines("node_dead")
        self.assertIn("cause=witnessed", verdict)
        self.assertEqual(set(self.cluster.rooms().values()), {other.name})
        self.moves_along(p, other)
        victim.signal(signal.SIGCONT)
        self.cluster.wait_ready(victim)
        wait("it drops what is no longer its own", lambda: metrics(victim)["rooms"] == 0)
        self.assertEqual(set(self.cluster.rooms().values()), {other.name})
        self.cluster.twirp("CreateRoom", name="newer")
        self.assertEqual(self.cluster.rooms()["newer"], victim.name)
        self.assertEqual(p.ping()[0], [])


class Strangers(Case):
    """The only nodes of their regions: nobody but the orchestrator hears them."""

    def setUp(self):
        self.cluster = Cluster()
        self.addCleanup(self.cluster.close)
        for name in ("node-1", "node-2"):
            file = self.cluster.dir / f"{name}.yaml"
            file.write_text(json.dumps({**json.loads(file.read_text()), "region": name}))
        self.cluster.start()

    def test_hang(self):
        """Suspect before it is dead; a short one moves nobody."""
        before = self.make_rooms()
        victim = self.node_of(ROOMS[0])
        other = self.other(victim)
        victim.signal(signal.SIGSTOP)
        wait("it is suspect", lambda: self.cluster.node(victim.name)["suspect"], within_s=3)
        self.assertEqual(self.state(victim.name), "ready")
        self.cluster.twirp("CreateRoom", name="new")
        self.assertEqual(self.cluster.rooms()["new"], other.name)
        victim.signal(signal.SIGCONT)
        wait("it is trusted again", lambda: not self.cluster.node(victim.name)["suspect"])
        self.assertEqual((self.state(victim.name), self.cluster.rooms()),
                         ("ready", {**before, "new": other.name}))
        victim.signal(signal.SIGSTOP)
        wait("it is gone", lambda: self.state(victim.name) == "gone", within_s=5)
        verdict, = self.cluster.orchestrator.log_lines("node_dead")
        self.assertIn("cause=silent", verdict)
        self.assertEqual(set(self.cluster.rooms().values()), {other.name})
        victim.signal(signal.SIGCONT)
        self.cluster.wait_ready(victim)


class Drain(Case):
    def test_sigterm(self):
        self.make_rooms()
        victim = self.node_of(ROOMS[0])
        other = self.other(victim)
        p = self.join(ROOMS[0])
        counters = metrics(self.cluster.orchestrator)
        victim.signal(signal.SIGTERM)
        victim.wait_end(status=0)
        self.assertEqual(victim.log_lines("drain_incomplete"), [])
        wait("it has left", lambda: self.state(victim.name) == "gone")
        self.assertEqual(self.cluster.rooms(), {room: other.name for room in ROOMS})
        grown = counted(self.cluster.orchestrator, counters)
        self.assertEqual(grown["participant_moves_total"], 1)
        self.assertNotIn("nodes_lost_total", grown, "leaving in order is no loss")
        self.moves_along(p, other)


class Alone(Case):
    options = {"nodes": 1, "drain_grace": "1s"}

    def test_rooms_wait_for_a_node(self):
        p = self.join("calm")
        node = self.cluster.nodes[0]
        node.kill()
        wait("it is gone", lambda: self.state("node-1") == "gone")
        for room in ("calm", "other"):  # one that waits for a node, and one that would be new
            refused = Ws(self.cluster.orchestrator, path(join_token(room, "me"), join_request()))
            self.assertEqual(refused.answer.status, 503)
            refused.s.close()
            self.assertIn(b"node", refused.answer.body)
            self.assertGreater(int(refused.answer.headers["retry-after"]), 0)
        self.assertEqual(metrics(self.cluster.orchestrator)['refused_total{reason="no_node"}'], 2)
        self.assertEqual(p.ping()[0], [], "who is there waits")
        node.start()
        self.cluster.wait_ready(node)
        self.moves_along(p, node)
        self.join("calm")
        self.assertEqual(self.cluster.rooms(), {"calm": "node-1"})

    def test_drain_of_the_last(self):
        """It waits for its grace, then goes all the same; who is in a room waits for another."""
        p = self.join("calm")
        node = self.cluster.nodes[0]
        node.stop()
        self.assertEqual(len(node.log_lines("drain_incomplete")), 1)
        node.start()
        self.cluster.wait_ready(node)
        self.moves_along(p, node)


class Restart(Case):
    def restarted(self):
        self.cluster.orchestrator.start()
        self.cluster.wait_ready(*self.cluster.nodes)
        for node in self.cluster.nodes:
            self.assertTrue(node.running)
            wait("it drops the rooms of the past", lambda: metrics(node)["rooms"] == 0)
        self.assertEqual(self.cluster.rooms(), {})
        self.make_rooms()
        p = self.join(ROOMS[0])
        wait("it has the new one", lambda: metrics(self.node_of(ROOMS[0]))["rooms"] == 1)
        self.assertEqual(p.ping()[0], [])

    def test_orchestrator_killed(self):
        self.make_rooms()
        self.join(ROOMS[0])
        self.cluster.orchestrator.kill()
        self.restarted()

    def test_orchestrator_stopped(self):
        self.make_rooms()
        self.join(ROOMS[0])
        self.cluster.orchestrator.stop()
        self.restarted()


if __name__ == "__main__":
    unittest.main()
