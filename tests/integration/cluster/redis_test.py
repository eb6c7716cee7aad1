# SPDX-License-Identifier: Apache-2.0
"""Three orchestrators whose Redis is gone, comes back empty, or fails over; the commands of
docs/operations/redis.md.

    redis_test.py BUILD_DIRECTORY [unittest arguments]
"""
import json
import os
import re
import subprocess
import time
import unittest
from pathlib import Path

from cluster import (API_KEY, API_SECRET, HOST, SPILLCTL, STOP_S, Program, free_ports, http,
                     metrics, redis_server, wait)
from orchestrators_test import BEARER, COUNT, Three
from participant import Participant

PAGE = Path(__file__).parents[3] / "docs/operations/redis.md"
ROOMS = 12
AWAY_S = 30
REBUILT_S = 5
SENTINELS = 3


class Case(unittest.TestCase):
    def begin(self, cluster):
        self.cluster = cluster
        self.addCleanup(cluster.close)
        cluster.start()
        cluster.wait_whole()
        self.all = cluster.orchestrators

    def join(self, number, room, identity):
        person = Participant(self.all[number % COUNT], room, identity)
        self.addCleanup(person.close)
        return person

    def rooms_of(self, orchestrator):
        """{name: (epoch, people)}"""
        answer = json.loads(http(f"{orchestrator.url}/admin/v1/rooms", **BEARER)[1])
        return {room["name"]: (room["epoch"], room["participants"]) for room in answer["rooms"]}

    def wait_store(self, up):
        for each in self.all:
            wait(f"store_up is {up}", lambda each=each: metrics(each)["store_up"] == up)

    def rows(self, port):
        """{room: (epoch, owner)} in Redis."""
        def ask(*words):
            return subprocess.run(["redis-cli", "-p", str(port), *words], capture_output=True,
                                  text=True, check=True).stdout.split()
        return {key.removeprefix("spillway:room:"): tuple(ask("HMGET", key, "epoch", "owner"))
                for key in ask("KEYS", "spillway:room:*")}

    def check_rows(self, port):
        """Everybody says the same, and so does Redis."""
        rooms = self.rooms_of(self.all[0])
        for each in self.all:
            self.assertEqual(self.rooms_of(each), rooms)
        expected = {name: str(epoch) for name, (epoch, _) in rooms.items()}
        wait("all rooms are in Redis", lambda: expected == {
            name: epoch for name, (epoch, _) in self.rows(port).items()}, REBUILT_S)


