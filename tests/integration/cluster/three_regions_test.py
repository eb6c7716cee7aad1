# SPDX-License-Identifier: Apache-2.0
"""docs/three-regions: a cluster of its files, with their addresses, serves as the page says.

    three_regions_test.py BUILD_DIRECTORY [unittest arguments]   (in a network namespace of its own)
"""
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml
from cluster import NODE, ORCHESTRATOR, SPILLCTL, Program, http, wait

DOCS = Path(__file__).resolve().parents[3] / "docs"
FILES = DOCS / "three-regions"
PAGE = (DOCS / "three-regions.md").read_text()
REGIONS = ("eu", "us", "ap")
MASTER = "10.1.0.2"
SECRETS = {"SPILLWAY_ORCHESTRATOR_CLUSTER_SECRET": "c" * 64,
           "SPILLWAY_ORCHESTRATOR_KEYS": "{meetings: %s}" % ("k" * 64),
           "SPILLWAY_ORCHESTRATOR_REDIS_PASSWORD": "r" * 64}
CLIENT = {"SPILLWAY_API_KEY": "meetings", "SPILLWAY_API_SECRET": "k" * 64}


def variables(name):
    return dict(line.split("=", 1) for line in (FILES / f"{name}.env").read_text().splitlines())


def table():
    """Of the page: region -> (orchestrator's address, node's public, node's inside)."""
    return {row[0]: row[1:] for row in
            re.findall(r"^\| `(\w+)` \| (\S+) \| (\S+), (\S+) \|$", PAGE, flags=re.MULTILINE)}


class Host:
    """A directory as the host's /etc/spillway."""

    def __init__(self, top, role, name, secrets=None):
        self.etc = top / name
        (self.etc / "keys").mkdir(parents=True)
        text = (FILES / f"{role}.yaml").read_text().replace("/etc/spillway", str(self.etc))
        self.file = self.etc / f"{role}.yaml"
        self.file.write_text(text)
        program = {"orchestrator": ORCHESTRATOR, "node": NODE}[role]
        settings = {**variables(f"{role}-{name}"), **(secrets or {})}
        command = ["env", *(f"{key}={value}" for key, value in settings.items()), program,
                   "--config", self.file]
        self.program = Program(f"{role} {name}", command, self.etc / "log")


