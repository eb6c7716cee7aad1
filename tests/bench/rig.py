# SPDX-License-Identifier: Apache-2.0
"""What benches over several nodes share: a cluster of the real programs in several regions, the
load client, and what the nodes counted while it measured.

Every bench here takes the directory of the optimised build as its first argument. Regions are on
loopback, or in the namespaces that tests/link/in_regions gives, with a WAN between them.
"""
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from cluster import (API_KEY, API_SECRET, BUILD, HOST, NODE, ORCHESTRATOR, SPILLCTL, Program,
                     free_ports, http, metrics, redis_server, token, wait)

LOAD = BUILD / "tests/bench/load/spillway-load"
SHORT = "SPILLWAY_SHORT" in os.environ  # only shows that it works: bench_short in bench.h
SHORT_NOTE = "; a short run, whose numbers say nothing" if SHORT else ""


def amount(full, little):
    return little if SHORT else full


def begin():
    """Says where it runs. Delays are to be those of the cluster, not of what else the machine does:
    all that is started from here goes first, if we may have that."""
    first = True
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        first = False
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text()
                  .splitlines() if line.startswith("model name")), "?")
    print(f"{os.cpu_count()} x {model}, load {os.getloadavg()[0]:.1f}"
          f"{', before everything else' if first else ''}{SHORT_NOTE}", flush=True)


# ---- The cluster -------------------------------------------------------------------------------


class Region:
    """Where its programs run, and how one gets there."""

    def __init__(self, name, address=HOST, namespace=None):
        self.name, self.address = name, address
        self.enter = [] if namespace is None else ["nsenter", f"--net=/run/netns/{namespace}"]


LOOPBACK = [Region("r1"), Region("r2")]
WAN = [Region("r1", "192.0.2.1", "eu"), Region("r2", "192.0.2.2", "us")]


class Member(Program):
    """A program of the cluster, in its region."""

    def __init__(self, rig, region, name, path, port):
        super().__init__(name, [*region.enter, path, "--config", rig.dir / f"{name}.yaml"],
                         rig.dir / f"{name}.log")
        self.region, self.port = region.name, port
        self.url = f"http://{region.address}:{port}"  # of its probes

    @property
    def pid(self):
        return self.process.pid  # nsenter becomes what it starts


