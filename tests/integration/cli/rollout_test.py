# SPDX-License-Identifier: Apache-2.0
"""spillctl rollout: nodes in their turn, and what goes wrong with them.

    rollout_test.py PATH_OF_SPILLCTL [unittest arguments]
"""
import json
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest.mock import patch

from admin import FAILED, NOT_FOUND, REFUSED, SPILLCTL, TIMEOUT, USAGE, Case, Handler, node

OLD, NEW = "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"
WAIT_S = 30


class Fleet:
    """Nodes that drain at once; one that the command was run for comes back, as another one."""

    def __init__(self, directory, names="abc", comes_back=True, **back):
        self.marks, self.comes_back, self.back = directory, comes_back, back
        self.nodes = {name: node(name, f"ND_{name}", version="1.0", weight=10 * i, rooms=i,
                                 region="eu" if name < "c" else "us")
                      for i, name in enumerate(reversed(names))}
        self.drained, self.away_max = [], 0

    def restart(self):
        for name, each in self.nodes.items():
            if self.comes_back and (self.marks / name).exists() and each["id"] == f"ND_{name}":
                each |= {"id": f"ND_{name}2", "registered_at": NEW, "state": "ready",
                         "version": "2.0", **self.back}

    def list(self):
        self.restart()
        return 200, {"nodes": list(self.nodes.values())}

    def answers(self):
        answers = {"GET nodes": self.list}
        for name in self.nodes:
            id = f"ND_{name}"
            answers[f"GET nodes/{id}"] = lambda each=self.nodes[name]: (200, each)
            answers[f"POST nodes/{id}/drain"] = lambda name=name: self.drain(name)
            answers[f"POST nodes/{name}/cordon"] = lambda name=name: self.cordon(name)
        return patch.dict(Handler.answers, answers)

    def drain(self, name):
        self.drained.append(name)
        self.nodes[name] |= {"state": "draining", "rooms": 0, "transports": 0}
        away = sum(each["state"] == "draining" for each in self.nodes.values())
        self.away_max = max(self.away_max, away)
        return 200, self.nodes[name]

    def cordon(self, name):
        self.nodes[name]["state"] = "cordoned"
        return 200, self.nodes[name]


