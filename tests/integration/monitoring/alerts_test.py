# SPDX-License-Identifier: Apache-2.0
"""The rules in deploy/prometheus: each alert on series recorded as Prometheus would, with what
makes it fire, the moments before and after, and everything else quiet.

    alerts_test.py BUILD_DIRECTORY [unittest arguments]
"""
import re
import sys
import unittest

from exposition import ROOT, named_in, names
from recorded import CASES, HEALTHY, STEP_S, STEPS
from rules import ALERTS, FILES, FOLDER, RECORDS, RULES, play, promtool

DOCS = "https://docs.example.com/spillway/"


def expected(name, labels):
    """As promtool compares it: with its annotations filled in."""
    rule = ALERTS[name]
    filled = {key: re.sub(r"{{ \$labels\.(\w+) }}", lambda match: labels[match[1]], text)
              for key, text in rule["annotations"].items()}
    return {"exp_labels": {**rule["labels"], **labels}, "exp_annotations": filled}


def checks(minutes, firing, beside=()):
    """That at this time just these fire."""
    return [{"eval_time": f"{int(minutes * 60)}s", "alertname": name,
             "exp_alerts": [expected(name, labels) for labels in firing.get(name, [])]}
            for name in ALERTS if name not in beside]


def story(name, changes, alert_checks, step_s=STEP_S):
    series = {**HEALTHY, **changes}
    return {"name": name, "interval": f"{step_s}s",
            "input_series": [{"series": key, "values": values} for key, values in series.items()
                             if values is not None],
            "alert_rule_test": alert_checks}


class Alerts(unittest.TestCase):
    def test_promtool_takes_the_files(self):
        for words in (("rules", *FILES), ("config", FOLDER / "prometheus.yml")):
            result = promtool("check", *words)
            self.assertEqual(result.returncode, 0, result.stdout)

    def test_metrics_exist(self):
        for rule in RULES:
            self.assertLessEqual(named_in(rule["expr"]), names() | RECORDS | {"up"})

    def test_each_has_a_page_that_knows_it(self):
        for name, rule in ALERTS.items():
            with self.subTest(name):
                url = rule["annotations"]["runbook_url"]
                self.assertTrue(url.startswith(DOCS))
                page, _, anchor = url.removeprefix(DOCS).partition("#")
                text = (ROOT / "docs" / page).read_text()
                self.assertIn(f"`{name}`", text)
                headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
                self.assertTrue(anchor == "" or anchor in [
                    re.sub(r"\W+", "-", heading.lower()) for heading in headings])

    def test_healthy(self):
        times = [0, 5, 30, STEPS * STEP_S / 60]
        result = play(story("healthy", {}, [c for at in times for c in checks(at, {})]))
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_each_fires(self):
        self.assertEqual({case.alert for case in CASES}, set(ALERTS))
        for case in CASES:
            with self.subTest(case.alert, why=case.why):
                firing = {case.alert: case.labels}
                result = play(story(case.why, case.changes,
                                    checks(case.quiet_at, {}, case.beside)
                                    + checks(case.fires_at, firing, case.beside), case.step_s),
                              case.step_s)
                self.assertEqual(result.returncode, 0, result.stdout)


if __name__ == "__main__":
    sys.argv.pop(1)
    unittest.main()