class Rig:
    """A running cluster, an orchestrator in each region; a context manager."""

    def __init__(self, regions, nodes, capacity=4000):
        """nodes: in each region; capacity: of each node."""
        self.dir = Path(tempfile.mkdtemp(prefix="spillway-bench-"))
        self.regions = {region.name: region for region in regions}
        self.capacity = capacity
        self.room = "bench"  # that everything is about
        self.loads = []
        (self.dir / "keys/nodes").mkdir(parents=True)
        self.orchestrators = [
            Member(self, region, f"orchestrator-{i + 1}", ORCHESTRATOR, free_ports(4))
            for i, region in enumerate(regions)]
        places = [region for _ in range(nodes) for region in regions]
        self.nodes = [Member(self, region, f"node-{i + 1}", NODE, free_ports(2))
                      for i, region in enumerate(places)]
        self.redis = redis_server(self.dir, free_ports(1))
        self.redis.command += ["--bind", regions[0].address, "--protected-mode", "no"]
        self.redis.command[:0] = regions[0].enter
        self.make_keys("keys", self.orchestrators)
        self.make_keys("keys/nodes", self.nodes)
        for program in self.orchestrators:
            self.write(program, self.orchestrator_settings(program))
        for program in self.nodes:
            self.write(program, self.node_settings(program))
        self.programs = [self.redis, *self.orchestrators, *self.nodes]
        for program in self.programs:
            program.start()
        wait("all nodes are known everywhere", self.is_complete)
        (self.dir / "cluster.json").write_text(json.dumps({"processes": [
            {"role": program.name.split("-")[0], "pid": program.process.pid}
            for program in self.programs]}))

    def make_keys(self, folder, programs):
        subprocess.run([SPILLCTL, "keys", "--out", self.dir / folder,
                        *(program.name for program in programs)], check=True, capture_output=True)

    def write(self, program, settings):
        """JSON is YAML."""
        (self.dir / f"{program.name}.yaml").write_text(json.dumps(settings, indent=2))

    def bus(self, program, number):
        """An orchestrator has ports for clients, nodes' control and tunnel, and others of it."""
        return f"tcp://{self.regions[program.region].address}:{program.port + number}"

    def orchestrator_settings(self, program):
        return {
            "name": program.name, "region": program.region,
            "keys": {API_KEY: API_SECRET}, "cluster_secret": "of benches, and known to everybody",
            "listen": {"address": self.regions[program.region].address, "port": program.port},
            "bus": {"control": self.bus(program, 1), "tunnel": self.bus(program, 2),
                    "secret_file": f"{self.dir}/keys/{program.name}.key",
                    "nodes_dir": f"{self.dir}/keys/nodes"},
            "peer_listen": self.bus(program, 3),
            "peers": [{"endpoint": self.bus(other, 3),
                       "key_file": f"{self.dir}/keys/{other.name}.pub"}
                      for other in self.orchestrators],
            "rebalance": {"enabled": False},  # what is measured stays where it is
            "redis": {"host": next(iter(self.regions.values())).address,
                      "port": int(self.redis.command[self.redis.command.index("--port") + 1])},
        }

    def node_settings(self, program):
        address = self.regions[program.region].address
        return {
            "name": program.name, "region": program.region, "capacity": self.capacity,
            "drain_grace": "0s",
            "curve": {"secret_file": f"{self.dir}/keys/nodes/{program.name}.key"},
            "orchestrators": [{"control": self.bus(each, 1), "tunnel": self.bus(each, 2),
                               "key_file": f"{self.dir}/keys/{each.name}.pub"}
                              for each in self.orchestrators],
            "media": {"ip": address, "port_base": program.port + 1, "ports": 1},
            "probes": {"listen": address, "port": program.port},
        }

    def is_complete(self):
        for program in self.programs:
            assert program.running, program.last_words()
        return all(http(f"{each.url}/livez")[0] == 200 and
                   sum(node["state"] == "ready" for node in self.admin("nodes", each)["nodes"]) ==
                   len(self.nodes) for each in self.orchestrators)

    def close(self):
        for load in self.loads:
            load.stop()
        for program in reversed(self.programs):
            if program.running:
                program.stop()
        shutil.rmtree(self.dir)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- What it says

    def admin(self, path, orchestrator=None, body=None):
        """Of the admin API; POST with a body."""
        bearer = token({"roomList": True, "roomCreate": True}, sub="bench")
        url = (orchestrator or self.orchestrators[0]).url
        status, text = http(f"{url}/admin/v1/{path}",
                            None if body is None else json.dumps(body).encode(),
                            Authorization=f"Bearer {bearer}")
        assert status == 200, f"{path}: {status} {text.decode()}"
        return json.loads(text)

    def hosts(self):
        """The room's nodes, in the order in which they came to it."""
        names = [node["name"] for node in self.admin(f"rooms/{self.room}")["nodes"]]
        return [next(node for node in self.nodes if node.name == name) for name in names]

    def leaf(self, hub):
        """The other node of a hub's region, of two."""
        return next(node for node in self.nodes if node.region == hub.region and node is not hub)

    def places(self):
        """{identity: name of the node}"""
        return {one["identity"]: one["node_name"] for one in
                self.admin(f"rooms/{self.room}/participants")["participants"]}

    def move(self, identity, node):
        """To a node, unless they are there. Whoever is still on the way in is waited for."""
        wait(f"{identity} is in", lambda: identity in self.places())
        if self.places()[identity] == node.name:
            return
        self.admin(f"rooms/{self.room}/move", body={"participant": identity, "to": node.name})

    def node_at(self, address):
        """Whose media port that is."""
        port = int(address.rpartition(":")[2])
        return next(node for node in self.nodes if node.port + 1 == port)

    # ---- Load

    def load(self, *options, inside="r1", publish=(), receive=()):
        """The load client in one region; publish and receive: the regions to go to, in turn."""
        urls = {each.region: each.url.replace("http:", "ws:") for each in self.orchestrators}
        command = [*self.regions[inside].enter, LOAD, "--room", self.room, "--key", API_KEY,
                   "--secret", API_SECRET, "-o", "json", "--cluster", self.dir / "cluster.json",
                   "--progress", *options]
        for region in publish:
            command += ["--publisher-url", urls[region]]
        for region in receive:
            command += ["--url", urls[region]]
        self.loads.append(Load(command))
        return self.loads[-1]

    def measure(self, load):
        """The load client's report, and what each node counted while it measured, by name."""
        load.wait("measuring")
        before = [metrics(node) for node in self.nodes]
        load.wait("measured")
        after = [metrics(node) for node in self.nodes]
        counted = {node.name: {name: now[name] - then[name] for name in now}
                   for node, then, now in zip(self.nodes, before, after)}
        return load.report(), counted


class Load:
    """A run of the load client."""

    def __init__(self, command):
        self.process = subprocess.Popen([str(word) for word in command], text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def wait(self, stage):
        while stage not in (line := self.process.stderr.readline()):
            assert line, f"the load client ended before '{stage}'"

    def report(self):
        return json.loads(self.process.communicate()[0])

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


# ---- Reports -----------------------------------------------------------------------------------


def check_served(report):
    """Everybody got in and gets everything; what was lost is a number to be told, not a failure."""
    assert report["connected"] == report["participants"], report["failures"]
    for kind in ("audio", "video"):
        assert report[kind]["tracks"] == report[kind]["tracks_expected"], report["failures"]


def ms(us):
    return f"{us / 1000:.1f}"


def delays(at, kind):
    """Of the receivers at a node."""
    delay = at[f"{kind}_delay_us"]
    return "  ".join(f"{name} {ms(delay[name]):>6}" for name in ("p50", "p95", "p99"))
