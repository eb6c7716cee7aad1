# SPDX-License-Identifier: Apache-2.0
"""What benches over several nodes share: a cluster as deploy/cluster.py starts it, the load client,
and what the nodes counted while it measured.

Every bench here takes the directory of the optimised build as its first argument.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from cluster import (API_KEY, API_SECRET, BUILD, HOST, MEDIA_PORTS, Program, free_ports, http,
                     metrics, token, wait)

ROOT = Path(__file__).resolve().parents[2]
LOAD = BUILD / "tests/bench/load/spillway-load"
OWN_PORTS = 20  # of a cluster's processes around its first one
BUS_PORTS = 100  # behind the first one where several orchestrators have their buses
ROOM = "bench"


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
          f"{', before everything else' if first else ''}", flush=True)


class Node:
    """One of the cluster's nodes; with what metrics() and counted() need."""

    def __init__(self, number, row, media_port):
        self.name = f"node-{number + 1}"
        self.region, self.url = row["region"], row["url"]
        self.address = f"{HOST}:{media_port + number * MEDIA_PORTS}"


class Rig:
    """A running cluster; a context manager."""

    def __init__(self, regions, nodes, capacity=None):
        """nodes: in each region; capacity: of each node."""
        self.dir = Path(tempfile.mkdtemp(prefix="spillway-bench-"))
        (self.dir / "pages").mkdir()
        (self.dir / "pages/index.html").write_text("")
        first = free_ports(BUS_PORTS + OWN_PORTS + regions * nodes * MEDIA_PORTS)
        self.media_port = first + BUS_PORTS + OWN_PORTS
        command = [sys.executable, "-B", ROOT / "deploy/cluster.py", "--build", BUILD,
                   "--run", self.dir / "run", "--pages", self.dir / "pages", "--port", first + 1,
                   "--media-port", self.media_port, "--nodes", nodes, "--regions", regions,
                   "--orchestrators", regions]
        os.environ["SPILLWAY_NODE_MEDIA_PORTS"] = "1"  # so that an address is a node
        if capacity is not None:
            os.environ["SPILLWAY_NODE_CAPACITY"] = str(capacity)
        self.deploy = Program("deploy", command, self.dir / "deploy.log").start()
        self.file = self.dir / "run/cluster.json"
        wait("the cluster serves", self.serves)
        rows = json.loads(self.file.read_text())["processes"]
        self.urls = {row["region"]: row["url"] for row in rows if row["role"] == "orchestrator"}
        self.nodes = [Node(i, row, self.media_port) for i, row in
                      enumerate(row for row in rows if row["role"] == "node")]
        wait("all nodes are known everywhere", self.is_complete)

    def serves(self):
        assert self.deploy.running, self.deploy.last_words()
        return self.file.exists()

    def is_complete(self):
        return all(sum(node["state"] == "ready" for node in self.admin("nodes", url)["nodes"]) ==
                   len(self.nodes) for url in self.urls.values())

    def close(self):
        if self.deploy.running:
            self.deploy.stop()
        shutil.rmtree(self.dir)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def admin(self, path, url=None, body=None):
        """Of an orchestrator's admin API; POST with a body."""
        bearer = token({"roomList": True, "roomCreate": True}, sub="bench")
        url = (url or next(iter(self.urls.values()))).replace("ws:", "http:")
        status, text = http(f"{url}/admin/v1/{path}",
                            None if body is None else json.dumps(body).encode(),
                            Authorization=f"Bearer {bearer}")
        assert status == 200, f"{path}: {status} {text.decode()}"
        return json.loads(text)

    def hosts(self):
        """Names of the room's nodes, in the order in which they came to it."""
        return [node["name"] for node in self.admin(f"rooms/{ROOM}")["nodes"]]

    def node(self, name):
        return next(node for node in self.nodes if node.name == name)

    def node_at(self, address):
        return next(node for node in self.nodes if node.address == address)

    def run(self, publish, receive, *options, settle=None):
        """A load into the room; publish and receive: the regions to go to, in turn. settle is
        called when everybody gets everything. Returns the load client's report, and what each node
        counted while it was measured, by name."""
        regions = [("--publisher-url", region) for region in publish]
        regions += [("--url", region) for region in receive]
        command = [LOAD, "--room", ROOM, "--key", API_KEY, "--secret", API_SECRET, "-o", "json",
                   "--cluster", self.file, "--progress", *options]
        for option, region in regions:
            command += [option, self.urls[region]]
        with subprocess.Popen([str(word) for word in command], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as load:
            self.await_stage(load, "settling")
            if settle is not None:
                settle()
            self.await_stage(load, "measuring")
            before = [metrics(node) for node in self.nodes]
            self.await_stage(load, "measured")
            after = [metrics(node) for node in self.nodes]
            report = json.loads(load.stdout.read())
        counted = {node.name: {name: now[name] - then[name] for name in now}
                   for node, then, now in zip(self.nodes, before, after)}
        return report, counted

    @staticmethod
    def await_stage(load, stage):
        while stage not in (line := load.stderr.readline()):
            assert line, f"the load client ended before '{stage}'"


def check_served(report):
    """Everybody got in and gets everything; what was lost is a number to be told, not a failure."""
    assert report["connected"] == report["participants"], report["failures"]
    for kind in ("audio", "video"):
        assert report[kind]["tracks"] == report[kind]["tracks_expected"], report["failures"]


def ms(us):
    return f"{us / 1000:.1f}"


def delays(node, kind):
    delay = node[f"{kind}_delay_us"]
    return "  ".join(f"{name} {ms(delay[name]):>6}" for name in ("p50", "p95", "p99"))
