# SPDX-License-Identifier: Apache-2.0
"""A cluster of the real programs on loopback, with ports, keys and logs of its own.

Every test program here takes the build directory as its first argument. Whoever stops a program
checks that it ended well: a leak or undefined behaviour that a sanitizer found is an exit status.
"""
import base64
import hashlib
import hmac
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

BUILD = Path(sys.argv.pop(1)).resolve()
ORCHESTRATOR = BUILD / "orchestrator/spillway-orchestrator"
NODE = BUILD / "media-node/spillway-node"
SPILLCTL = BUILD / "orchestrator/cli/spillctl"

API_KEY, API_SECRET = "devkey", "secret"
HOST = "127.0.0.1"
MEDIA_PORTS = 4  # of each node
SOON_S = 20  # generous: sanitizers and a busy machine
STOP_S = 15


def wait(what, condition, within_s=SOON_S):
    """Polls until the condition holds; returns what it returned."""
    deadline = time.monotonic() + within_s
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.02)


def occupy(port, kind=socket.SOCK_STREAM, host=HOST):
    """A socket that keeps everybody else from the port."""
    s = socket.socket(socket.AF_INET, kind)
    try:
        if kind == socket.SOCK_STREAM:  # connections of the past do not matter
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((host, port))
        if kind == socket.SOCK_STREAM:
            s.listen()
    except OSError:
        s.close()
        raise
    return s


def is_free(port):
    try:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            occupy(port, kind).close()
        return True
    except OSError:
        return False


class Ports:
    """A range of ports below those that the kernel hands out, which no other test program takes
    while this one runs: whoever has it holds a socket of its name."""

    RANGES = range(30000, 32700, 300)

    def __init__(self):
        self.holder = socket.socket(socket.AF_UNIX)
        self.first = self.next = wait("a range of ports", self.claim)

    def claim(self):
        for first in self.RANGES:
            try:
                self.holder.bind(f"\0spillway-test-ports-{first}")
                return first
            except OSError:
                pass
        return None

    def take(self, count):
        """The first of several free ports in a row."""
        end = self.first + self.RANGES.step
        for _ in range(2 * self.RANGES.step):
            first = self.next if self.next + count <= end else self.first
            self.next = first + 1
            if all(is_free(first + i) for i in range(count)):
                self.next = first + count
                return first
        raise AssertionError("no free ports")


free_ports = Ports().take


# ---- Tokens ------------------------------------------------------------------------------------


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(video, key=API_KEY, secret=API_SECRET, ttl_s=600, **claims):
    """An access token; claims with the value None are left out."""
    now = int(time.time())
    claims = {"iss": key, "nbf": now - 5, "exp": now + ttl_s, "video": video, **claims}
    parts = [{"alg": "HS256", "typ": "JWT"}, {k: v for k, v in claims.items() if v is not None}]
    text = ".".join(base64url(json.dumps(part).encode()) for part in parts)
    return text + "." + base64url(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())


def join_token(room, identity, **options):
    return token({"roomJoin": True, "room": room}, sub=identity, **options)


# ---- Processes ---------------------------------------------------------------------------------


class Program:
    """A process whose output goes to a log; it may be started again."""

    def __init__(self, name, command, log):
        self.name, self.command, self.log = name, [str(word) for word in command], log
        self.process = None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT)
        return self

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def last_words(self):
        return f"{self.name}:\n" + "\n".join(self.text().splitlines()[-40:])

    def log_lines(self, event):
        return re.findall(rf"^\S+ \w+ +{event}\b.*$", self.text(), re.MULTILINE)

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait(STOP_S)

    def wait_end(self, status=0, within_s=STOP_S):
        try:
            got = self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running. {self.last_words()}") from None
        assert got == status, f"ended with status {got}. {self.last_words()}"

    def stop(self, within_s=STOP_S):
        self.signal(signal.SIGTERM)
        self.wait_end(within_s=within_s)


class Orchestrator(Program):
    def __init__(self, cluster, port):
        super().__init__("orchestrator",
                         [ORCHESTRATOR, "--config", cluster.dir / "orchestrator.yaml"],
                         cluster.dir / "orchestrator.log")
        self.port = port
        self.url = f"http://{HOST}:{port}"

    def connect(self):
        s = socket.create_connection((HOST, self.port), timeout=SOON_S)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s


class Node(Program):
    def __init__(self, cluster, name, port):
        super().__init__(name, [NODE, "--config", cluster.dir / f"{name}.yaml"],
                         cluster.dir / f"{name}.log")
        self.ports = range(port, port + MEDIA_PORTS)
        self.url = f"http://{HOST}:{port + MEDIA_PORTS}"


def redis_server(directory, port):
    return Program("redis", ["redis-server", "--port", port, "--bind", HOST, "--dir", directory,
                             "--save", "", "--appendonly", "no"], directory / "redis.log")


# ---- HTTP --------------------------------------------------------------------------------------


def http(url, body=None, **headers):
    """Status and body of a call; POST with a body. Status 0: nobody answers."""
    request = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=SOON_S) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""


def metrics(program):
    """{name or name{labels}: value} without the program's prefix."""
    status, text = http(f"{program.url}/metrics")
    assert status == 200, f"{program.name} gives no metrics"
    samples = re.findall(r"^spillway_(?:orchestrator|node)_(\S+) (\S+)$", text.decode(),
                         re.MULTILINE)
    return {name: float(value) for name, value in samples}


def counted(program, before):
    """Counters that grew since metrics() gave before, and by how much."""
    return {name: value - before.get(name, 0) for name, value in metrics(program).items()
            if "_total" in name and value != before.get(name, 0)}


