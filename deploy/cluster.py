#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a small cluster on this machine until it is told to stop.

Starts a Redis of its own, orchestrators and some media nodes in each region, from programs that are
built already; deploy/up builds them first. Everything it writes is below one directory: keys,
configurations, logs, and cluster.json, which says what runs once it serves. SIGINT or SIGTERM stops
what was started, in reverse order. A process that dies is reported and not started again: a cluster
lives on without it, which is what one may want to see.
"""

import argparse
import ctypes
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MEDIA_PORTS = 4  # of each node
READY_S = 20
STOP_S = 3  # for each of: asked, asked again, killed


def arguments():
    parser = argparse.ArgumentParser(description="Runs a Spillway cluster on this machine.")
    parser.add_argument("--nodes", type=int, default=2,
                        help="media nodes to run in each region (default 2)")
    parser.add_argument("--regions", type=int, default=1,
                        help="regions, named r1, r2, ...; a single one is named local (default 1)")
    parser.add_argument("--orchestrators", type=int, default=1,
                        help="orchestrators to run, spread over the regions, each with its own "
                             "port from --port on (default 1)")
    parser.add_argument("--port", type=int, default=7880,
                        help="for signalling, API and pages; the cluster's own connections use the "
                             "ports around it (default 7880)")
    parser.add_argument("--media-port", type=int, default=40000,
                        help=f"first UDP and TCP port for media, {MEDIA_PORTS} a node "
                             "(default 40000)")
    parser.add_argument("--address", default="127.0.0.1",
                        help="IP address to serve on; the demo's API secret is no secret, so keep "
                             "it to yourself (default 127.0.0.1)")
    parser.add_argument("--media-address",
                        help="IP address for media (default: --address; Firefox's media never "
                             "take loopback: name an address of this machine for it)")
    parser.add_argument("--no-redis", action="store_true",
                        help="keep the store in the orchestrator's memory")
    parser.add_argument("--build", type=Path, default=ROOT / "build/release",
                        help="where the programs were built (default build/release)")
    parser.add_argument("--pages", type=Path, default=ROOT / "orchestrator/web/dist",
                        help="the bundled meeting page (default orchestrator/web/dist)")
    parser.add_argument("--run", type=Path, default=ROOT / "run",
                        help="where keys, configurations and logs go (default run)")
    options = parser.parse_args()
    if options.regions < 1 or not 1 <= options.nodes * options.regions <= 64:
        parser.error("--nodes: 1 to 64 in all regions together")
    if not 1 <= options.orchestrators <= 8:
        parser.error("--orchestrators: 1 to 8")
    if options.orchestrators > 1 and options.no_redis:
        parser.error("--no-redis: several orchestrators need one")
    if options.media_address is None:
        options.media_address = options.address
    return options


class Failed(Exception):
    """What keeps the cluster from running, in words for the user."""


# ---- Keys and configurations -------------------------------------------------------------------


class Place:
    """A program to be, and where it stands."""

    def __init__(self, options, index, name):
        self.index = index
        self.name = name
        region = index % options.regions
        self.region = "local" if options.regions == 1 else f"r{region + 1}"
        self.zone = "ab"[index // options.regions % 2]


def orchestrator_places(options):
    names = ["orchestrator"] if options.orchestrators == 1 else [
        f"orchestrator-{index + 1}" for index in range(options.orchestrators)]
    return [Place(options, index, name) for index, name in enumerate(names)]


def node_places(options):
    return [Place(options, index, f"node-{index + 1}")
            for index in range(options.nodes * options.regions)]


def bus_ports(options, index):
    """Of an orchestrator: control, tunnel, peers. Several have their clients' ports in a row."""
    first = options.port + (1 if options.orchestrators == 1 else 100 + 3 * index)
    return first, first + 1, first + 2


def make_keys(options, orchestrators, nodes):
    """A key pair for each orchestrator and each node, unless they are there from before."""
    keys = options.run / "keys"
    keys.mkdir(mode=0o700, exist_ok=True)
    for directory, places in ((keys, orchestrators), (keys / "nodes", nodes)):
        owners = [place.name for place in places]
        missing = [name for name in owners if not (directory / f"{name}.key").exists()]
        if missing:
            done = subprocess.run([options.build / "orchestrator/cli/spillctl", "keys", "--out",
                                   directory, *missing],
                                  capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise Failed(f"spillctl keys: {done.stderr.strip()}")


def cluster_secret(options):
    """From before, or a new one: nodes that know the old one may still run."""
    path = options.run / "keys/cluster.secret"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32))
    return path.read_text()


