# SPDX-License-Identifier: Apache-2.0
"""spillctl against a live cluster: what it shows is what docs/protocols/admin-api.md says.

    spillctl_test.py BUILD_DIRECTORY [unittest arguments]
"""
import json
import os
import re
import signal
import subprocess
import unittest

from cluster import NODE as NODE_PROGRAM
from cluster import (API_KEY, API_SECRET, ORCHESTRATOR, SPILLCTL, STOP_S, Cluster, free_ports,
                     join_token, token, wait)
from participant import (ADD_TRACK, OFFER, Participant, description, join_request, message,
                         offer_sdp, path)
from ws_client import Ws

OK, FAILED, USAGE, NOT_FOUND, REFUSED, TIMEOUT, UNREACHABLE = range(7)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
TEXT, NUMBER, FLAG, LIST = str, (int, float), bool, list
NODE = {"id": TEXT, "name": TEXT, "region": TEXT, "zone": TEXT, "version": TEXT, "state": TEXT,
        "suspect": FLAG, "capacity": NUMBER, "weight": NUMBER, "reserved": NUMBER, "rooms": NUMBER,
        "transports": NUMBER, "tracks": NUMBER, "subscriptions": NUMBER, "cpu_ratio": NUMBER,
        "loop_lag_us": NUMBER, "bps_in": NUMBER, "bps_out": NUMBER, "registered_at": TIME,
        "heard_at": TIME, "hot": TEXT, "heat_ratio": NUMBER, "gray": TEXT}
ROOM = {"name": TEXT, "sid": TEXT, "node": TEXT, "node_name": TEXT, "nodes": LIST,
        "epoch": NUMBER, "participants": NUMBER, "publishers": NUMBER, "weight": NUMBER,
        "max_participants": NUMBER, "metadata": TEXT, "created_at": TIME, "pinned_node": TEXT,
        "pinned_region": TEXT}
TREE = {**ROOM, "tracks": LIST}
TREE_NODE = {"id": TEXT, "name": TEXT, "participants": NUMBER, "region": TEXT, "role": TEXT,
             "parent": type(None)}
PARTICIPANT = {"identity": TEXT, "sid": TEXT, "node": TEXT, "node_name": TEXT, "name": TEXT,
               "state": TEXT, "hidden": FLAG, "metadata": TEXT, "joined_at": TIME, "tracks": LIST}
TRACK = {"sid": TEXT, "name": TEXT, "kind": TEXT, "source": TEXT, "mime_type": TEXT, "muted": FLAG,
         "width": NUMBER, "height": NUMBER}

cluster = None


def setUpModule():
    global cluster
    cluster = Cluster().start()
    unittest.addModuleCleanup(cluster.close)


class Case(unittest.TestCase):
    def run_it(self, *arguments, exit_code=OK, **env):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SPILLWAY_")}
        environment.update({"SPILLWAY_SERVER": cluster.orchestrator.url,
                            "SPILLWAY_API_KEY": API_KEY, "SPILLWAY_API_SECRET": API_SECRET}, **env)
        done = subprocess.run([SPILLCTL, *arguments], capture_output=True, text=True,
                              timeout=STOP_S, env=environment)
        self.assertEqual(done.returncode, exit_code, (arguments, done.stdout, done.stderr))
        if exit_code != OK:
            self.assertEqual(done.stdout, "")
            self.assertNotEqual(done.stderr, "")
        return done

    def json(self, *arguments):
        return json.loads(self.run_it(*arguments, "-o", "json").stdout)

    def check_shape(self, thing, shape):
        self.assertEqual(list(thing), list(shape), "the keys, in the documented order")
        for key, kind in shape.items():
            if kind is TIME:
                self.assertRegex(thing[key], TIME)
            else:
                self.assertIsInstance(thing[key], kind, key)

    def join(self, room, identity="alice"):
        p = Participant(cluster.orchestrator, room, identity)
        self.addCleanup(p.close)
        p.connect()
        p.ping()
        return p

    def publish(self, p):
        """A microphone, which the second offer of the same section carries."""
        p.send(ADD_TRACK, message((1, "microphone"), (2, "mic"), (3, 0), (8, 2)))
        p.send(OFFER, description(offer_sdp(), 2))


