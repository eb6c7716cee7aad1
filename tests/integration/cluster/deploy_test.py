# SPDX-License-Identifier: Apache-2.0
"""deploy/cluster.py: what it starts, what it tells scripts and people, and that nothing is left
behind. The programs are built already, which makes each start a second one: it is timed.

    deploy_test.py BUILD_DIRECTORY [unittest arguments]
"""
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from cluster import (API_KEY, API_SECRET, BUILD, HOST, SPILLCTL, STOP_S, Program, free_ports, http,
                     is_free, occupy, wait)

DEPLOY = Path(__file__).resolve().parents[3] / "deploy/cluster.py"
SECOND_START_S = 5


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="spillway-cluster-"))
        self.addCleanup(shutil.rmtree, self.dir)
        (self.dir / "pages").mkdir()
        (self.dir / "pages/index.html").write_text("the page")
        first = free_ports(32)
        self.ports = range(first, first + 16)
        self.port = first + 1
        self.url = f"http://{HOST}:{self.port}"
        self.media = first + 16
        self.deploy = None
        self.addCleanup(self.stop)

    def start(self, *arguments):
        command = [sys.executable, "-B", DEPLOY, "--build", BUILD, "--run", self.dir / "run",
                   "--pages", self.dir / "pages", "--port", self.port,
                   "--media-address", HOST, "--media-port", self.media, *arguments]
        self.deploy = Program("deploy", command, self.dir / "deploy.log").start()
        return self.deploy

    def stop(self):
        if self.deploy is not None and self.deploy.running:
            self.deploy.stop()

    @property
    def file(self):
        return self.dir / "run/cluster.json"

    def rows(self):
        """cluster.json, once it serves."""
        def written():
            assert self.deploy.running, self.deploy.last_words()
            return self.file.exists()
        wait("cluster.json is there", written)
        content = json.loads(self.file.read_text())
        self.assertEqual(list(content), ["processes"])
        return content["processes"]

    def program_of(self, pid):
        try:
            return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0]
        except FileNotFoundError:
            return None

    def nodes(self, *servers):
        done = subprocess.run([SPILLCTL, "get", "nodes", "-o", "json",
                               *(servers or ("--server", self.url))],
                              capture_output=True, text=True, timeout=STOP_S, check=True,
                              env={**os.environ, "SPILLWAY_API_KEY": API_KEY,
                                   "SPILLWAY_API_SECRET": API_SECRET})
        return {node["name"]: node["state"] for node in json.loads(done.stdout)["nodes"]}

    def all_gone(self, rows):
        wait("every process is gone", lambda: not any(self.program_of(row["pid"]) for row in rows))
        self.assertTrue(all(is_free(port) for port in self.ports))