def peers_config(options, places):
    if len(places) == 1:
        return ""
    return "peers:\n" + "".join(
        f"""  - endpoint: tcp://127.0.0.1:{bus_ports(options, place.index)[2]}
    key_file: {options.run}/keys/{place.name}.pub
""" for place in places)


def orchestrator_config(options, place, places):
    control, tunnel, peers = bus_ports(options, place.index)
    redis = "" if options.no_redis else f"""
redis:
  host: 127.0.0.1
  port: {options.port - 1}
"""
    return f"""# Written by deploy/cluster.py.
name: {place.name}
region: {place.region}
zone: {place.zone}
cluster_secret: {cluster_secret(options)}
drain_grace: 1s
keys:
  devkey: secret # known to everybody: for demos only
listen:
  address: {options.address}
  port: {options.port + place.index}
bus:
  control: tcp://127.0.0.1:{control}
  tunnel: tcp://127.0.0.1:{tunnel}
  secret_file: {options.run}/keys/{place.name}.key
  nodes_dir: {options.run}/keys/nodes
peer_listen: tcp://127.0.0.1:{peers}
{peers_config(options, places)}{redis}
pages:
  dir: {options.pages.resolve()}
  demo_api_key: devkey
"""


def node_config(options, place, orchestrators):
    links = "".join(
        f"""  - control: tcp://127.0.0.1:{control}
    tunnel: tcp://127.0.0.1:{tunnel}
    key_file: {options.run}/keys/{orchestrator.name}.pub
""" for orchestrator, (control, tunnel, _) in
        ((each, bus_ports(options, each.index)) for each in orchestrators))
    return f"""# Written by deploy/cluster.py.
name: {place.name}
region: {place.region}
zone: {place.zone}
drain_grace: 1s
curve:
  secret_file: {options.run}/keys/nodes/{place.name}.key
orchestrators:
{links}media:
  ip: {options.media_address}
  port_base: {options.media_port + place.index * MEDIA_PORTS}
  ports: {MEDIA_PORTS}
probes:
  listen: 127.0.0.1
  port: {options.port + 10 + place.index}
"""


# ---- Processes ---------------------------------------------------------------------------------


class Process:
    """One program of the cluster and its row in cluster.json."""

    def __init__(self, role, place, command, url, ready_url=None):
        self.role = role
        self.place = place
        self.name = place.name
        self.command = [str(word) for word in command]
        self.url = url
        self.ready_url = ready_url
        self.popen = None
        self.log = None

    def start(self, run):
        self.log = run / f"{self.name}.log"
        with open(self.log, "wb") as log:
            # A session of its own: Ctrl-C in the terminal is for us to hand on, in order.
            self.popen = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log,
                                          stderr=subprocess.STDOUT, start_new_session=True,
                                          preexec_fn=die_with_parent)

    def row(self):
        return {"role": self.role, "name": self.name, "pid": self.popen.pid,
                "region": self.place.region, "zone": self.place.zone, "url": self.url}

    def ended(self):
        """How it ended, in words; None while it runs."""
        status = self.popen.poll()
        if status is None:
            return None
        return f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"

    def is_ready(self):
        if self.ready_url is None:
            return can_connect(*self.url.removeprefix("redis://").split(":"))
        try:
            with urllib.request.urlopen(self.ready_url, timeout=1) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def last_words(self):
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return "\n".join(f"  {line}" for line in lines[-5:])


def die_with_parent():
    """Should we be killed in a way that leaves no time to stop anything, the children go too."""
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def can_connect(host, port):
    try:
        with socket.create_connection((host, int(port)), timeout=1):
            return True
    except OSError:
        return False