class Get(Case):
    def test_nodes(self):
        nodes = self.json("get", "nodes")["nodes"]
        self.assertEqual({node["name"] for node in nodes}, {"node-1", "node-2"})
        for node in nodes:
            self.check_shape(node, NODE)
            self.assertEqual((node["state"], node["suspect"], node["capacity"]),
                             ("ready", False, 4000))
        lines = self.run_it("get", "nodes").stdout.splitlines()
        self.assertEqual(lines[0].split()[:2], ["NAME", "STATE"])
        self.assertEqual({line.split()[0] for line in lines[1:]}, {"node-1", "node-2"})
        names = self.run_it("get", "nodes", "-o", "name").stdout.split()
        self.assertEqual(set(names), {"node-1", "node-2"})
        self.assertIn("LAG_US", self.run_it("get", "nodes", "-o", "wide").stdout)

    def test_rooms_and_participants(self):
        name = "../sp\u00e4t//fr\u00fch/1 & 2 %2F?"
        p = self.join(name)
        self.publish(p)
        wait("the track is there", lambda: self.json(
            "get", "participants", "--room", name)["participants"][0]["tracks"])
        room = next(room for room in self.json("get", "rooms")["rooms"] if room["name"] == name)
        self.check_shape(room, ROOM)
        self.assertEqual((room["participants"], room["publishers"], room["max_participants"]),
                         (1, 1, 0))
        person = self.json("get", "participants", "--room", name)["participants"][0]
        self.assertEqual(person.pop("room"), name, "spillctl's own, beside the documented")
        self.check_shape(person, PARTICIPANT)
        self.assertEqual((person["identity"], person["state"]), ("alice", "joined"))
        track = person["tracks"][0]
        self.check_shape(track, TRACK)
        self.assertEqual((track["name"], track["kind"], track["source"], track["muted"]),
                         ("mic", "audio", "microphone", False))
        self.assertIn(name, self.run_it("get", "rooms", "-o", "name").stdout.splitlines())
        self.assertIn("alice", self.run_it("get", "participants").stdout)

    def test_describe(self):
        self.join("described")
        room = self.json("describe", "room", "described")
        self.check_shape(room, TREE)
        self.assertEqual(len(room["nodes"]), 1)
        self.check_shape(room["nodes"][0], TREE_NODE)
        self.assertEqual(room["nodes"][0]["role"], "hub")
        node = self.json("describe", "node", room["node_name"])
        self.assertEqual(node["id"], room["node"])
        self.assertIn("described", node["room_names"])
        self.assertEqual(self.json("describe", "node", room["node"])["name"], node["name"])
        endpoints = [(e["ip"], e["port"], e["protocol"]) for e in node["endpoints"]]
        program = next(n for n in cluster.nodes if n.name == room["node_name"])
        self.assertEqual(sorted(endpoints), sorted(
            ("127.0.0.1", port, protocol) for port in program.ports for protocol in
            ("udp", "tcp")))
        self.check_shape({k: v for k, v in node.items() if k not in ("endpoints", "room_names")},
                         NODE)
        person = self.json("describe", "participant", "alice", "--room", "described")
        self.check_shape(person, PARTICIPANT)
        self.assertRegex(self.run_it("describe", "room", "described").stdout, r"name +described")


