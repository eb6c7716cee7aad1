# SPDX-License-Identifier: Apache-2.0
"""How many nodes regions want, as told, and what deploy/autoscaling does with it.

    capacity_test.py PATH_OF_SPILLCTL [unittest arguments]
"""
import http.server
import json
import os
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path
from unittest.mock import patch

from admin import CAPACITY, SPILLCTL, UNREACHABLE, Case, Handler, free_port, node

AUTOSCALE = Path(__file__).parents[3] / "deploy/autoscaling/autoscale"
DRAIN_NEXT = AUTOSCALE.with_name("drain-next")
COST = "controller.kubernetes.io/pod-deletion-cost"
WAIT_S = 30


class Capacity(Case):
    def test_a_row_a_region(self):
        lines = self.run_it("get", "capacity").stdout.splitlines()
        self.assertEqual(lines[0].split()[:6],
                         ["REGION", "WANTED", "READY", "SURPLUS", "DRAIN_NEXT", "REASON"])
        self.assertEqual(lines[2].split()[:6], ["us", "2", "4", "2", "node-a", "scale_in_after"])
        self.assertEqual(len(lines), 3)
        self.assertEqual(json.loads(self.run_it("get", "capacity", "-o", "json").stdout), CAPACITY)
        self.assertEqual(self.run_it("get", "capacity", "-o", "name").stdout, "eu\nus\n")


class Autoscale(Case):
    """One look, with two programs that write down what they are told."""

    def setUp(self):
        super().setUp()
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.dir = Path(scratch.name)
        for name in ("start", "stop"):
            program = self.dir / name
            program.write_text(f'#!/bin/sh\necho {name} "$@" >>"{self.dir}/done"\n')
            program.chmod(0o755)

    def look(self, url=None):
        environment = {**os.environ, "PATH": f"{Path(SPILLCTL).parent}:{os.environ['PATH']}",
                       "SPILLWAY_SERVER": url or self.admin.url, "SPILLWAY_API_KEY": "key",
                       "SPILLWAY_API_SECRET": "s" * 32, "AUTOSCALE_DRAIN_DEADLINE": "1s"}
        run = subprocess.run([AUTOSCALE, self.dir / "start", self.dir / "stop"], env=environment,
                             capture_output=True, text=True, timeout=WAIT_S)
        done = self.dir / "done"
        return run, done.read_text().splitlines() if done.exists() else []

    def test_starts_what_is_missing_and_stops_what_is_empty(self):
        empty = 200, {**node("node-a", "ND_1", state="draining", rooms=0), "endpoints": [],
                      "room_names": []}
        rooms = {"GET rooms": (200, {"rooms": []})}
        with patch.dict(Handler.answers, {"GET nodes/ND_1": empty, "GET nodes/node-a": empty,
                                          **rooms}):
            run, done = self.look()
        self.assertEqual(done, ["start eu 2", "stop us node-a"], run.stderr)

    def test_what_is_not_empty_in_time_is_not_stopped(self):
        run, done = self.look()
        self.assertEqual(done, ["start eu 2"], run.stderr)
        self.assertEqual([path for method, path, *_ in self.admin.requests
                          if method == "POST"][-1], "/admin/v1/nodes/ND_1/uncordon")

    def test_nothing_without_an_answer(self):
        run, done = self.look(f"http://127.0.0.1:{free_port()}")
        self.assertEqual(done, [])
        self.assertEqual(run.returncode, UNREACHABLE)
        with patch.dict(Handler.answers, {"GET capacity": (200, {**CAPACITY, "regions": []})}):
            run, done = self.look()
        self.assertEqual((run.returncode, done), (0, []))


class Pods(http.server.BaseHTTPRequestHandler):
    """Of Kubernetes' API what drain-next asks."""

    def do_GET(self):
        self.server.asked.append((self.path, self.headers["Authorization"]))
        self.answer({"items": [{"metadata": {"name": name, "annotations": {COST: cost}}}
                               for name, cost in (("node-a", "0"), ("node-b", "-1000"),
                                                  ("node-c", "-1000"))]
                     + [{"metadata": {"name": "node-d"}}]})

    def do_PATCH(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.patched[self.path.rpartition("/")[2]] = body["metadata"]["annotations"][COST]
        self.answer({})

    def answer(self, what):
        text = json.dumps(what).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *arguments):
        pass


class DrainNext(Case):
    """The emptiest nodes' pods (node-b of eu and node-a of us) cost least, the others nothing."""

    def look(self, url):
        with tempfile.TemporaryDirectory() as account, \
                http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pods) as server:
            server.asked, server.patched = [], {}
            threading.Thread(target=server.serve_forever, daemon=True).start()
            (Path(account) / "namespace").write_text("meet")
            (Path(account) / "token").write_text("secret")
            api = f"http://127.0.0.1:{server.server_address[1]}"
            environment = {**os.environ, "SPILLWAY_SERVER": url, "KUBERNETES_API": api,
                           "PATH": f"{Path(SPILLCTL).parent}:{os.environ['PATH']}",
                           "SERVICE_ACCOUNT": account, "SPILLWAY_API_KEY": "key",
                           "SPILLWAY_API_SECRET": "s" * 32}
            run = subprocess.run([DRAIN_NEXT, "app=spillway-node"], env=environment,
                                 capture_output=True, text=True, timeout=WAIT_S)
            server.shutdown()
            return run, server

    def test_costs(self):
        run, server = self.look(self.admin.url)
        self.assertEqual(server.patched, {"node-a": "-1000", "node-c": "0"}, run.stderr)
        self.assertEqual(server.asked, [("/api/v1/namespaces/meet/pods?"
                                         "labelSelector=app%3dspillway-node", "Bearer secret")])

    def test_nothing_without_an_answer(self):
        run, server = self.look(f"http://127.0.0.1:{free_port()}")
        self.assertEqual((run.returncode, server.asked, server.patched), (UNREACHABLE, [], {}))


if __name__ == "__main__":
    unittest.main()