class Rollout(Case):
    def setUp(self):
        super().setUp()
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.marks = Path(directory.name)
        self.exec = f'touch "{self.marks}/$SPILLWAY_NODE"'

    def fleet(self, **how):
        fleet = Fleet(self.marks, **how)
        self.enterContext(fleet.answers())
        return fleet

    def roll(self, *words, exec=None, **how):
        return self.run_it("rollout", "nodes", "--yes", "--settle", "0s", "--exec",
                           exec or self.exec, *words, **how)

    def test_one_after_the_other(self):
        """The emptiest first; one that somebody cordoned is cordoned afterwards."""
        fleet = self.fleet()
        fleet.nodes["b"]["state"] = "cordoned"
        done = self.roll()
        self.assertEqual(fleet.drained, ["c", "b", "a"])
        self.assertEqual(fleet.away_max, 1)
        self.assertEqual({each["state"] for name, each in fleet.nodes.items() if name != "b"},
                         {"ready"})
        self.assertEqual(fleet.nodes["b"]["state"], "cordoned")
        self.assertEqual(done.stdout, "")
        self.assertIn("a is back (3 of 3)", done.stderr)
        self.assertIn("all nodes are done", self.roll("--to", "2.0").stderr)
        self.assertIn("all nodes are done", self.roll("--since", OLD).stderr)

    def test_of_a_region_and_several_at_a_time(self):
        fleet = self.fleet()
        self.roll("--region", "eu", "--max-unavailable", "5")
        self.assertEqual(fleet.drained, ["b", "a"])
        self.assertEqual(fleet.away_max, 2)
        for words in (("nodes", "--yes"), ("nodes", "--dry-run"), ("status",)):
            told = self.run_it("rollout", *words, "--region", "eus", exit_code=NOT_FOUND).stderr
            self.assertEqual(told, 'spillctl: no live node is of the region "eus"\n')

    def test_what_would_be_done(self):
        fleet = self.fleet()
        fleet.nodes["a"]["state"] = "draining"
        done = self.run_it("rollout", "nodes", "--dry-run", "-o", "name")
        self.assertEqual(done.stdout, "a\nc\nb\n", "who is drained already comes first")
        self.assertIn("3 nodes, 1 at a time", done.stderr)
        self.assertEqual(fleet.drained, [])
        self.assertIn("needs --yes", self.run_it("rollout", "nodes", exit_code=REFUSED).stderr)
        self.assertEqual(fleet.drained, [])

    def stopped(self, *words, left, exit_code, said, **how):
        """It ends there, and says how to go on."""
        told = self.roll(*words, exit_code=exit_code, **how).stderr
        self.assertIn(said, told)
        self.assertIn(f"{left} Go on with: spillctl rollout nodes --since {OLD}", told)

    def test_command_that_fails(self):
        fleet = self.fleet()
        self.stopped(exec="exit 3", exit_code=FAILED, said="the command for c failed",
                     left="0 of 3 nodes are done. It leaves c drained or draining: uncordon takes "
                          "that back.")
        self.assertEqual(fleet.drained, ["c"])
        self.stopped(exec=f'test "$SPILLWAY_NODE:$SPILLWAY_NODE_ID:$SPILLWAY_NODE_REGION" = '
                          f'c:ND_c:us && {self.exec}', exit_code=FAILED,
                     said="the command for b failed",
                     left="1 of 3 nodes are done. It leaves b drained or draining: uncordon takes "
                          "that back.")

    def test_drain_that_is_refused(self):
        fleet = self.fleet()
        refusal = 409, {"error": "conflict", "message": "no place for them"}
        with patch.dict(Handler.answers, {"POST nodes/ND_b/drain": refusal}):
            self.stopped(exit_code=REFUSED, said="no place for them",
                         left="1 of 3 nodes are done.")
        self.assertEqual(fleet.drained, ["c"])

    def test_node_that_does_not_come_back(self):
        self.fleet(comes_back=False)
        self.stopped("--deadline", "1s", exit_code=TIMEOUT, said="not back, ready and by the same",
                     left="0 of 3 nodes are done. It leaves c drained or draining: uncordon takes "
                          "that back.")

    def test_node_that_comes_back_otherwise(self):
        """As another version; or suspect, which is not back; or it does not last."""
        self.fleet()
        told = self.roll("--to", "3.0", exit_code=FAILED).stderr
        self.assertIn("c came back as version 2.0, not 3.0", told)
        self.fleet(names="xyz", suspect=True)
        self.roll("--deadline", "1s", exit_code=TIMEOUT)

    def test_version_that_does_not_last(self):
        fleet = self.fleet()
        drain = fleet.drain

        def drain_and_lose(name):
            fleet.nodes["c"]["state"] = "ready" if name == "c" else "gone"
            return drain(name)

        fleet.drain = drain_and_lose
        told = self.roll(exit_code=FAILED).stderr
        self.assertIn("c was back, and is not ready any more", told)
        self.assertEqual(fleet.drained, ["c", "b"], "a was left alone")

    def test_interrupted(self):
        fleet = self.fleet(comes_back=False)
        command = [SPILLCTL, "rollout", "nodes", "--yes", "--server", self.admin.url,
                   "--to", "2.0", "--region", "us"]
        rollout = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        told = ""
        while "c is empty: restart it" not in told:
            told = rollout.stderr.readline()
            self.assertTrue(told)
        rollout.send_signal(signal.SIGINT)
        _, told = rollout.communicate(timeout=WAIT_S)
        self.assertEqual(rollout.returncode, -signal.SIGINT)
        self.assertIn("0 of 1 nodes are done. It leaves c drained or draining: uncordon takes that "
                      f"back. Go on with: spillctl rollout nodes --since {OLD} --to 2.0 "
                      "--region us\n", told)
        self.assertEqual(fleet.drained, ["c"])

    def test_status(self):
        fleet = self.fleet()
        self.roll("--region", "us")
        fleet.nodes["b"]["state"] = "draining"
        for words, said in (((), "1 of 3 nodes run 2.0"), (("--to", "2.0"), "1 of 3 nodes run 2.0"),
                            (("--since", OLD), f"1 of 3 nodes registered after {OLD}")):
            done = self.run_it("rollout", "status", *words, "-o", "json")
            self.assertIn(said, done.stderr)
            self.assertEqual({each["name"]: each["rollout"] for each
                              in json.loads(done.stdout)["nodes"]},
                             {"a": "due", "b": "draining", "c": "done"})
        self.assertIn("0 of 2", self.run_it("rollout", "status", "--region", "eu", "--to",
                                            "2.0").stderr)

    def test_usage(self):
        for words in ((), ("pods",), ("nodes", "a"), ("nodes", "--max-unavailable", "0"),
                      ("nodes", "--max-unavailable", "-1"), ("nodes", "--max-unavailable", "2x"),
                      ("nodes", "--deadline", "soon"), ("nodes", "--settle", "-1s"),
                      ("nodes", "--since", "yesterday"), ("status", "--since", OLD + "x")):
            self.run_it("rollout", *words, exit_code=USAGE)


if __name__ == "__main__":
    unittest.main()