class Place(Case):
    ANSWER = {"room": TEXT, "who": TEXT, "region": TEXT, "weight": NUMBER,
              "expected_participants": NUMBER, "expected_from": TEXT,
              "expected_weight": NUMBER, "node": TEXT, "node_name": TEXT, "reason": TEXT,
              "text": TEXT, "retry_after_s": NUMBER, "distance_ms": NUMBER, "nodes": LIST}
    EACH = {"id": TEXT, "name": TEXT, "region": TEXT, "zone": TEXT, "state": TEXT,
            "weight": NUMBER, "reserved": NUMBER, "capacity": NUMBER, "reason": TEXT,
            "text": TEXT}

    def test_explain(self):
        self.join("explained")
        room = self.json("describe", "room", "explained")
        answer = self.json("place", "explain", "explained")
        self.check_shape(answer, self.ANSWER)
        self.assertEqual((answer["room"], answer["who"], answer["reason"], answer["node"]),
                         ("explained", "join", "kept", room["node"]))
        for node in answer["nodes"]:
            self.check_shape(node, self.EACH)
        self.assertEqual({node["name"]: node["reason"] for node in answer["nodes"]},
                         {"node-1": "not_needed", "node-2": "not_needed",
                          room["node_name"]: "kept"})
        again = self.json("place", "explain", "explained", "--identity", "alice")
        self.assertEqual(again["who"], "reconnect")
        table = self.run_it("place", "explain", "explained").stdout
        self.assertIn("holds the room already", table)

    def test_dry_run(self):
        """Says where a room would go, and makes none."""
        rooms = self.run_it("get", "rooms", "-o", "name").stdout
        answer = self.json("place", "--dry-run", "--participants", "3")
        self.check_shape(answer, self.ANSWER)
        self.assertEqual((answer["who"], answer["expected_weight"], answer["expected_from"]),
                         ("new_room", 18, "asked"))
        self.assertEqual(sorted(node["reason"] for node in answer["nodes"]),
                         ["chosen", "fuller"])
        self.assertEqual(self.run_it("get", "rooms", "-o", "name").stdout, rooms)
        far = self.json("place", "--dry-run", "--region", "mars")
        self.assertIsNone(far["distance_ms"])
        self.assertIn("no node in mars takes it", far["text"])


class Explain(Case):
    PLACE = {"id": TEXT, "name": TEXT, "region": TEXT, "state": TEXT, "participants": NUMBER,
             "weight": NUMBER, "cause": TEXT, "from": TEXT, "from_name": TEXT, "since": TIME}

    def test_room(self):
        self.join("reasons")
        room = self.json("describe", "room", "reasons")
        why = self.json("explain", "room", "reasons")
        self.assertEqual(list(why), ["owner", "owner_id", "room", "places", "next", "events"])
        self.check_shape(why["places"][0], self.PLACE)
        self.assertEqual(why["room"]["sid"], room["sid"])
        self.assertEqual((why["places"][0]["id"], why["places"][0]["cause"]),
                         (room["node"], "new_room"))
        other = ({"node-1", "node-2"} - {room["node_name"]}).pop()
        self.run_it("move", "--room", "reasons", "--to", other)
        why = self.json("explain", "reasons")
        self.assertEqual([(place["name"], place["cause"], place["from_name"])
                          for place in why["places"]], [(other, "move", room["node_name"])])
        self.assertEqual([event["event"] for event in why["events"]], ["room_moves"])

    def test_node(self):
        self.run_it("cordon", "node-2")
        self.addCleanup(self.run_it, "uncordon", "node-2")
        why = self.json("explain", "node", "node-2")
        self.assertEqual(list(why), ["node", "takes_rooms", "reason", "text", "events"])
        self.assertEqual((why["takes_rooms"], why["reason"]), (False, "cordoned"))
        self.assertEqual(why["events"][-1]["event"], "node_cordoned")
        self.assertTrue(self.json("explain", "node", "node-1")["takes_rooms"])


