# SPDX-License-Identifier: Apache-2.0
"""How many nodes regions want, as told, and what deploy/autoscaling does with it.

    capacity_test.py PATH_OF_SPILLCTL [unittest arguments]
"""
import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest.mock import patch

from admin import CAPACITY, SPILLCTL, UNREACHABLE, Case, Handler, free_port, node

AUTOSCALE = Path(__file__).parents[3] / "deploy/autoscaling/autoscale"
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


if __name__ == "__main__":
    unittest.main()