def plan(options, orchestrators, nodes):
    """Everything to start, in order."""
    run = options.run
    processes = []
    if not options.no_redis:
        port = options.port - 1
        processes.append(Process(
            "redis", Place(options, 0, "redis"),
            ["redis-server", "--port", port, "--bind", "127.0.0.1", "--dir", run, "--save", "",
             "--appendonly", "no"],
            f"redis://127.0.0.1:{port}"))
    for place in orchestrators:
        served = f"{options.address}:{options.port + place.index}"
        processes.append(Process(
            "orchestrator", place,
            [options.build / "orchestrator/spillway-orchestrator", "--config",
             run / f"{place.name}.yaml"],
            f"ws://{served}", f"http://{served}/readyz"))
    for place in nodes:
        probes = f"http://127.0.0.1:{options.port + 10 + place.index}"
        processes.append(Process(
            "node", place,
            [options.build / "media-node/spillway-node", "--config", run / f"{place.name}.yaml"],
            probes, f"{probes}/readyz"))
    return processes


def wait_ready(processes, stop):
    deadline = time.monotonic() + READY_S
    waiting = list(processes)
    while waiting and not stop:
        for process in processes:
            how = process.ended()
            if how is not None:
                raise Failed(f"{process.name} {how}:\n{process.last_words()}")
        waiting = [process for process in waiting if not process.is_ready()]
        if waiting and time.monotonic() > deadline:
            raise Failed(f"{waiting[0].name} is not ready after {READY_S} s:\n"
                         f"{waiting[0].last_words()}")
        if waiting:
            time.sleep(0.05)


def stop_all(processes):
    """SIGTERM, once more for those who take their time, then SIGKILL; the last started first."""
    for process in reversed(processes):
        for sign in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            if process.popen is None or process.popen.poll() is not None:
                break
            process.popen.send_signal(sign)
            try:
                process.popen.wait(STOP_S)
            except subprocess.TimeoutExpired:
                pass


def write_rows(path, processes):
    rows = [process.row() for process in processes if process.ended() is None]
    scratch = path.with_suffix(".tmp")
    scratch.write_text(json.dumps({"processes": rows}, indent=2) + "\n")
    scratch.replace(path)  # whoever reads it sees all of it


def watch(processes, path, stop):
    """Until told to stop, or nothing is left. Says so when one dies."""
    alive = list(processes)
    while alive and not stop:
        time.sleep(0.1)
        for process in list(alive):
            how = process.ended()
            if how is not None and not stop:
                print(f"{process.name} (pid {process.popen.pid}) {how}; its log: {process.log}",
                      flush=True)
                alive.remove(process)
                write_rows(path, processes)


# ---- The whole ---------------------------------------------------------------------------------


def run_cluster(options, stop):
    options.run = options.run.resolve()
    options.run.mkdir(parents=True, exist_ok=True)
    rows = options.run / "cluster.json"
    if can_connect(options.address, options.port):
        raise Failed(f"something serves on {options.address}:{options.port} already; another "
                     "deploy/up? --port chooses another port")
    orchestrators, nodes = orchestrator_places(options), node_places(options)
    make_keys(options, orchestrators, nodes)
    for place in orchestrators:
        (options.run / f"{place.name}.yaml").write_text(
            orchestrator_config(options, place, orchestrators))
    for place in nodes:
        (options.run / f"{place.name}.yaml").write_text(node_config(options, place, orchestrators))

    processes = plan(options, orchestrators, nodes)
    try:
        for process in processes:
            process.start(options.run)
        wait_ready(processes, stop)
        if not stop:
            write_rows(rows, processes)
            host = "localhost" if options.address == "127.0.0.1" else options.address
            pages = " or ".join(f"http://{host}:{options.port + place.index}/"
                                for place in orchestrators)
            print(f"Meet at {pages}\n"
                  f"API key devkey, secret \"secret\". Logs: {options.run}. Ctrl-C stops it all.\n"
                  f"Look at it: SPILLWAY_CLUSTER={rows} SPILLWAY_API_KEY=devkey "
                  f"SPILLWAY_API_SECRET=secret {options.build}/orchestrator/cli/spillctl get nodes",
                  flush=True)
            if options.media_address.startswith("127."):
                print("Firefox takes no media over loopback: for it, start with --media-address "
                      "and an address of this machine.", flush=True)
            watch(processes, rows, stop)
    finally:
        rows.unlink(missing_ok=True)
        stop_all(processes)
    if not stop:
        raise Failed("nothing is left running")


def main():
    stop = []  # becomes true with the first signal
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: stop.append(number))
    try:
        run_cluster(arguments(), stop)
    except (Failed, OSError) as error:
        print(f"deploy: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