class Token(Case):
    def test_join_with_it(self):
        made = self.json("token", "create", "--room", "made", "--identity", "bob")
        ws = Ws(cluster.orchestrator, path(made["token"], join_request()))
        self.assertEqual(ws.answer.status, 101)
        self.assertEqual(self.json("describe", "participant", "bob", "--room", "made")["identity"],
                         "bob")
        ws.s.close()
        refused = Ws(cluster.orchestrator, path(made["token"][:-2] + "AA", join_request()))
        self.assertEqual(refused.answer.status, 401)
        refused.s.close()

    def test_call_with_it(self):
        text = self.run_it("token", "create", "--identity", "ops", "--room-list").stdout.strip()
        bare = {"SPILLWAY_API_KEY": "", "SPILLWAY_API_SECRET": "", "SPILLWAY_TOKEN": text}
        self.run_it("get", "nodes", **bare)
        self.run_it("move", "--room", "x", "--to", "node-1", exit_code=REFUSED, **bare)


class Move(Case):
    def test_there_and_back(self):
        p = self.join("moving")
        before = self.json("describe", "room", "moving")
        other = ({"node-1", "node-2"} - {before["node_name"]}).pop()
        for to in (other, before["node_name"]):
            done = self.run_it("move", "--room", "moving", "--to", to)
            self.assertEqual(done.stdout, "")
            self.assertIn(to, done.stderr)
            now = self.json("describe", "room", "moving")
            self.assertEqual((now["node_name"], now["sid"], now["epoch"]),
                             (to, before["sid"], before["epoch"]))
            program = next(node for node in cluster.nodes if node.name == to)
            self.assertLessEqual(p.take_candidates(), set(program.ports))
            p.connect()
        self.assertEqual(len({s.getpeername() for s in p.connections}), 3,
                         "never the same port twice")
        answer = self.json("move", "--room", "moving", "--to", other)
        self.assertEqual(list(answer), ["room", "from", "to", "participants"])
        self.assertEqual(answer["participants"], 1)
        self.assertEqual(answer["room"], "moving")
        self.run_it("move", "--room", "moving", "--to", other, exit_code=REFUSED)

    def test_one_of_two(self):
        one, two = self.join("parting", "one"), self.join("parting", "two")
        before = self.json("describe", "room", "parting")
        self.assertEqual([node["participants"] for node in before["nodes"]], [2])
        other = ({"node-1", "node-2"} - {before["node_name"]}).pop()
        self.run_it("move", "two", "--room", "parting", "--to", other)
        now = self.json("describe", "room", "parting")
        self.assertEqual({node["name"]: node["participants"] for node in now["nodes"]},
                         {before["node_name"]: 1, other: 1})
        self.assertEqual(self.json("describe", "participant", "two", "--room", "parting")
                         ["node_name"], other)
        program = next(node for node in cluster.nodes if node.name == other)
        self.assertLessEqual(two.take_candidates(), set(program.ports))
        two.connect()
        self.run_it("move", "two", "--room", "parting", "--to", other, exit_code=REFUSED)
        self.run_it("move", "three", "--room", "parting", "--to", other, exit_code=NOT_FOUND)


class Pin(Case):
    def test_who_joins_goes_there(self):
        self.join("pinned", "one")
        first = self.json("describe", "room", "pinned")["node_name"]
        other = ({"node-1", "node-2"} - {first}).pop()
        done = self.run_it("pin", "pinned", "--to", other)
        self.assertIn("1 of it are elsewhere", done.stderr)
        self.join("pinned", "two")
        room = self.json("describe", "room", "pinned")
        self.assertEqual((room["pinned_node"], room["pinned_region"]), (other, ""))
        self.assertEqual({node["name"]: node["participants"] for node in room["nodes"]},
                         {first: 1, other: 1})
        self.run_it("unpin", "pinned")
        self.assertEqual(self.json("describe", "room", "pinned")["pinned_node"], "")
        self.run_it("pin", "pinned", "--region", "mars", exit_code=NOT_FOUND)


