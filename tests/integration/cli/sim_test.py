# SPDX-License-Identifier: Apache-2.0
"""sim: a fleet in a file, faults, and what comes of them; what the page of it shows is what is
printed; what is wrong with a file or a fault, and where.

    sim_test.py PATH_OF_SPILLCTL [unittest arguments]
"""
import json
import re
import shlex
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest.mock import patch
from xml.etree import ElementTree

from admin import (FAILED, NOT_FOUND, REFUSED, SNAPSHOT, SPILLCTL, TIMEOUT, USAGE, Case, Handler,
                   node)

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/operations/what-if.md"
FLEET = """regions:
  - name: eu
    nodes: 10
    people: 1000
  - {name: us, nodes: 10, people: 1000}
  - {name: ap, nodes: 10, rooms: [{count: 50, people: 20}]}
region_distances:
  - {from: eu, to: us, ms: 80}
"""


class Sim(Case):
    def setUp(self):
        super().setUp()
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.dir = Path(scratch.name)
        self.file = self.dir / "fleet.yaml"

    def sim(self, *arguments, fleet=FLEET, **how):
        self.file.write_text(fleet)
        return self.run_it("sim", "--fleet", str(self.file), *arguments, server=False, **how)

    def test_what_the_page_shows(self):
        shown = re.findall(r"```sh\nspillctl ([^\n]*)\n```\n\n```text\n(.*?)```\n",
                           PAGE.read_text(), re.DOTALL)
        self.assertEqual(len(shown), 2)
        for command, text in shown:
            arguments = [str(ROOT / word) if word.startswith("docs/") else word
                         for word in shlex.split(command)]
            refused = "find no place" in text
            done = self.run_it(*arguments, "--plot", str(self.dir / "plot.svg"), server=False,
                               data=True, exit_code=REFUSED if refused else 0)
            self.assertEqual(done.stdout, text)
        self.assertEqual((self.dir / "plot.svg").read_text(), PAGE.with_suffix(".svg").read_text())

    def test_a_region_as_json(self):
        answer = json.loads(self.sim("--fault", "region=eu at=2s", "--seconds", "5", "-o",
                                     "json").stdout)
        self.assertEqual((answer["nodes"], answer["people"], answer["people_affected"],
                          answer["people_waiting"], answer["nodes_over_capacity"]),
                         (30, 3000, 1000, 0, 0))
        self.assertEqual(sum(region["people_after"] for region in answer["regions"]), 3000)
        self.assertEqual({move["from"] for move in answer["moves"]}, {"eu"})
        self.assertTrue(2 < answer["everybody_served_at_s"] < 4)
        self.assertEqual(answer["timeline"][0]["at_s"], 0)
        self.assertEqual(answer["timeline"][-1]["at_s"], 5)
        lines = self.sim("--fault", "region=eu at=2s", "--seconds", "5", "-o", "jsonl").stdout
        self.assertEqual([json.loads(line) for line in lines.splitlines()], answer["timeline"])

    def test_a_seed(self):
        texts = [self.sim("--fault", "region=eu", "--seed", seed, "-o", "json").stdout
                 for seed in ("1", "1", "2")]
        self.assertEqual(texts[0], texts[1])
        self.assertNotEqual(texts[0], texts[2])

    def test_a_plot(self):
        path = self.dir / "loss.svg"
        self.sim("--fault", "region=eu", "--plot", str(path))
        svg = "{http://www.w3.org/2000/svg}"
        root = ElementTree.parse(path).getroot()
        self.assertEqual(root.tag, svg + "svg")
        curves = [[point.split(",") for point in curve.get("points").split()]
                  for curve in root.iter(svg + "polyline")]
        self.assertEqual(len(curves), 4)
        for x, y in sum(curves, []):
            self.assertTrue(0 <= float(x) <= float(root.get("width")), x)
            self.assertTrue(0 <= float(y) <= float(root.get("height")), y)
        self.assertIn("10.00 s: eu loses 10 of its 10 nodes: 1000 people",
                      [text.text for text in root.iter(svg + "text")])
        self.sim("--plot", "/nowhere/loss.svg", exit_code=FAILED, data=True)

    def test_several_faults(self):
        events = [row["event"] for row in json.loads(self.sim(
            "--fault", "node=us-3", "--fault=drain=us-4 at=20s", "-o", "json").stdout)["timeline"]]
        for wanted in ("us-3 is lost: ", "us-4 is drained", "us-4 is empty"):
            self.assertTrue(any(event.startswith(wanted) for event in events), wanted)

    def test_too_little_place(self):
        small = FLEET.replace("nodes: 10,", "nodes: 6,")
        done = self.sim("--fault", "region=eu", fleet=small)
        self.assertRegex(done.stdout, r"sound alone in the end: \d+ people\n")
        self.assertIn("nodes that were ever over their capacity: 0", done.stdout)
        done = self.sim("--fault", "region=eu", "--fault", "region=us at=11s", fleet=small,
                        exit_code=REFUSED, data=True)
        self.assertRegex(done.stdout, r"no place, even with sound alone: \d+ people\n")
        self.assertIn("nodes that were ever over their capacity: 0", done.stdout)
        error = self.sim(fleet=FLEET.replace("nodes: 10", "nodes: 3"), exit_code=REFUSED).stderr
        self.assertIn("the fleet is full before anything happens", error)

    def test_wrong(self):
        for change, says in (
                (("name: us", "name: eu"), "fleet.yaml:5: regions.1.name: there is a region of"),
                (("nodes: 10", "nodes: 0"), "fleet.yaml:3: nodes: '0' is not"),
                (("to: us", "to: mars"), "fleet.yaml:8: region_distances.0.to: none of"),
                (("nodes: 10", "nods: 10"), "fleet.yaml:3: unknown key 'nods' (did you mean")):
            with self.subTest(says):
                error = self.sim(fleet=FLEET.replace(*change, 1), exit_code=FAILED).stderr
                self.assertIn(says, error)
        self.assertIn("no region mars", self.sim("--fault", "region=mars",
                                                 exit_code=NOT_FOUND).stderr)
        self.assertIn("did you mean 'region'", self.sim("--fault", "regoin=eu",
                                                        exit_code=USAGE).stderr)
        for arguments in (("--fault", "at=3s"), ("--fault", "x" * 5000), ("--seconds", "0"),
                          ("--seconds", "3601"), ("--seed", "-1"), ("more",),
                          17 * ("--fault", "node=us-1")):
            self.sim(*arguments, exit_code=USAGE)
        self.run_it("sim", exit_code=USAGE)
        self.run_it("sim", "--fleet", "/nowhere", exit_code=FAILED)


