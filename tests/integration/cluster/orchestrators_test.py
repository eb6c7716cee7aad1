# SPDX-License-Identifier: Apache-2.0
"""Three orchestrators, two nodes and a Redis: whichever of them is asked, there is one cluster.

    orchestrators_test.py BUILD_DIRECTORY [unittest arguments]
"""
import json
import secrets
import signal
import subprocess
import threading
import time
import unittest

from cluster import (API_KEY, API_SECRET, HOST, MEDIA_PORTS, SPILLCTL, Cluster, Node, Orchestrator,
                     free_ports, http, join_token, metrics, token, wait)
from participant import LEFT, Participant, join_request, path
from ws_client import Ws, request

COUNT = 3
DEAD_S = 2  # how long a dead one's claims last, at most
BEARER = {"Authorization": "Bearer " + token(
    {"roomCreate": True, "roomList": True, "roomAdmin": True, "room": "lobby"}, sub="test")}


class Three(Cluster):
    """A Cluster whose orchestrator is the first of three."""

    def __init__(self, capacity=4000, **settings):
        """settings: of all orchestrators, beside those that make them a cluster."""
        self.capacity = capacity
        self.settings = settings
        super().__init__(nodes=0, redis=True)
        first = free_ports(3 * COUNT + 2 * (MEDIA_PORTS + 1))
        self.buses = [first + 3 * i for i in range(COUNT)]
        self.orchestrators = []
        secret = secrets.token_hex(32)
        names = [f"orchestrator-{i + 1}" for i in range(COUNT)]
        for name in names:
            self.make_keys(self.dir / "keys", name)
        for name, bus in zip(names, self.buses):
            self.orchestrators.append(self.add_orchestrator(name, names, bus, secret))
        self.orchestrator = self.orchestrators[0]
        for i in range(2):
            name = f"node-{i + 1}"
            self.make_keys(self.dir / "keys/nodes", name)
            self.nodes.append(self.add_linked_node(name, names, first + 3 * COUNT +
                                                   i * (MEDIA_PORTS + 1)))

    def add_orchestrator(self, name, names, bus, secret):
        port = free_ports(1)
        self.write(name, {
            "name": name,
            "cluster_secret": secret,
            "keys": {API_KEY: API_SECRET},
            "listen": {"address": HOST, "port": port},
            "bus": {"control": f"tcp://{HOST}:{bus}", "tunnel": f"tcp://{HOST}:{bus + 1}",
                    "secret_file": f"{self.dir}/keys/{name}.key",
                    "nodes_dir": f"{self.dir}/keys/nodes"},
            "rebalance": {"enabled": False},
            "peer_listen": f"tcp://{HOST}:{bus + 2}",
            "peers": [{"endpoint": f"tcp://{HOST}:{other + 2}",
                       "key_file": f"{self.dir}/keys/{names[i]}.pub"}
                      for i, other in enumerate(self.buses)],
            "redis": {"host": HOST, "port": self.redis.command[2]},
            **self.settings,
        })
        made = Orchestrator(self, port)
        made.name = name
        made.command[2] = str(self.dir / f"{name}.yaml")
        made.log = self.dir / f"{name}.log"
        return made

    def add_linked_node(self, name, names, port):
        self.write(name, {
            "name": name,
            "drain_grace": "1s",
            "capacity": self.capacity,
            "curve": {"secret_file": f"{self.dir}/keys/nodes/{name}.key"},
            "orchestrators": [{"control": f"tcp://{HOST}:{bus}",
                               "tunnel": f"tcp://{HOST}:{bus + 1}",
                               "key_file": f"{self.dir}/keys/{names[i]}.pub"}
                              for i, bus in enumerate(self.buses)],
            "media": {"ip": HOST, "port_base": port, "ports": MEDIA_PORTS},
            "probes": {"port": port + MEDIA_PORTS},
        })
        return Node(self, name, port)

    @property
    def programs(self):
        return [self.redis, *getattr(self, "orchestrators", [self.orchestrator]), *self.nodes]

    def start(self):
        super().start()
        self.wait_whole()
        return self

    def wait_whole(self):
        for each in self.orchestrators:
            wait(f"{each.name} serves", lambda each=each: http(f"{each.url}/readyz")[0] == 200)
            wait(f"{each.name} knows the others",
                 lambda each=each: metrics(each)["peers_up"] == COUNT - 1)
            wait(f"{each.name} knows the nodes",
                 lambda each=each: metrics(each)["nodes_ready"] == len(self.nodes))


