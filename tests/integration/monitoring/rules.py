# SPDX-License-Identifier: Apache-2.0
"""The rules in deploy/prometheus, and promtool's judgement of them."""
import json
import subprocess
import tempfile

import yaml
from exposition import ROOT
from recorded import STEP_S

FOLDER = ROOT / "deploy/prometheus"
FILES = [FOLDER / "rules.yml", FOLDER / "alerts.yml"]
RULES = [rule for file in FILES for group in yaml.safe_load(file.read_text())["groups"]
         for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDS = {rule["record"] for rule in RULES if "record" in rule}


def promtool(*words):
    return subprocess.run(["promtool", *map(str, words)], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)


def with_file(content, *words):
    """promtool about a file with this content; JSON is YAML."""
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        json.dump(content, file)
        file.flush()
        return promtool(*words, file.name)


def play(story, step_s=STEP_S):
    """A test in promtool's form, with all our rules."""
    return with_file({"rule_files": [str(file) for file in FILES],
                      "evaluation_interval": f"{step_s}s", "tests": [story]}, "test", "rules")
