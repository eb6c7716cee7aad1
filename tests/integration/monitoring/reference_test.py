# SPDX-License-Identifier: Apache-2.0
"""docs/reference/metrics.md lists what running programs tell of themselves, and that keeps to
Prometheus' conventions.

    reference_test.py BUILD_DIRECTORY --write      writes it anew: target metrics_reference
    reference_test.py BUILD_DIRECTORY [unittest arguments]
"""
import subprocess
import sys
import unittest

from cluster import Cluster, http, wait
from exposition import REFERENCE, read

# Labels whose values are the operator's, or change with each version.
OPEN = {"region", "from_region", "to_region", "version"}
HEAD = """\
# Metrics

What `/metrics` of the two programs says; written from running ones by
`cmake --build build --target metrics_reference`, and compared with them by every test run. How
to collect and watch them: [operations/monitoring.md](../operations/monitoring.md).

* Counters count since the program's start. Names end in their unit: `_seconds`, `_ratio`, `_weight`
  (1 for each track, subscription and edge to another node).
* Histograms are classic ones, in the text format 0.0.4, with the same buckets for all, in seconds:
  {buckets}.
* No label names a room, a participant or a node: what happens to one of them is in logs and in
  `spillctl`. A node's name and region are labels of its target, set by the scrape configuration;
  `region` here is of nodes as orchestrators know them.
* Every orchestrator tells of all nodes as it sees them: `nodes`, `nodes_*`, `wanted_nodes`,
  `region_*`, `relay_*` and `node_detection_seconds` of several are not to be added up,
  `max` is meant (`sum` for `region_reserved_weight`: each has promises of its own). What is about
  rooms, participants and connections is each one's own, and adds up.
"""


def row(family):
    labels = []
    for name in family.labels:
        values = "" if name in OPEN else "=" + ", ".join(family.labels[name])
        labels.append(f"`{name}`{values}")
    return f"| `{family.name}` | {family.kind} | {'; '.join(labels)} | {family.help} |"


def page(programs):
    buckets = next(family.buckets for _, families in programs for family in families
                   if family.buckets)
    text = HEAD.format(buckets=", ".join(buckets))
    for title, families in programs:
        text += f"\n## {title}\n\n| name | type | labels | |\n|---|---|---|---|\n"
        text += "\n".join(row(family) for family in families) + "\n"
    return text


class Reference(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        with Cluster(nodes=2, regions=("eu", "us")) as cluster:
            cluster.start()
            wait("a number of nodes, which there is none of just after the start",
                 lambda: b"wanted_nodes" in http(f"{cluster.orchestrator.url}/metrics")[1])
            programs = {"Orchestrator": cluster.orchestrator, "Media node": cluster.nodes[0]}
            cls.texts = {title: http(f"{program.url}/metrics")[1].decode()
                         for title, program in programs.items()}
        cls.programs = [(title, read(text)) for title, text in cls.texts.items()]

    def test_the_page_is_what_programs_say(self):
        self.assertEqual(REFERENCE.read_text(), page(self.programs),
                         "cmake --build build --target metrics_reference writes it anew")

    def test_every_metric_says_what_it_is(self):
        for _, families in self.programs:
            names = [family.name for family in families]
            self.assertEqual(len(names), len(set(names)), "samples of one name stand together")
            for family in families:
                with self.subTest(family.name):
                    self.assertRegex(family.help, r"\w \w")
                    self.assertEqual(family.kind == "counter", family.name.endswith("_total"))
                    self.assertFalse(set(family.labels) & {"room", "participant", "node"})

    def test_promtool_finds_nothing(self):
        for title, text in self.texts.items():
            with self.subTest(title):
                lint = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                                      capture_output=True)
                self.assertEqual((lint.returncode, lint.stderr, lint.stdout), (0, "", ""))


if __name__ == "__main__":
    if "--write" in sys.argv:
        Reference.setUpClass()
        REFERENCE.write_text(page(Reference.programs))
    else:
        unittest.main()