# ---- The whole ---------------------------------------------------------------------------------


def merge(base, more):
    for key, value in more.items():
        base[key] = merge(base.get(key, {}), value) if isinstance(value, dict) else value
    return base


class Cluster:
    """An orchestrator and nodes; a context manager, or close() it. settings: more of the
    orchestrator's; regions: of each node. Nothing is started yet."""

    def __init__(self, nodes=2, redis=False, settings=None, drain_grace="30s", regions=()):
        self.dir = Path(tempfile.mkdtemp(prefix="spillway-cluster-"))
        first = free_ports(4 + nodes * (MEDIA_PORTS + 1))
        self.control, self.tunnel = first + 1, first + 2
        self.drain_grace = drain_grace
        self.redis = redis_server(self.dir, first + 3) if redis else None
        self.make_keys(self.dir / "keys", "orchestrator")
        (self.dir / "keys/nodes").mkdir()
        self.orchestrator = Orchestrator(self, first)
        self.write_orchestrator(first, settings or {})
        self.nodes = []
        for i in range(nodes):
            name = f"node-{i + 1}"
            self.make_keys(self.dir / "keys/nodes", name)
            self.nodes.append(self.add_node(name, first + 4 + i * (MEDIA_PORTS + 1),
                                            region=regions[i] if regions else ""))

    def make_keys(self, directory, name):
        subprocess.run([SPILLCTL, "keys", "--out", directory, name], check=True,
                       capture_output=True)

    def write(self, name, settings):
        """JSON is YAML."""
        (self.dir / f"{name}.yaml").write_text(json.dumps(settings, indent=2))

    def write_orchestrator(self, port, more):
        settings = {
            "keys": {API_KEY: API_SECRET},
            "listen": {"address": HOST, "port": port},
            "bus": {
                "control": f"tcp://{HOST}:{self.control}",
                "tunnel": f"tcp://{HOST}:{self.tunnel}",
                "secret_file": f"{self.dir}/keys/orchestrator.key",
                "nodes_dir": f"{self.dir}/keys/nodes",
            },
            "rebalance": {"enabled": False},  # tests say who is where, on a machine that is busy
        }
        if self.redis:
            settings["redis"] = {"host": HOST, "port": port + 3}
        self.write("orchestrator", merge(settings, more))

    def add_node(self, name, port, key=None, region=""):
        """key: the path of its secret key, if it is not that of its name."""
        self.write(name, {
            "name": name,
            "region": region,
            "drain_grace": self.drain_grace,
            "curve": {"secret_file": str(key or f"{self.dir}/keys/nodes/{name}.key")},
            "orchestrators": [{
                "control": f"tcp://{HOST}:{self.control}",
                "tunnel": f"tcp://{HOST}:{self.tunnel}",
                "key_file": f"{self.dir}/keys/orchestrator.pub",
            }],
            "media": {"ip": HOST, "port_base": port, "ports": MEDIA_PORTS},
            "probes": {"port": port + MEDIA_PORTS},
        })
        return Node(self, name, port)

    @property
    def programs(self):
        return ([self.redis] if self.redis else []) + [self.orchestrator] + self.nodes

    def start(self):
        for program in self.programs:
            program.start()
        self.wait_ready(*self.nodes)
        return self

    def wait_answers(self):
        wait("the orchestrator answers", lambda: self.is_alive(self.orchestrator))

    def is_alive(self, program):
        assert program.running, program.last_words()
        return http(f"{program.url}/livez")[0] == 200

    def wait_ready(self, *nodes):
        """Until these nodes take rooms."""
        self.wait_answers()
        names = {node.name for node in nodes}
        wait(f"{names} are ready", lambda: names <= {
            node["name"] for node in self.list_nodes()
            if node["state"] == "ready" and not node["suspect"]})

    def close(self):
        """Stops what runs, nodes first, and checks that all of it ends well."""
        alive = [program for program in reversed(self.programs) if program.running]
        try:
            for program in alive:
                program.signal(signal.SIGCONT)  # should a test have stopped it and failed
            if self.orchestrator.running:
                for room in self.rooms():  # nodes without rooms have nobody to wait for
                    self.twirp("DeleteRoom", room=room)
            for program in alive:
                program.stop()
        finally:
            for program in alive:
                if program.running:
                    program.kill()
            shutil.rmtree(self.dir)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- Its APIs

    def admin(self, path, body=None):
        """Answer of the admin API; POST with a body."""
        bearer = token({"roomList": True, "roomCreate": True}, sub="test")
        status, text = http(f"{self.orchestrator.url}/admin/v1/{path}",
                            None if body is None else json.dumps(body).encode(),
                            Authorization=f"Bearer {bearer}")
        assert status == 200, f"{path}: {status} {text.decode()}"
        return json.loads(text)

    def list_nodes(self):
        return self.admin("nodes")["nodes"]

    def node(self, name):
        return self.admin(f"nodes/{name}")

    def rooms(self):
        """{name: name of its node}"""
        return {room["name"]: room["node_name"] for room in self.admin("rooms")["rooms"]}

    def twirp(self, method, **body):
        bearer = token({"roomCreate": True, "roomList": True, "roomAdmin": True,
                        "room": body.get("room", "")}, sub="test")
        status, text = http(f"{self.orchestrator.url}/twirp/livekit.RoomService/{method}",
                            json.dumps(body).encode(), Authorization=f"Bearer {bearer}",
                            **{"Content-Type": "application/json"})
        assert status == 200, f"{method}: {status} {text.decode()}"
        return json.loads(text)