class ThreeRegions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        for region in REGIONS:
            for address in table()[region]:
                subprocess.run(["ip", "addr", "add", f"{address}/32", "dev", "lo"], check=True)
        cls.dir = Path(tempfile.mkdtemp(prefix="spillway-regions-"))
        cls.orchestrators = [Host(cls.dir, "orchestrator", region, SECRETS) for region in REGIONS]
        cls.nodes = [Host(cls.dir, "node", f"{region}-1") for region in REGIONS]
        cls.programs = []
        try:
            cls.make_keys()
            cls.start(cls.redis(), cls.sentinel())
            cls.start(*(host.program for host in cls.orchestrators + cls.nodes))
            cls.servers = ",".join(f"http://{table()[region][0]}:7880" for region in REGIONS)
            wait("every orchestrator has every node", cls.all_see_all)
        except BaseException:
            cls.tearDownClass()
            raise

    @classmethod
    def tearDownClass(cls):
        alive = [program for program in reversed(cls.programs) if program.running]
        try:
            for program in alive:
                program.stop(within_s=90)  # an orchestrator waits for its clients, if there are any
        finally:
            for program in alive:
                if program.running:
                    program.kill()
            shutil.rmtree(cls.dir)

    @classmethod
    def make_keys(cls):
        """As the page says, and everything where it says it goes."""
        commands = re.findall(r"^spillctl (keys --out .*)$", PAGE, flags=re.MULTILINE)
        for command in commands:
            subprocess.run([SPILLCTL, *command.split()], cwd=cls.dir, check=True,
                           capture_output=True)
        for hosts, made, own in ((cls.orchestrators, cls.dir / "keys", "orchestrator"),
                                 (cls.nodes, cls.dir / "keys/nodes", "node")):
            for host in hosts:
                shutil.copy(made / f"{host.etc.name}.key", host.etc / f"keys/{own}.key")
                for public in (cls.dir / "keys").glob("*.pub"):
                    shutil.copy(public, host.etc / "keys")
        for host in cls.orchestrators:
            (host.etc / "keys/nodes").mkdir()
            for public in (cls.dir / "keys/nodes").glob("*.pub"):
                shutil.copy(public, host.etc / "keys/nodes")

    @classmethod
    def start(cls, *programs):
        for program in programs:
            cls.programs.append(program.start())

    @classmethod
    def redis(cls):
        secret = SECRETS["SPILLWAY_ORCHESTRATOR_REDIS_PASSWORD"]
        return Program("redis", ["redis-server", "--bind", MASTER, "--requirepass", secret,
                                 "--masterauth", secret, "--dir", cls.dir, "--save", ""],
                       cls.dir / "redis.log")

    @classmethod
    def sentinel(cls):
        """The lines of the page; one of the three is enough to say where the master is."""
        lines = re.findall(r"^sentinel .*$", PAGE, flags=re.MULTILINE)
        file = cls.dir / "sentinel.conf"
        file.write_text("\n".join([f"bind {table()['us'][0]}", "port 26379", *lines, ""]).replace(
            "SECRET", SECRETS["SPILLWAY_ORCHESTRATOR_REDIS_PASSWORD"]))
        return Program("sentinel", ["redis-server", file, "--sentinel"], cls.dir / "sentinel.log")

    @classmethod
    def spillctl(cls, *arguments, server=None):
        done = subprocess.run([SPILLCTL, *arguments, "-o", "json"], capture_output=True, text=True,
                              env={**os.environ, **CLIENT,
                                   "SPILLWAY_SERVER": server or cls.servers})
        return json.loads(done.stdout) if done.returncode == 0 else None

    @classmethod
    def all_see_all(cls):
        for program in cls.programs:
            assert program.running, program.last_words()
        answers = [cls.spillctl("get", "nodes", server=server)
                   for server in cls.servers.split(",")]
        return all(answer and {node["name"] for node in answer["nodes"]
                               if node["state"] == "ready"} == {f"{region}-1" for region in REGIONS}
                   for answer in answers)

    def test_settings_are_right(self):
        for host in self.orchestrators + self.nodes:
            with self.subTest(host.program.name):
                done = subprocess.run([*host.program.command, "--check"], capture_output=True,
                                      text=True)
                self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_addresses_are_those_of_the_page(self):
        for region, (orchestrator, public, inside) in table().items():
            self.assertEqual(variables(f"orchestrator-{region}")[
                "SPILLWAY_ORCHESTRATOR_LISTEN_ADDRESS"], orchestrator)
            node = variables(f"node-{region}-1")
            self.assertEqual((node["SPILLWAY_NODE_MEDIA_IP"], node["SPILLWAY_NODE_PROBES_LISTEN"]),
                             (public, inside))
        self.assertEqual(tuple(table()), REGIONS)

    def test_every_two_regions_have_a_distance(self):
        settings = yaml.safe_load((FILES / "orchestrator.yaml").read_text())
        pairs = {frozenset((row["from"], row["to"])) for row in settings["region_distances"]}
        self.assertEqual(pairs, {frozenset((a, b)) for a in REGIONS for b in REGIONS if a != b})

    def test_one_cluster(self):
        """Each orchestrator has the others and the store; nodes are in their regions."""
        for server in self.servers.split(","):
            for line in ("store_up 1", "peers_up 2", "nodes_ready 3"):
                wait(f"{line} at {server}", lambda: f"spillway_orchestrator_{line}\n".encode() in
                     http(f"{server}/metrics")[1])
            self.assertEqual(http(f"{server}/readyz")[0], 200)
        nodes = self.spillctl("get", "nodes")["nodes"]
        self.assertEqual({node["name"]: node["region"] for node in nodes},
                         {f"{region}-1": region for region in REGIONS})

    def test_people_are_placed_where_they_are(self):
        for region, server in zip(REGIONS, self.servers.split(",")):
            for asked in ((), ("--region", region)):
                place = self.spillctl("place", "--dry-run", *asked, server=server)
                self.assertEqual((place["node_name"], place["region"]), (f"{region}-1", region))

    def test_a_full_region_spills_into_the_nearest(self):
        """Europe cordoned: its people go to America, 90 ms away, and not to Asia."""
        self.assertIsNotNone(self.spillctl("cordon", "eu-1"))
        wait("all know of it", lambda: all(
            self.spillctl("place", "--dry-run", "--region", "eu", server=server)["node_name"] ==
            "us-1" for server in self.servers.split(",")))
        self.assertIsNotNone(self.spillctl("uncordon", "eu-1"))
        wait("all know that it is back", self.all_see_all)


if __name__ == "__main__":
    unittest.main()
