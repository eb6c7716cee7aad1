# SPDX-License-Identifier: Apache-2.0
"""plan: from a file alone, to numbers that can be followed by hand, or to the place that is wrong.

    plan_test.py PATH_OF_SPILLCTL [unittest arguments]
"""
import json
import subprocess
import tempfile
import unittest
from pathlib import Path

from admin import FAILED, SPILLCTL, USAGE, Case

# Three continents, 9,000 people each at its own noon.
DAY = """time,region,people
00:00,ap,9000
00:00,eu,1000
00:00,us,2000
08:00,ap,2000
08:00,eu,9000
08:00,us,1000
16:00,ap,1000
16:00,eu,2000
16:00,us,9000
"""
PROMETHEUS = json.dumps({"status": "success", "data": {"resultType": "matrix", "result": [
    {"metric": {"region": "eu"}, "values": [[1796000400, "800"], [1796004000, "200"]]},
    {"metric": {"region": "us"}, "values": [[1796000400, "100"], [1796004000, "600"]]}]}})


class Plan(Case):
    def setUp(self):
        super().setUp()
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.file = Path(scratch.name) / "day"

    def plan(self, text, *arguments, **how):
        self.file.write_text(text)
        return self.run_it("plan", str(self.file), *arguments, server=False, **how)

    def test_peaks_apart_and_together(self):
        answer = json.loads(self.plan(DAY, "--per-node", "1000", "-o", "json").stdout)
        self.assertEqual({key: answer[key] for key in answer if key != "regions"}, {
            "method": "exact", "unit": "people", "peak": 12000, "peak_at": "00:00",
            "sum_of_peaks": 27000, "nodes": 27, "nodes_if_peaks_coincide": 41,
            "nodes_without_loss": 27})
        self.assertEqual(answer["regions"][1], {
            "name": "eu", "peak": 9000, "peak_at": "08:00", "nodes": 9,
            "nodes_if_peaks_coincide": 14, "nodes_without_loss": 9})
        half = json.loads(self.plan(DAY, "--per-node", "1000", "--target-percent", "50",
                                    "-o", "json").stdout)
        self.assertEqual(half["nodes"], 54)

    def test_a_table_and_words(self):
        done = self.plan(DAY, "--per-node", "1000")
        self.assertEqual([line.split() for line in done.stdout.splitlines()][:2], [
            ["REGION", "PEAK", "AT", "NODES", "IF_PEAKS_COINCIDE", "WITHOUT_LOSS"],
            ["ap", "9000", "00:00", "9", "14", "9"]])
        self.assertIn("survived by 27 nodes, which is the least", done.stderr)
        self.assertIn("at most 12000 people at one time (00:00), while peaks add up to 27000: "
                      "14 nodes fewer", done.stderr)

    def test_of_prometheus_and_standard_input(self):
        done = subprocess.run([SPILLCTL, "plan", "-", "--per-node=100", "-o", "json"],
                              input=PROMETHEUS, capture_output=True, text=True, timeout=30)
        answer = json.loads(done.stdout)
        self.assertEqual((answer["peak"], answer["peak_at"], answer["nodes"]),
                         (900, "2026-11-30T01:00:00Z", 18))  # either carries all 900

    def test_what_is_wrong_and_where(self):
        for text, says in (
                (DAY + "16:00,us,x\n", ':11: not a number of 0 to 1e12: "x"'),
                (DAY + "20:00,us,1\n", ":11: us has a value at 20:00, and ap has none"),
                ("time,region,people\n1,eu,1\n", ": one region alone"),
                ("", ": there are no values"),
                ("{", ":1: ")):
            with self.subTest(says):
                error = self.plan(text, "--per-node", "1", exit_code=FAILED).stderr
                self.assertIn(f"spillctl: {self.file}{says}", error)
        for path, why in (("/nowhere", "No such file or directory"), ("/", "Is a directory")):
            told = self.run_it("plan", path, "--per-node", "1", exit_code=FAILED).stderr
            self.assertEqual(told, f"spillctl: {path}: {why}\n")
        for arguments in ((), (str(self.file),), (str(self.file), "--per-node", "0"),
                          (str(self.file), "--per-node", "x"), ("a", "b", "--per-node", "1"),
                          (str(self.file), "--per-node", "1", "--target-percent", "101"),
                          (str(self.file), "--per-node", "1", "--target-percent", "0")):
            self.run_it("plan", *arguments, exit_code=USAGE)


if __name__ == "__main__":
    unittest.main()
