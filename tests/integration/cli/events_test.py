# SPDX-License-Identifier: Apache-2.0
"""What spillctl events makes of what orchestrators say, in every format, and of what is lost.

    events_test.py PATH_OF_SPILLCTL [unittest arguments]
"""
import datetime
import json
import signal
import subprocess
import threading
import unittest
import unittest.mock

from admin import (EVIL, FAILED, OK, REFUSED, SPILLCTL, UNREACHABLE, USAGE, Admin, Case, Handler,
                   free_port)


def event(what, number, ago_s=0, **fields):
    at = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=ago_s)
    return {"time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"), "level": "info",
            "event": what, "orchestrator": "a", "orchestrator_id": "OR_1", "fields": fields,
            "cursor": f"OR_1.{number}"}


EVENTS = [event("node_registered", 1, 3600, node="ND_1", name="node-a"),
          event("peer_lost", 2, 50, peer="OR_2", name="node-a", why="it \x1b[2J is away"),
          event("room_moves", 3, 40, room="RM_1", to="ND_1", **{"from": "ND_2"}),
          event("video_held", 4, 30, room="RM_2", node="ND_9"),
          event("node_dead", 5, node="ND_1", name="node-a", cause=EVIL)]


def answer(events, cursor="OR_1.5", missed=(), more=False):
    return 200, {"events": events, "cursor": cursor, "more": more, "missed": list(missed)}


ALL = {"GET events?after=&wait_s=0": answer(EVENTS[:2], "OR_1.2", more=True),
       "GET events?after=OR_1.2&wait_s=0": answer(EVENTS[2:])}


class Events(Case):
    def names(self, *arguments):
        with unittest.mock.patch.dict(Handler.answers, ALL):
            return self.run_it("events", "-o", "name", *arguments).stdout.split()

    def test_which(self):
        everything = [each["event"] for each in EVENTS]
        self.assertEqual(self.names(), everything)
        self.assertEqual(self.names("--since", "10m"), everything[1:])
        self.assertEqual(self.names("--since", "45s"), everything[2:])
        for node in ("node-a", "ND_1"):  # whichever is typed, and not another's name
            self.assertEqual(self.names("--node", node),
                             ["node_registered", "room_moves", "node_dead"])
        self.assertEqual(self.names("--node", "ND_9"), ["video_held"])  # nobody knows it any more
        self.assertEqual(self.names("--room", "my room"), ["room_moves"])
        self.assertEqual(self.names("--room", "RM_2"), ["video_held"])
        self.assertEqual(self.names("--room", "my room", "--node", "ND_9"), [])

    def test_formats(self):
        with unittest.mock.patch.dict(Handler.answers, ALL):
            out = self.run_it("events").stdout
            bare = self.run_it("events", "--no-headers", "--node", "ND_9").stdout
            whole = json.loads(self.run_it("events", "-o", "json").stdout)
            rows = self.run_it("events", "-o", "jsonl").stdout.splitlines()
        self.assertEqual(out.splitlines()[0].split(), ["TIME", "ORCHESTRATOR", "EVENT", "FIELDS"])
        self.assertEqual(bare.split()[1:], ["a", "video_held", "room=RM_2", "node=ND_9"])
        self.assertIn('why="it ?[2J is away"', out)
        self.assertNotIn("\x1b", out)
        self.assertEqual(len(out.splitlines()), 6)
        self.assertEqual((whole["events"], whole["cursor"]), (EVENTS, "OR_1.5"))
        self.assertEqual([json.loads(row) for row in rows], EVENTS)

    def test_losses_are_told(self):
        missed = [{"orchestrator_id": "OR_2", "events": 12},
                  {"orchestrator_id": "OR_3", "events": None}]
        with unittest.mock.patch.dict(Handler.answers, {
                "GET events?after=OR_2.7~OR_3.1&wait_s=0": answer([], missed=missed)}):
            done = self.run_it("events", "--after", "OR_2.7~OR_3.1", "-o", "jsonl")
        self.assertEqual(done.stdout, "")
        self.assertIn("12 events of OR_2 are lost", done.stderr)
        self.assertIn("OR_3 is not known", done.stderr)

    def test_wrong_usage(self):
        for arguments in (["--since", "yesterday"], ["--after", "a b"], ["--after", "x" * 1024],
                          ["node-a"], ["-w", "-o", "json"], ["--watch", "-o", "yaml"]):
            self.run_it("events", *arguments, exit_code=USAGE)

    def test_failures(self):
        self.run_it("events", exit_code=3)  # an orchestrator without them
        for status, code in ((403, REFUSED), (500, FAILED)):
            with unittest.mock.patch.object(Handler, "always", (status, {"error": "x",
                                                                         "message": "no"})):
                self.assertIn("no", self.run_it("events", "-w", exit_code=code).stderr)
        with unittest.mock.patch.object(Handler, "always", (200, {"nodes": []})):
            self.run_it("events", "-w", exit_code=FAILED)
        self.run_it("events", "-w", "--server", f"http://127.0.0.1:{free_port()}",
                    exit_code=UNREACHABLE)

    def test_a_watch(self):
        """It asks for what is behind the cursor, of the next orchestrator if need be, and ends when
        it is no longer permitted, with the reason."""
        answers = {
            "GET events?after=&wait_s=0": answer(EVENTS[:1], "OR_1.1"),
            "GET events?after=OR_1.1&wait_s=20": answer(EVENTS[1:3], "OR_1.3"),
            "GET events?after=OR_1.3&wait_s=20": (403, {"error": "forbidden",
                                                        "message": "not any more"})}
        servers = f"http://127.0.0.1:{free_port()},{self.admin.url}"
        with unittest.mock.patch.dict(Handler.answers, answers):
            done = subprocess.run([SPILLCTL, "events", "-w", "-o", "jsonl", "--server", servers],
                                  capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, REFUSED)
        self.assertEqual([json.loads(line) for line in done.stdout.splitlines()], EVENTS[:3])
        self.assertIn("not any more", done.stderr)

    def test_ctrl_c(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            held = Admin()
            with unittest.mock.patch.dict(Handler.answers, ALL):
                Handler.answers["GET events?after=OR_1.5&wait_s=20"] = \
                    lambda server=held: server.asked.wait(30) and answer([])
                held.asked = threading.Event()
                watch = subprocess.Popen([SPILLCTL, "events", "-w", "--server", held.url],
                                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                for _ in range(1 + len(EVENTS)):
                    watch.stdout.readline()
                watch.send_signal(number)
                self.assertEqual((watch.wait(30), watch.stderr.read()), (OK, ""))
                held.asked.set()
                watch.stdout.close()
                watch.stderr.close()


if __name__ == "__main__":
    unittest.main()
