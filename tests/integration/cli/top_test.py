# SPDX-License-Identifier: Apache-2.0
"""spillctl top on a terminal, beside one, and while orchestrators go and come.

    top_test.py PATH_OF_SPILLCTL [unittest arguments]
"""
import json
import os
import signal
import unittest
import unittest.mock

from admin import (EVIL, OK, REFUSED, TIMEOUT, UNREACHABLE, USAGE, Admin, Case, Handler, free_port,
                   node)
import screen

NODES = [node("idle", "ND_1", weight=10, reserved=0, region="eu", bps_out=1000000),
         node("full", "ND_2", weight=400, reserved=500, region="us", bps_out=2000000),
         node("half", "ND_3", weight=500, reserved=0, region="eu", bps_out=3000000,
              state="draining"),
         node("dead", "ND_4", weight=1000, region="eu", state="gone")]


def answer(**more):
    return unittest.mock.patch.dict(Handler.answers, {"GET nodes": (200, {"nodes": NODES, **more})})


class Once(Case):
    def test_table(self):
        with answer():
            regions, nodes = self.run_it("top").stdout.split("\n\n")
        rows = [line.split() for line in regions.splitlines()]
        self.assertEqual(rows[0], ["REGION", "NODES", "READY", "LOAD", "WEIGHT", "RESERVED",
                                   "CAPACITY", "PEERS", "IN", "OUT"])
        self.assertEqual(rows[1][:8], ["us", "1", "1", "90", "%", "400", "500", "1000"])
        self.assertEqual(rows[2], ["eu", "2", "1", "26", "%", "510", "0", "2000", "10", "3.0",
                                   "Mbit/s", "4.0", "Mbit/s"])
        self.assertEqual([line.split()[0] for line in nodes.splitlines()],
                         ["NODE", "full", "half", "idle"], "by load; who is gone is not there")
        self.assertNotIn("\x1b", regions + nodes)

    def test_formats(self):
        with answer():
            self.assertEqual(self.run_it("top", "-o", "name").stdout, "full\nhalf\nidle\n")
            whole = json.loads(self.run_it("top", "-o", "json").stdout)
        self.assertEqual(whole["nodes"][0], {**NODES[1], "load_ratio": 0.9})
        self.assertEqual([region["capacity"] for region in whole["regions"]], [1000, 2000])

    def test_failures(self):
        with answer(unanswered=["o-2"]):
            done = self.run_it("top", exit_code=TIMEOUT, data=True)
        self.assertIn("orchestrator o-2 does not answer", done.stderr)
        self.run_it("top", "nodes", exit_code=USAGE)
        self.run_it("top", "--server", f"http://127.0.0.1:{free_port()}", exit_code=UNREACHABLE)
        with unittest.mock.patch.object(Handler, "always", (403, {"error": "x", "message": "no"})):
            self.run_it("top", exit_code=REFUSED)

    def test_lines_until_ctrl_c(self):
        with answer(), screen.Lines("top", "-o", "jsonl", servers=[self.admin.url]) as top:
            rows = top.read(2 * 3)
            self.assertEqual([row["name"] for row in rows], 2 * ["full", "half", "idle"])
            self.assertEqual(len({row["time"] for row in rows[:3]}), 1)
            self.assertLess(rows[0]["time"], rows[3]["time"])
            self.assertEqual(top.end(), (OK, ""))


class Screen(screen.Screen):
    def test_drawn_again_until_q(self):
        with answer():
            self.begin("top", servers=[self.admin.url])
            drawn = self.read_until("full", "\n")
            self.assertIn(f"1 of 3 nodes by load, at {self.admin.url}; q ends it", drawn)
            self.assertNotIn("idle", drawn, "a small terminal has the fullest nodes")
            changed = [{**NODES[0], "weight": 999, "name": f"busy {EVIL}"}]
            with unittest.mock.patch.dict(Handler.answers, {
                    "GET nodes": (200, {"nodes": changed, "unanswered": ["o-2"]})}):
                drawn = self.read_until("busy", "1 of 1", "orchestrator o-2 does not answer")
            self.assertNotIn("\x1b[2J", drawn)
            os.write(self.terminal, b"xq")
            self.ended()

    def test_goes_on_at_another_orchestrator(self):
        first = Admin()
        with answer():
            self.begin("top", servers=[first.url, self.admin.url])
            self.read_until(f"at {first.url}")
            first.shutdown()
            first.server_close()
            self.read_until(f"{first.url} did not answer: this is {self.admin.url}", "full")
            self.program.send_signal(signal.SIGINT)
            self.ended()

    def test_waits_while_nobody_answers(self):
        with answer():
            self.begin("top", servers=[self.admin.url])
            self.read_until("full")
            with unittest.mock.patch.object(Handler, "always", (503, {"error": "unavailable",
                                                                      "message": "stops"})):
                self.read_until("no orchestrator answers: trying on", "full")
            self.read_until(f"{self.admin.url} answers again", "full")
            self.program.send_signal(signal.SIGTERM)
            self.ended()


if __name__ == "__main__":
    unittest.main()