class Gone(Case):
    def run_page(self):
        commands = re.findall(r"^```sh\n(.*?)```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
        environment = {**os.environ, "SPILLWAY_SERVER": self.all[0].url,
                       "SPILLWAY_API_KEY": API_KEY, "SPILLWAY_API_SECRET": API_SECRET,
                       "PATH": f"{SPILLCTL.parent}:{os.environ['PATH']}"}
        seen = ""
        for command in commands:
            done = subprocess.run(["sh", "-euc", command], env=environment, timeout=STOP_S,
                                  capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, (command, done.stdout, done.stderr))
            seen += done.stdout
        self.assertIn("spillway_orchestrator_store_up 0", seen)
        self.assertIn("room-0", seen)

    def test_back_empty(self):
        """30 s: nobody in a room hears anything but who came; joins, rejoins and new rooms."""
        self.begin(Three())
        people = [self.join(number, f"room-{number}", "first") for number in range(ROOMS)]
        for person in people:
            person.ping()
        before = self.rooms_of(self.all[0])
        self.assertEqual(len(before), ROOMS)
        self.cluster.redis.kill()
        began = time.monotonic()
        self.wait_store(0)
        self.assertTrue(self.all[0].log_lines("store_down"))
        self.run_page()
        slowest = 0
        for number in range(ROOMS):
            asked = time.monotonic()
            self.join(number + 1, f"room-{number}", "second").ping()
            self.join(number + 2, f"new-{number}", "first").ping()
            people[number].ws.s.close()
            self.join(number, f"room-{number}", "first").ping()
            slowest = max(slowest, time.monotonic() - asked)
            time.sleep(max(0, began + AWAY_S * (number + 1) / ROOMS - time.monotonic()))
        self.cluster.redis.start()
        self.wait_store(1)
        port = self.cluster.redis.command[2]
        self.check_rows(port)
        after = self.rooms_of(self.all[1])
        self.assertEqual(len(after), 2 * ROOMS)
        for name, (epoch, _) in before.items():
            self.assertEqual(after[name][0], epoch)
        print(f"away {AWAY_S} s: 0 of {ROOMS} rooms lost, {ROOMS} made; the slowest "
              f"join, room and rejoin together took {slowest * 1000:.0f} ms")


class Guarded(Three):
    """Its Redis has a replica, and Sentinels that orchestrators ask."""

    def __init__(self):
        super().__init__()
        first = free_ports(1 + SENTINELS)
        master = self.redis.command[2]
        self.replica_port = first
        directory = self.dir / "replica"
        directory.mkdir()
        self.replica = redis_server(directory, first)
        self.replica.command += ["--replicaof", HOST, str(master)]
        self.sentinels = [self.add_sentinel(first + 1 + i, master) for i in range(SENTINELS)]
        for each in self.orchestrators:
            file = self.dir / f"{each.name}.yaml"
            settings = json.loads(file.read_text())
            settings["redis"] = {"sentinels": [f"{HOST}:{first + 1 + i}" for i in range(SENTINELS)],
                                 "master": "rooms"}
            file.write_text(json.dumps(settings))

    def add_sentinel(self, port, master):
        file = self.dir / f"sentinel-{port}.conf"
        file.write_text(f"port {port}\nbind {HOST}\ndir {self.dir}\n"
                        f"sentinel monitor rooms {HOST} {master} 2\n"
                        "sentinel down-after-milliseconds rooms 1000\n"
                        "sentinel failover-timeout rooms 4000\n")
        return Program(f"sentinel-{port}", ["redis-server", file, "--sentinel"],
                       self.dir / f"sentinel-{port}.log")

    @property
    def programs(self):
        return [super().programs[0], self.replica, *self.sentinels, *super().programs[1:]]


class FailsOver(Case):
    def can_fail_over(self, sentinel):
        """It knows the others, and the replica, which it asks the master for every 10 s only: one
        elected before that finds no replica, and the next election is 8 s later."""
        def ask(verb):
            return subprocess.run(
                ["redis-cli", "-p", sentinel.name.split("-")[1], "SENTINEL", verb, "rooms"],
                capture_output=True, text=True, check=False).stdout
        return ("OK 3 usable" in ask("CKQUORUM")
                and str(self.cluster.replica_port) in ask("REPLICAS"))

    def test_master_killed(self):
        self.begin(Guarded())
        self.wait_store(1)
        people = [self.join(number, f"room-{number}", "first") for number in range(ROOMS)]

        def pinging(condition):
            """As SDKs do: who does not for 15 s is gone, and a failover may take longer."""
            return lambda: all(person.ping() for person in people) and condition()

        before = self.rooms_of(self.all[0])
        wait("each can fail over",
             pinging(lambda: all(map(self.can_fail_over, self.cluster.sentinels))))
        wait("the replica has it",
             pinging(lambda: len(self.rows(self.cluster.replica_port)) == ROOMS))
        began = time.monotonic()
        self.cluster.redis.kill()
        for number in range(ROOMS):
            people.append(self.join(number + 1, f"room-{number}", "second"))
            people.append(self.join(number + 2, f"new-{number}", "first"))
        for each in self.all:
            wait("it follows", pinging(lambda each=each: len(each.log_lines("store_master")) == 2))
        self.wait_store(1)
        print(f"all orchestrators followed within {time.monotonic() - began:.1f} s")
        self.check_rows(self.cluster.replica_port)
        after = self.rooms_of(self.all[1])
        for name, (epoch, _) in before.items():
            self.assertEqual(after[name], (epoch, 2))
        self.assertEqual(len(after), 2 * ROOMS)
        for person in people:
            person.ping()


if __name__ == "__main__":
    unittest.main()