class Case(unittest.TestCase):
    CAPACITY = 4000  # of each node

    def setUp(self):
        self.cluster = Three(self.CAPACITY)
        self.addCleanup(self.cluster.close)
        self.cluster.start()
        self.all = self.cluster.orchestrators

    def ask(self, orchestrator, method, **body):
        return http(f"{orchestrator.url}/twirp/livekit.RoomService/{method}",
                    json.dumps(body).encode(), **BEARER, **{"Content-Type": "application/json"})

    def names(self, orchestrator, room="lobby", moving=False):
        """None: its owner has just died (503), which only a room that moves may answer."""
        status, text = self.ask(orchestrator, "ListParticipants", room=room)
        if moving and status == 503:
            return None
        self.assertEqual(status, 200, text)
        return {each["identity"] for each in json.loads(text)["participants"]}

    def owner(self):
        """Who owns a room, by its metrics."""
        return [each for each in self.all if each.running and metrics(each)["rooms"] > 0]


class Places(Case):
    CAPACITY = 200

    def make(self, count):
        """So many rooms at once, through all of them. {status: rooms}"""
        answers = {}
        lock, barrier = threading.Lock(), threading.Barrier(count)

        def create(number):
            barrier.wait()
            status, _ = self.ask(self.all[number % COUNT], "CreateRoom", name=f"room-{number}")
            with lock:
                answers.setdefault(status, []).append(f"room-{number}")

        threads = [threading.Thread(target=create, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers

    def placements(self):
        """Over all orchestrators, by what came of them."""
        sums = {}
        for each in self.all:
            for name, value in metrics(each).items():
                if name.startswith("store_placements_total"):
                    sums[name.split('"')[1]] = sums.get(name.split('"')[1], 0) + value
        return sums

    def rows(self, name):
        text = subprocess.run(["redis-cli", "-p", self.cluster.redis.command[2], "KEYS", name],
                              capture_output=True, text=True, check=True).stdout
        return text.split()

    def test_all_at_once(self):
        """60 rooms of weight 20 for two nodes of which each takes 8 that are new: what three
        orchestrators would give them alone is more than they carry."""
        wait("the store knows the nodes", lambda: len(self.rows("spillway:node:*")) == 2)
        answers = self.make(60)
        self.assertEqual(set(answers), {200, 503}, answers)
        where = self.cluster.rooms()
        self.assertEqual(sorted(where), sorted(answers[200]))
        counts = [list(where.values()).count(node.name) for node in self.cluster.nodes]
        print(f"rooms on nodes of {self.CAPACITY}: {counts}, {self.placements()}")
        self.assertLessEqual(20 * max(counts), self.CAPACITY)
        self.assertGreaterEqual(20 * min(counts), self.CAPACITY // 2)
        self.assertGreater(self.placements()["agreed"], 0)


class Refused(Case):
    """What somebody who may not join hears through each front: from the upgrade as far as that one
    knows, and from the validate path, which asks the room's owner."""
    def upgrade(self, orchestrator, room):
        """HTTP's answers to the upgrade, and to the validate path."""
        asked = path(join_token(room, "late"), join_request())
        client = Ws(orchestrator, asked)
        client.s.close()
        with orchestrator.connect() as s:
            validate = asked.replace("?", "/validate?")
            return client.answer, request(orchestrator, f"GET {validate}", s=s)

    def test_full_room(self):
        self.assertEqual(self.ask(self.all[0], "CreateRoom", name="small",
                                  max_participants=1)[0], 200)
        only = Participant(self.all[0], "small", "only")
        only.ping()
        owners = 0
        for each in self.all:
            upgraded, validated = self.upgrade(each, "small")
            owners += upgraded.status == 403
            self.assertIn(upgraded.status, (101, 403))
            self.assertEqual((validated.status, validated.body),
                             (403, b"the room is full: max_participants is 1"))
        self.assertEqual(owners, 1, "libwebsockets cannot let the others wait")
        only.close()


class FullCluster(Refused):
    CAPACITY = 10  # less than any room

    def test_full_room(self):
        for each in self.all:
            for answer in self.upgrade(each, "new"):
                self.assertEqual(answer.status, 503)
                self.assertGreater(int(answer.headers["retry-after"]), 0)
                self.assertIn(b"the media nodes are full", answer.body)


class Meeting(Case):
    def test_everybody_meets(self):
        people = [Participant(each, "lobby", f"p{i}") for i, each in enumerate(self.all)]
        for person in people:
            person.ping()
            person.connect()  # the node knows it, wherever its front is
        for each in self.all:
            self.assertEqual(self.names(each), {"p0", "p1", "p2"})
        self.assertEqual(len(self.owner()), 1)
        answers = {http(f"{each.url}/admin/v1/rooms", **BEARER) for each in self.all}
        self.assertEqual(len(answers), 1, answers)
        self.assertEqual(self.ask(self.all[1], "RemoveParticipant", room="lobby",
                                  identity="p2")[0], 200)
        self.assertTrue(people[2].wait(LEFT))
        for person in people:
            person.close()

    def test_history_of_a_name(self):
        """What three people came to is expected when the name is used again, whoever is asked."""
        people = [Participant(each, "lobby", f"p{i}") for i, each in enumerate(self.all)]
        for person in people:
            person.ping()
        self.assertEqual(self.ask(self.all[0], "DeleteRoom", room="lobby")[0], 200)
        again = Participant(self.all[1], "lobby", "p0")
        again.ping()
        for each in self.all:
            said = wait("the history is there", lambda each=each: self.expected(each))
            self.assertEqual(said, (3, "history"))
        for person in [*people, again]:
            person.close()

    def expected(self, orchestrator):
        bearer = {"Authorization": BEARER["Authorization"]}
        answer = json.loads(http(f"{orchestrator.url}/admin/v1/place",
                                 json.dumps({"room": "lobby"}).encode(), **bearer)[1])
        return answer["expected_from"] and (answer["expected_participants"],
                                            answer["expected_from"])

    def test_at_the_same_instant(self):
        """Each of 20 new rooms is one, though three people make it at once."""
        for number in range(20):
            room, barrier, joined = f"room-{number}", threading.Barrier(COUNT), []

            def join(index, each, room=room, barrier=barrier, joined=joined):
                barrier.wait()
                joined.append(Participant(each, room, f"p{index}"))

            threads = [threading.Thread(target=join, args=args) for args in enumerate(self.all)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(len(joined), COUNT)
            video = {"roomAdmin": True, "room": room}
            status, text = http(f"{self.all[0].url}/twirp/livekit.RoomService/ListParticipants",
                                json.dumps({"room": room}).encode(),
                                Authorization="Bearer " + token(video, sub="test"),
                                **{"Content-Type": "application/json"})
            self.assertEqual((status, len(json.loads(text)["participants"])), (200, COUNT))
            for person in joined:
                person.close()

    def test_spillctl(self):
        person = Participant(self.all[0], "lobby", "p0")
        said = {subprocess.run([SPILLCTL, "get", "participants", "--room", "lobby", "--server",
                                each.url, "-o", "json"], capture_output=True, text=True, check=True,
                               env={"SPILLWAY_API_KEY": API_KEY,
                                    "SPILLWAY_API_SECRET": API_SECRET}).stdout
                for each in self.all}
        self.assertEqual(len(said), 1, said)
        self.assertIn("p0", said.pop())
        person.close()


class Death(Case):
    def test_the_owner_dies(self):
        """Another goes on with the room, which stays pinned where an operator wanted it."""
        people = [Participant(self.all[0], "lobby", "p0")]
        status, text = http(f"{self.all[0].url}/admin/v1/rooms/lobby/pin", b'{"node": "node-2"}',
                            **BEARER)
        self.assertEqual(status, 200, text)
        people += [Participant(each, "lobby", f"p{i + 1}") for i, each in enumerate(self.all[1:])]
        owner, = self.owner()
        epoch = json.loads(http(f"{owner.url}/admin/v1/rooms/lobby", **BEARER)[1])["epoch"]
        owner.kill()
        alive = [each for each in self.all if each is not owner]
        stay = {f"p{i}" for i, each in enumerate(self.all) if each is not owner}
        for each in alive:  # another goes on with it; whose front died never got as far as media
            wait("the room goes on", lambda each=each: self.names(each, moving=True) == stay,
                 DEAD_S + 2)
        for person, each in zip(people, self.all):
            if each is not owner:  # and nobody noticed
                self.assertNotIn(LEFT, [kind for kind, _ in person.ping()[0]])
        again = [Participant(each, "lobby", f"q{i}") for i, each in enumerate(alive)]
        for each in alive:
            self.assertEqual(self.names(each), stay | {"q0", "q1"})
        room = json.loads(http(f"{alive[0].url}/admin/v1/rooms/lobby", **BEARER)[1])
        self.assertGreater(room["epoch"], epoch)
        self.assertEqual(room["pinned_node"], "node-2")
        owner.start()
        self.cluster.wait_whole()
        self.assertEqual(self.names(owner), stay | {"q0", "q1"})
        for person in people + again:
            person.close()

    def test_the_store_dies(self):
        """Rooms go on, and new ones are made, each once."""
        first = Participant(self.all[0], "lobby", "p0")
        self.cluster.redis.kill()
        for each in self.all:
            wait("it is noticed", lambda each=each: metrics(each)["store_up"] == 0)
        second = Participant(self.all[1], "lobby", "p1")
        for each in self.all:
            self.assertEqual(self.names(each), {"p0", "p1"})
        time.sleep(0.5)  # beats say that nobody can claim
        new = [Participant(each, "new", f"p{i}") for i, each in enumerate(self.all)]
        rooms = json.loads(self.ask(self.all[2], "ListRooms")[1])["rooms"]
        self.assertEqual({room["name"]: room["num_participants"] for room in rooms},
                         {"lobby": 2, "new": 3})
        self.cluster.redis.start()
        for each in self.all:
            wait("it is back", lambda each=each: metrics(each)["store_up"] == 1)
        self.assertEqual(self.names(self.all[2]), {"p0", "p1"})
        for person in [first, second, *new]:
            person.close()


class Stop(Case):
    def has(self, orchestrator, *identities):
        status, text = self.ask(orchestrator, "ListParticipants", room="lobby")
        return status == 200 and {each["identity"] for each in
                                  json.loads(text)["participants"]} == set(identities)

    def test_with_its_node_and_the_store(self):
        """The owner is told to stop while the room's only node and Redis hang, and that node dies
        as soon as it has ended: nobody else knows of the room, and its people stay in it."""
        first = Participant(self.all[0], "lobby", "first")
        owner, = self.owner()
        alive = [each for each in self.all if each is not owner]
        self.cluster.orchestrator = alive[0]
        people = [Participant(each, "lobby", f"p{i}") for i, each in enumerate(alive)]
        self.assertEqual(self.ask(owner, "RemoveParticipant", room="lobby", identity="first")[0],
                         200)
        first.close()
        name = self.cluster.rooms()["lobby"]
        node, = [each for each in self.cluster.nodes if each.name == name]
        for each in (node, self.cluster.redis):
            each.signal(signal.SIGSTOP)
        owner.stop()
        self.assertEqual(len(owner.log_lines("handing_over")), 1)
        node.kill()
        for each in alive:
            wait("the room goes on", lambda each=each: self.has(each, "p0", "p1"))
        for person in people:
            self.assertNotIn(LEFT, [kind for kind, _ in person.ping()[0]])
        wait("they are moved", lambda: self.cluster.rooms().get("lobby") not in (name, None))
        self.cluster.redis.signal(signal.SIGCONT)
        for person in people:
            person.close()


if __name__ == "__main__":
    unittest.main()