class Config(Case):
    def test_show(self):
        """What is in force and where each comes from; no secret."""
        done = self.run_it("config", "show", "-o", "json")
        settings = {row["name"]: row for row in json.loads(done.stdout)["settings"]}
        self.assertEqual(settings["rebalance.enabled"]["value"], "false")
        self.assertRegex(settings["rebalance.enabled"]["origin"], r"orchestrator\.yaml:\d+$")
        self.assertEqual(settings["placement.fill_percent"]["origin"], "default")
        self.assertEqual(settings["keys"]["value"], "{%s: ***}" % API_KEY)
        self.run_it("config", "show", exit_code=REFUSED,
                    SPILLWAY_TOKEN=token({"roomList": True}, sub="reader"))

    def test_check(self):
        path = {"PATH": f"{ORCHESTRATOR.parent}:{NODE_PROGRAM.parent}:{os.environ['PATH']}"}
        self.run_it("config", "check", str(cluster.dir / "orchestrator.yaml"), **path)
        self.run_it("config", "check", "--node", str(cluster.dir / "node-1.yaml"), **path)
        done = self.run_it("config", "check", str(cluster.dir / "node-1.yaml"), exit_code=FAILED,
                           **path)
        self.assertIn("node-1.yaml:", done.stderr)


class Exits(Case):
    def test_not_found(self):
        self.run_it("describe", "node", "nobody", exit_code=NOT_FOUND)
        self.run_it("describe", "room", "nowhere", exit_code=NOT_FOUND)
        self.run_it("get", "participants", "--room", "nowhere", exit_code=NOT_FOUND)
        self.run_it("move", "--room", "nowhere", "--to", "node-1", exit_code=NOT_FOUND)
        cluster.twirp("CreateRoom", name="here")
        self.run_it("move", "--room", "here", "--to", "nobody", exit_code=NOT_FOUND)
        self.run_it("describe", "participant", "nobody", "--room", "here", exit_code=NOT_FOUND)

    def test_refused(self):
        for secret, key in (("guess", API_KEY), (API_SECRET, "nokey")):
            self.run_it("get", "nodes", exit_code=REFUSED, SPILLWAY_API_SECRET=secret,
                        SPILLWAY_API_KEY=key)
        self.run_it("get", "nodes", exit_code=REFUSED, SPILLWAY_TOKEN=join_token("r", "eve"))
        self.run_it("get", "nodes", exit_code=REFUSED,
                    SPILLWAY_TOKEN=token({"roomList": True}, ttl_s=-120))

    def test_usage(self):
        self.run_it("get", "clouds", exit_code=USAGE)
        self.run_it("move", "--room", "x", exit_code=USAGE)

    def test_unreachable(self):
        self.run_it("get", "nodes", "--server", f"http://127.0.0.1:{free_ports(1)}",
                    exit_code=UNREACHABLE)

    def test_hung(self):
        """An orchestrator that takes connections, and nothing more."""
        cluster.orchestrator.signal(signal.SIGSTOP)
        try:
            for command in (("get", "nodes"), ("cordon", "node-1"), ("place", "--dry-run")):
                self.run_it(*command, "--timeout", "1s", exit_code=TIMEOUT)
        finally:
            cluster.orchestrator.signal(signal.SIGCONT)
        cluster.wait_ready(*cluster.nodes)


class Names(Case):
    def test_beginnings(self):
        """Of names and ids, in the place of whole ones."""
        nodes = {node["name"]: node["id"] for node in self.json("get", "nodes")["nodes"]}
        self.assertEqual(self.json("describe", "node", nodes["node-1"])["name"], "node-1")
        done = self.run_it("describe", "node", "node-", exit_code=USAGE)
        self.assertRegex(done.stderr, r"any of 2 nodes: node-\d, node-\d\n$")
        beginning = os.path.commonprefix(list(nodes.values()))
        text = nodes["node-2"][:len(beginning) + 1]
        self.assertEqual(self.json("describe", "node", text)["name"], "node-2")
        self.assertEqual(self.run_it("cordon", text, "--dry-run", "-o", "name").stdout, "node-2\n")
        self.assertEqual({node["state"] for node in self.json("get", "nodes")["nodes"]}, {"ready"})
        offered = self.run_it("complete", "--", "drain", "").stdout.splitlines()
        self.assertEqual(sorted(offered), ["node-1\tready", "node-2\tready", "words"])


if __name__ == "__main__":
    unittest.main()
