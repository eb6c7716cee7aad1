# SPDX-License-Identifier: Apache-2.0
"""spillctl top on a terminal, beside one, and while orchestrators go and come.

    top_test.py PATH_OF_SPILLCTL [unittest arguments]
"""
import json
import os
import pty
import signal
import subprocess
import termios
import time
import unittest
import unittest.mock

from admin import (EVIL, OK, REFUSED, SPILLCTL, TIMEOUT, UNREACHABLE, USAGE, Admin, Case, Handler,
                   free_port, node)

NODES = [node("idle", "ND_1", weight=10, reserved=0, region="eu", bps_out=1000000),
         node("full", "ND_2", weight=400, reserved=500, region="us", bps_out=2000000),
         node("half", "ND_3", weight=500, reserved=0, region="eu", bps_out=3000000,
              state="draining"),
         node("dead", "ND_4", weight=1000, region="eu", state="gone")]
WAIT_S = 30


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
        with answer():
            top = subprocess.Popen([SPILLCTL, "top", "-o", "jsonl", "--server", self.admin.url],
                                   stdout=subprocess.PIPE, text=True)
            rows = [json.loads(top.stdout.readline()) for _ in range(2 * 3)]
        self.assertEqual([row["name"] for row in rows], 2 * ["full", "half", "idle"])
        self.assertEqual(len({row["time"] for row in rows[:3]}), 1)
        self.assertLess(rows[0]["time"], rows[3]["time"])
        top.send_signal(signal.SIGINT)
        self.assertEqual(top.wait(WAIT_S), OK)
        top.stdout.close()


class Screen(Case):
    def begin(self, *servers):
        self.terminal, slave = pty.openpty()
        self.addCleanup(os.close, self.terminal)
        termios.tcsetwinsize(slave, (8, 100))
        self.modes = termios.tcgetattr(slave)
        self.slave = slave
        self.addCleanup(os.close, slave)
        self.top = subprocess.Popen([SPILLCTL, "top", "--server", ",".join(servers)], stdin=slave,
                                    stdout=slave, stderr=slave, env={**os.environ, "TERM": "xterm"})
        self.addCleanup(lambda: self.top.poll() is None and self.top.kill())
        self.text = ""

    def read_until(self, *words):
        """All of them, on what was drawn last."""
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            self.text += os.read(self.terminal, 65536).decode(errors="replace")
            screen = self.text.rpartition("\x1b[H\x1b[J")[2]
            if all(word in screen for word in words):
                return screen
        raise AssertionError(f"{words} not in {self.text!r}")

    def ended(self):
        self.assertEqual(self.top.wait(WAIT_S), OK)
        self.assertEqual(termios.tcgetattr(self.slave), self.modes)
        self.text += os.read(self.terminal, 65536).decode()
        self.assertTrue(self.text.endswith("\x1b[?7h\x1b[?25h"), "as it was")

    def test_drawn_again_until_q(self):
        with answer():
            self.begin(self.admin.url)
            screen = self.read_until("full", "\n")
            self.assertIn(f"1 of 3 nodes by load, at {self.admin.url}; q ends it", screen)
            self.assertNotIn("idle", screen, "a small terminal has the fullest nodes")
            changed = [{**NODES[0], "weight": 999, "name": f"busy {EVIL}"}]
            with unittest.mock.patch.dict(Handler.answers, {
                    "GET nodes": (200, {"nodes": changed, "unanswered": ["o-2"]})}):
                screen = self.read_until("busy", "1 of 1", "orchestrator o-2 does not answer")
            self.assertNotIn("\x1b[2J", screen)
            os.write(self.terminal, b"xq")
            self.ended()

    def test_goes_on_at_another_orchestrator(self):
        first = Admin()
        with answer():
            self.begin(first.url, self.admin.url)
            self.read_until(f"at {first.url}")
            first.shutdown()
            first.server_close()
            self.read_until(f"{first.url} did not answer: this is {self.admin.url}", "full")
            self.top.send_signal(signal.SIGINT)
            self.ended()

    def test_waits_while_nobody_answers(self):
        with answer():
            self.begin(self.admin.url)
            self.read_until("full")
            with unittest.mock.patch.object(Handler, "always", (503, {"error": "unavailable",
                                                                      "message": "stops"})):
                self.read_until("no orchestrator answers: trying on", "full")
            self.read_until(f"{self.admin.url} answers again", "full")
            self.top.send_signal(signal.SIGTERM)
            self.ended()


if __name__ == "__main__":
    unittest.main()