def region(name, nodes, capacity, links=()):
    return {**SNAPSHOT["regions"][0], "name": name, "nodes": nodes, "capacity": capacity,
            "links": [{"to": to, "distance_ms": ms, "trunks": 0} for to, ms in links]}


def room(publishers, **people):
    """Of so many people on each node."""
    return {"participants": sum(people.values()), "publishers": publishers,
            "nodes": [{"id": id, "participants": count} for id, count in people.items()]}


class Live(Case):
    """get fleet: the file of the cluster as it is now."""
    SNAPSHOT = {
        **SNAPSHOT, "orchestrators": [{"name": "o-1"}, {"name": "o-2"}],
        "regions": [region("eu", 2, 8000, [("us", 80), ("ap", None), ("old", 5)]),
                    region("us", 1, 2000, [("eu", 80)]), region("ap", 1, 4000),
                    region("old", 0, 0)],
        "nodes": [node("eu-1", "A", region="eu"), node("us-1", "B", region="us")],
        "rooms": [room(1, A=3, B=2), room(1, A=5), room(0, B=4), room(2, A=0, B=2), room(0)]}
    CONFIG = {"settings": [{"name": "placement.fill_percent", "value": "70"},
                           {"name": "region", "value": "eu"}]}

    def fleet(self, *words, snapshot=SNAPSHOT, config=(200, CONFIG), **how):
        with patch.dict(Handler.answers, {"GET snapshot": (200, snapshot), "GET config": config}):
            return self.run_it("get", "fleet", *words, **how)

    def test_what_it_says(self):
        self.assertEqual(json.loads(self.fleet("-o", "json").stdout), {
            "orchestrators": 2, "placement": {"fill_percent": 70}, "regions": [
                {"name": "eu", "nodes": 2, "capacity": 4000,
                 "rooms": [{"count": 2, "people": 5, "publishers": 1}]},
                {"name": "us", "nodes": 1, "capacity": 2000,
                 "rooms": [{"count": 1, "people": 4, "publishers": 1},
                           {"count": 1, "people": 2, "publishers": 2}]},
                {"name": "ap", "nodes": 1, "capacity": 4000, "rooms": []}],
            "region_distances": [{"from": "eu", "to": "us", "ms": 80}]})
        self.assertEqual(self.fleet("-o", "name").stdout, "eu\nus\nap\n")

    def test_sim_takes_it(self):
        done = subprocess.run([SPILLCTL, "sim", "--fleet", "-", "--fault", "region=eu at=1s",
                               "--seconds", "3", "-o", "json"], input=self.fleet().stdout,
                              capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 0, done.stderr)
        answer = json.loads(done.stdout)
        self.assertEqual((answer["nodes"], answer["people"], answer["people_affected"]),
                         (4, 16, 10))

    def test_not_all_of_it(self):
        """Settings that one may not see are told of; so is an orchestrator that is silent."""
        done = self.fleet("-o", "json", config=(403, {"error": "forbidden", "message": "no"}))
        self.assertEqual(json.loads(done.stdout)["placement"], {})
        self.assertIn("cannot be read (role admin): their defaults hold", done.stderr)
        self.fleet(snapshot={**self.SNAPSHOT, "unanswered": ["o-3"]}, exit_code=TIMEOUT, data=True)


if __name__ == "__main__":
    unittest.main()
