# SPDX-License-Identifier: Apache-2.0
"""How many nodes three orchestrators want, with an event that one of them was told of: it is known
at all, outlives a Redis that comes back empty, and, with Redis, all orchestrators.

    capacity_test.py BUILD_DIRECTORY [unittest arguments]
"""
import json
import os
import subprocess
import time
import unittest

from cluster import API_KEY, API_SECRET, HOST, SPILLCTL, STOP_S, wait
from orchestrators_test import Case

PEOPLE = 1000
WEIGHT = 2 * 16 * PEOPLE  # 16 of them publish two tracks
NODES = -(-WEIGHT // (4000 * 6 // 10))  # of a capacity of 4000 each, used up to 60 %


class Capacity(Case):
    def spillctl(self, *arguments, at=0):
        environment = {**os.environ, "SPILLWAY_SERVER": self.all[at].url,
                       "SPILLWAY_API_KEY": API_KEY, "SPILLWAY_API_SECRET": API_SECRET}
        done = subprocess.run([SPILLCTL, *arguments, "-o", "json"], capture_output=True, text=True,
                              timeout=STOP_S, env=environment)
        self.assertEqual(done.returncode, 0, (arguments, done.stdout, done.stderr))
        return json.loads(done.stdout)

    def listed(self, at):
        return [row["id"] for row in self.spillctl("reserve", "list", at=at)["reservations"]]

    def wanted(self, at):
        return [row["wanted_nodes"] for row in self.spillctl("get", "capacity", at=at)["regions"]]

    def wait_all(self, what, condition):
        for at in range(len(self.all)):
            wait(what, lambda at=at: condition(at))

    def stored(self):
        port = str(self.cluster.redis.command[2])
        return subprocess.run(["redis-cli", "-h", HOST, "-p", port, "HKEYS",
                               "spillway:reservations"], capture_output=True, text=True,
                              check=False).stdout.split()

    def test_an_event(self):
        self.wait_all("a number without it", lambda at: self.wanted(at) == [1])
        began = time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(time.time() - 60))
        event = self.spillctl("reserve", "--room", "all hands", "--people", str(PEOPLE), "--at",
                              began, "--for", "2h")
        self.wait_all("everybody has it", lambda at: self.listed(at) == [event["id"]])
        self.wait_all("nodes for it", lambda at: self.wanted(at) == [NODES])
        self.assertEqual(self.stored(), [event["id"]])

        self.cluster.redis.kill()
        self.cluster.redis.start()
        wait("Redis came back empty, and has it again", lambda: self.stored() == [event["id"]])

        for each in self.all:
            each.kill()
        for each in self.all:
            each.start()
        self.cluster.wait_whole()
        self.wait_all("it outlived them all", lambda at: self.listed(at) == [event["id"]])
        self.spillctl("reserve", "cancel", event["id"], at=2)
        self.wait_all("it is cancelled", lambda at: self.listed(at) == [])


if __name__ == "__main__":
    unittest.main()