class Start(Case):
    def test_two_nodes(self):
        self.start()
        rows = self.rows()
        for row in rows:
            self.assertEqual(list(row), ["role", "name", "pid", "region", "zone", "url"])
            self.assertEqual(row["region"], "local")
        self.assertEqual([row["role"] for row in rows], ["redis", "orchestrator", "node", "node"])
        self.assertEqual([row["url"] for row in rows], [
            f"redis://{HOST}:{self.port - 1}", f"ws://{HOST}:{self.port}",
            f"http://{HOST}:{self.port + 10}", f"http://{HOST}:{self.port + 11}"])
        self.assertEqual([row["zone"] for row in rows], ["a", "a", "a", "b"])
        for row, program in zip(rows, ("redis-server", "spillway-orchestrator", "spillway-node",
                                       "spillway-node")):
            self.assertIn(program, self.program_of(row["pid"]))
        wait("it says where to meet",
             lambda: f"http://localhost:{self.port}/" in self.deploy.text())
        self.assertEqual(http(self.url + "/"), (200, b"the page"))
        self.assertEqual(http(self.url + "/readyz")[0], 200)
        self.assertEqual(self.nodes(), {"node-1": "ready", "node-2": "ready"})
        self.assertEqual(self.nodes("--cluster", self.file), self.nodes())
        save = subprocess.run(["redis-cli", "-p", str(self.port - 1), "CONFIG", "GET", "save"],
                              capture_output=True, text=True, timeout=STOP_S, check=True)
        self.assertEqual(save.stdout.split(), ["save"])
        for path in (self.dir / "run/keys").rglob("*.key"):
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)

    def test_second_start(self):
        self.start()
        self.rows()
        self.stop()
        began = time.monotonic()
        self.start()
        wait("it serves", lambda: http(self.url + "/readyz")[0] == 200)
        rows = self.rows()
        took_s = time.monotonic() - began
        print(f"second start: {took_s:.2f} s", file=sys.stderr)
        self.assertLess(took_s, SECOND_START_S)
        self.assertEqual(len(rows), 4)

    def test_options(self):
        self.start("--nodes", "3", "--no-redis")
        self.assertEqual([row["role"] for row in self.rows()],
                         ["orchestrator", "node", "node", "node"])
        self.assertEqual(len(self.nodes()), 3)

    def test_regions(self):
        """Orchestrators and nodes are spread, and each orchestrator knows all nodes."""
        self.start("--regions", "2", "--orchestrators", "2", "--nodes", "1")
        rows = self.rows()
        self.assertEqual([(row["role"], row["region"]) for row in rows],
                         [("redis", "r1"), ("orchestrator", "r1"), ("orchestrator", "r2"),
                          ("node", "r1"), ("node", "r2")])
        for index, row in enumerate(rows[1:3]):
            self.assertEqual(row["url"], f"ws://{HOST}:{self.port + index}")
            self.url = f"http://{HOST}:{self.port + index}"
            wait("it knows both", lambda: self.nodes() == {"node-1": "ready", "node-2": "ready"})

    def test_port_in_use(self):
        with occupy(self.port):
            self.start()
            self.deploy.wait_end(status=1)
        self.assertIn(f"{self.port} already", self.deploy.text())
        self.assertFalse(self.file.exists())

    def test_media_port_in_use(self):
        """One that can't start takes the others down, and its last words are shown."""
        with occupy(self.media + 4, socket.SOCK_DGRAM, host=""):  # whichever address media has
            self.start()
            self.deploy.wait_end(status=1)
        for word in ("node-2", str(self.media + 4), "in use"):
            self.assertIn(word, self.deploy.text())
        self.assertTrue(all(is_free(port) for port in self.ports))


class Demo(Case):
    def kill_node(self, *arguments, exit_code=0):
        done = subprocess.run([SPILLCTL, "demo", "kill-node", "--cluster", self.file, *arguments],
                              capture_output=True, text=True, timeout=2 * STOP_S,
                              env={**os.environ, "SPILLWAY_API_KEY": API_KEY,
                                   "SPILLWAY_API_SECRET": API_SECRET})
        self.assertEqual(done.returncode, exit_code, done.stderr)
        return done

    def test_kill_node(self):
        """It is dead, and orchestrators say when they knew."""
        self.start("--nodes", "3")
        rows = self.rows()
        self.assertIn("needs --yes", self.kill_node(exit_code=4).stderr)
        done = self.kill_node("node-2", "--yes", "-o", "json")
        events = json.loads(done.stdout)["events"]
        self.assertIn("node_dead", [event["event"] for event in events])
        self.assertTrue(all(0 <= event["after_ms"] < 1000 * STOP_S for event in events), events)
        self.assertIsNone(self.program_of(rows[3]["pid"]))
        self.assertIn("names no running process", self.kill_node("node-2", "--yes",
                                                                 exit_code=3).stderr)
        table = self.kill_node("--yes").stdout
        self.assertRegex(table, r"(?m)^\+\d+\.\d{3} s +\S+ +\S+ +node_dead +node=")


class End(Case):
    def test_interrupted(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            self.start()
            rows = self.rows()
            self.deploy.signal(number)
            self.deploy.wait_end(status=0)
            self.all_gone(rows)
            self.assertFalse(self.file.exists())

    def test_interrupted_early(self):
        self.start()
        wait("the orchestrator runs", lambda: not is_free(self.port))
        self.deploy.signal(signal.SIGINT)
        self.deploy.wait_end(status=0)
        wait("every port is free", lambda: all(is_free(port) for port in self.ports))

    def test_killed(self):
        """Even then nothing stays behind."""
        self.start()
        rows = self.rows()
        self.deploy.kill()
        self.all_gone(rows)

    def test_a_node_dies(self):
        self.start()
        rows = self.rows()
        os.kill(rows[3]["pid"], signal.SIGKILL)
        wait("it is told", lambda: "node-2" in self.deploy.text())
        wait("it is out of the list", lambda: self.rows() == rows[:3])
        self.assertEqual(http(self.url + "/readyz")[0], 200)
        self.assertEqual(self.nodes(), {"node-1": "ready", "node-2": "gone"})


if __name__ == "__main__":
    unittest.main()
