# SPDX-License-Identifier: Apache-2.0
"""sim: a fleet in a file, faults, and what comes of them; what the page of it shows is what is
printed; what is wrong with a file or a fault, and where.

    sim_test.py PATH_OF_SPILLCTL [unittest arguments]
"""
import json
import re
import shlex
import tempfile
import unittest
from pathlib import Path
from xml.etree import ElementTree

from admin import FAILED, NOT_FOUND, REFUSED, USAGE, Case

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
        self.assertIn("people have sound alone in the end", done.stdout)
        self.assertIn("nodes that were ever over their capacity: 0", done.stdout)
        done = self.sim("--fault", "region=eu", "--fault", "region=us at=11s", fleet=small,
                        exit_code=REFUSED, data=True)
        self.assertIn("people find no place", done.stdout)
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


if __name__ == "__main__":
    unittest.main()
