# SPDX-License-Identifier: Apache-2.0
"""The Grafana boards of deploy/grafana: what their source says, in Grafana's form, with queries
that Prometheus takes, about metrics that exist, and that answer something where all of these are
there.

    boards_test.py BUILD_DIRECTORY [unittest arguments]
"""
import itertools
import json
import subprocess
import sys
import unittest

from exposition import ROOT, listed, named_in, names
from recorded import LE, NODES, ORCHESTRATORS, STEP_S, grows, labelled, steady
from rules import RECORDS, play, with_file

FOLDER = ROOT / "deploy/grafana"
BOARDS = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
CHOSEN = {"$region": "eu|us", "$node": "n1|n2"}  # of a board's variables
AT = "2h"


def panels():
    for name, board in BOARDS.items():
        for panel in board["panels"]:
            yield name, panel


def queries():
    """All of all boards, by where they are."""
    for name, panel in panels():
        for target in panel["targets"]:
            expr = target["expr"]
            for variable, value in CHOSEN.items():
                expr = expr.replace(variable, value)
            yield f"{name}, {panel['title']}, {target['legendFormat']}", expr


def targets(name):
    if name.startswith("spillway_orchestrator_"):
        return [{"job": "spillway-orchestrator", "instance": which} for which in ORCHESTRATORS]
    return [{"job": "spillway-node", "instance": which, "node": which, "region": region}
            for which, region in NODES.items()]


def series(name, kind, labels):
    """As both programs would tell it: (series, values)."""
    regions = sorted(set(NODES.values()))
    choices = {"region": regions, "from_region": regions, "to_region": regions,
               "version": ["1.0"]} | {
        label: values for label, values in labels.items() if values}
    choices = {label: choices[label] for label in labels}
    for target, values in itertools.product(targets(name), itertools.product(*choices.values())):
        own = {**target, **dict(zip(choices, values))}
        if kind == "histogram":
            yield from ((f"{name}_bucket{labelled({**own, 'le': le})}", grows(i + 1))
                        for i, le in enumerate(LE))
            yield f"{name}_count{labelled(own)}", grows(len(LE))
        else:
            yield name + labelled(own), (grows if kind == "counter" else steady)(1)


def everything():
    """Of every metric of the reference, with each value of its labels."""
    yield from (pair for metric in listed() for pair in series(*metric))
    yield from (("up" + labelled(target), steady(1))
                for name in ("spillway_orchestrator_up", "spillway_node_up")
                for target in targets(name))


class Boards(unittest.TestCase):
    def test_files_are_what_the_source_says(self):
        subprocess.run([FOLDER / "boards", "--check"], check=True)
        self.assertEqual(set(BOARDS), {"fleet", "region", "node", "failover", "capacity"})

    def test_form(self):
        self.assertEqual(len({board["uid"] for board in BOARDS.values()}), len(BOARDS))
        for name, board in BOARDS.items():
            taken = set()
            self.assertEqual(len({panel["id"] for panel in board["panels"]}), len(board["panels"]))
            for panel in board["panels"]:
                at = panel["gridPos"]
                cells = {(x, y) for x in range(at["x"], at["x"] + at["w"])
                         for y in range(at["y"], at["y"] + at["h"])}
                with self.subTest(board=name, panel=panel["title"]):
                    self.assertFalse(cells & taken)
                    self.assertLessEqual(at["x"] + at["w"], 24)
                    self.assertTrue(panel["title"] and panel["targets"])
                taken |= cells

    def test_variables_are_the_boards_own(self):
        for name, board in BOARDS.items():
            own = {f"${variable['name']}" for variable in board["templating"]["list"]}
            text = json.dumps(board["panels"])
            for variable in CHOSEN:
                self.assertTrue(variable in own or variable not in text, f"{name}: {variable}")

    def test_metrics_exist(self):
        for where, expr in queries():
            self.assertLessEqual(named_in(expr), names() | RECORDS | {"up", "ALERTS"}, where)

    def test_prometheus_takes_the_queries(self):
        rules = [{"record": f"query:{i}", "expr": expr, "labels": {"of": where}}
                 for i, (where, expr) in enumerate(queries())]
        result = with_file({"groups": [{"name": "boards", "rules": rules}]}, "check", "rules")
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_queries_answer(self):
        """A label that nothing has, or a pair that does not match, would leave a panel empty."""
        result = play({
            "interval": f"{STEP_S}s",
            "input_series": [{"series": key, "values": values} for key, values in everything()],
            "promql_expr_test": [
                {"expr": f"count({expr}) > bool 0", "eval_time": AT,
                 "exp_samples": [{"labels": "{}", "value": 1}]} for _, expr in queries()]})
        self.assertEqual(result.returncode, 0, result.stdout)


if __name__ == "__main__":
    sys.argv.pop(1)
    unittest.main()
