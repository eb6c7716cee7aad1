# SPDX-License-Identifier: Apache-2.0
"""What happens in a cluster of three orchestrators, seen with spillctl while it happens: whichever
of them is asked, and also when that one dies.

    events_test.py BUILD_DIRECTORY [unittest arguments]
"""
import json
import os
import re
import signal
import subprocess
import unittest
from pathlib import Path

from cluster import API_KEY, API_SECRET, SPILLCTL, STOP_S, wait
from orchestrators_test import Case

UNREACHABLE = 6
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


def told(row):
    return {key: row[key] for key in ("orchestrator", "time", "event", "fields")}


class Events(Case):
    def environment(self, *orchestrators):
        return {**os.environ, "SPILLWAY_SERVER": ",".join(one.url for one in orchestrators),
                "SPILLWAY_API_KEY": API_KEY, "SPILLWAY_API_SECRET": API_SECRET}

    def run_it(self, *arguments, at, exit_code=0):
        done = subprocess.run([SPILLCTL, *arguments], capture_output=True, text=True,
                              timeout=STOP_S, env=self.environment(*at))
        self.assertEqual(done.returncode, exit_code, (arguments, done.stdout, done.stderr))
        return done

    def events(self, *arguments, at):
        done = self.run_it("events", "-o", "jsonl", *arguments, at=at)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def watch(self, *arguments, at):
        """A spillctl that goes on; what it prints is in a file."""
        name = self.cluster.dir / f"watch-{self._testMethodName}-{len(self.watches)}"
        out, err = open(f"{name}.out", "wb"), open(f"{name}.err", "wb")
        with out, err:
            watch = subprocess.Popen([SPILLCTL, *arguments], stdin=subprocess.DEVNULL, stdout=out,
                                     stderr=err, env=self.environment(*at))
        watch.out = lambda: Path(f"{name}.out").read_text(encoding="utf-8")
        watch.err = lambda: Path(f"{name}.err").read_text(encoding="utf-8")
        watch.rows = lambda: [json.loads(line) for line in watch.out().splitlines(True)
                              if line.endswith("\n")]
        self.watches.append(watch)
        return watch

    def end(self, watch):
        watch.send_signal(signal.SIGINT)
        self.assertEqual(watch.wait(STOP_S), 0, watch.err())

    def setUp(self):
        super().setUp()
        self.watches = []
        self.addCleanup(self.end_all)

    def end_all(self):
        for watch in self.watches:
            if watch.poll() is None:
                watch.kill()
                watch.wait()

    def seen(self, watch, event, **fields):
        """Those of that name with these fields, by orchestrator."""
        return {row["orchestrator"]: row for row in watch.rows()
                if row["event"] == event and fields.items() <= row["fields"].items()}

    def test_a_death_is_told_as_it_happens_and_at_another_orchestrator(self):
        everybody = {each.name for each in self.all}
        watch = self.watch("events", "-w", "-o", "jsonl", at=self.all[:1])
        wait("the past", lambda: len(self.seen(watch, "node_registered", name="node-2")) == 3)
        self.cluster.nodes[0].kill()
        wait("each says so", lambda: set(self.seen(watch, "node_dead")) == everybody)
        dead = self.seen(watch, "node_dead")[self.all[1].name]
        self.assertEqual((dead["fields"]["name"], dead["fields"]["cause"], dead["level"]),
                         ("node-1", "link_lost", "warn"))
        self.assertRegex(dead["time"], TIME)

        """The cursor of any line holds at any orchestrator: what is behind it, once. What several
        say in the same moment comes in one order here and in another there."""
        rows = watch.rows()
        before, behind = rows[:-2], rows[-2:]
        for asked in self.all:
            again = [told(row) for row in self.events("--after", before[-1]["cursor"], at=[asked])]
            self.assertEqual([again.count(told(row)) for row in behind], [1, 1])
            self.assertEqual([row for row in before if told(row) in again], [])
        self.assertEqual(self.events("--node", "node-2", "--since", "10m", at=self.all)[0]["event"],
                         "node_registered")
        self.assertEqual({row["fields"]["name"]
                          for row in self.events("--node", "node-1", at=self.all)}, {"node-1"})
        self.assertEqual(self.events("--since", "0s", at=self.all), [])
        self.end(watch)

    def test_a_watch_goes_on_when_its_orchestrator_dies(self):
        watched, *others = self.all
        watch = self.watch("events", "-w", "-o", "jsonl", at=self.all)
        wait("the past", lambda: self.seen(watch, "node_registered"))
        self.run_it("cordon", "node-2", at=others)
        wait("its word", lambda: watched.name in self.seen(watch, "node_cordoned"))
        watched.kill()
        wait("the others lost it", lambda: set(self.seen(watch, "peer_lost", name=watched.name)) ==
             {each.name for each in others})
        self.assertIn(f"goes on at {others[0].url}", watch.err())
        self.cluster.nodes[0].kill()
        wait("the others say so", lambda: len(self.seen(watch, "node_dead")) == 2)
        keys = [(row["orchestrator_id"], row["cursor"]) for row in watch.rows()]
        self.assertEqual(len(keys), len(set(keys)), "each once")

        """What it wrote before it died is at the others, and at itself when it is back."""
        watched.start()
        wait("it is back", lambda: len({row["orchestrator_id"] for row in watch.rows() if (
            row["event"], row["orchestrator"]) == ("serving", watched.name)}) == 2)
        wait("it knows its past", lambda: [row for row in self.events(at=[watched])
                                           if row["event"] == "node_cordoned"
                                           and row["orchestrator"] == watched.name])
        self.end(watch)

    def test_a_watch_waits_while_nobody_answers(self):
        watch = self.watch("events", "--watch", at=self.all[:1])
        wait("a table", lambda: "node_registered" in watch.out())
        self.assertEqual(watch.out().splitlines()[0].split(),
                         ["TIME", "ORCHESTRATOR", "EVENT", "FIELDS"])
        self.all[0].kill()
        wait("it says so", lambda: "no orchestrator answers" in watch.err())
        self.all[0].start()
        wait("it goes on", lambda: "goes on at" in watch.err())
        wait("with the others' past", lambda: "peer_lost" in watch.out())
        self.end(watch)
        self.all[0].kill()
        self.run_it("events", "-w", at=self.all[:1], exit_code=UNREACHABLE)

    def test_top_goes_on_when_its_orchestrator_dies(self):
        top = self.watch("top", "-o", "jsonl", at=self.all)
        wait("nodes", lambda: {row["name"] for row in top.rows()} == {"node-1", "node-2"})
        self.all[0].kill()
        wait("it says so", lambda: f"this is {self.all[1].url}" in top.err())
        self.cluster.nodes[0].kill()
        wait("one node is left", lambda: [row["name"] for row in top.rows()[-2:]] ==
             2 * ["node-2"])
        self.end(top)

    def test_a_watch_of_nodes_goes_on_when_its_orchestrator_dies(self):
        watch = self.watch("watch", "nodes", "-o", "jsonl", at=self.all)
        told = lambda: [(row["change"], row["name"]) for row in watch.rows()]
        wait("nodes", lambda: len(told()) == 2)
        self.all[0].kill()
        wait("it says so", lambda: f"this is {self.all[1].url}" in watch.err())
        self.cluster.nodes[0].kill()
        wait("one is gone", lambda: ("gone", "node-1") in told())
        self.assertEqual([change for change, name in told()
                          if name == "node-2" and change != "changed"], ["added"])
        self.end(watch)


if __name__ == "__main__":
    unittest.main()
