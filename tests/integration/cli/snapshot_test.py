# SPDX-License-Identifier: Apache-2.0
"""What people see of spillctl's commands is what was recorded in tests/data/spillctl; ages, which
grow, as "AGE". After a wanted change: SPILLWAY_WRITE=1, then read the difference.

    snapshot_test.py PATH_OF_SPILLCTL [unittest arguments]
"""
import os
import re
import subprocess
import unittest
from pathlib import Path
from unittest.mock import patch

from admin import FULL, ROOM, SPILLCTL, Case, Handler, node, node_answers
from events_test import EVENTS, answer

DATA = Path(__file__).parents[2] / "data/spillctl"
NODES = [{**node(name, f"ND_{i}", weight=weight, state=state, region=region), "hot": hot,
          "heat_ratio": weight / 1000, "gray": ""}
         for i, (name, weight, state, region, hot) in enumerate((
             ("frankfurt-1", 930, "ready", "eu", "weight"), ("paris-1", 12, "cordoned", "eu", ""),
             ("virginia-1", 500, "draining", "us", ""), ("virginia-2", 0, "gone", "us", "")))]
ROOMS = [{**ROOM, "name": "stand-up", "participants": 12, "publishers": 11, "weight": 264},
         {**ROOM, "name": "a room with a long name \u2713", "sid": "RM_2", "pinned_node": "paris-1",
          "node_name": "paris-1"}]
EXPLAINED = node_answers("node-a", "ND_1", hot="cpu", heat_ratio=0.93, gray="unreached")
ANSWERS = {"GET nodes": (200, {"nodes": NODES}), "GET rooms": (200, {"rooms": ROOMS}),
           "GET events?after=&wait_s=0": answer(EVENTS[1:4]), **EXPLAINED}
PLACES = {"": {**FULL, "nodes": [{**FULL["nodes"][0], "reason": "full",
                                  "text": "has no room for it: 995 of 1000"}]}}
COMMANDS = {
    "get_nodes": ("get", "nodes"), "get_nodes_wide": ("get", "nodes", "-o", "wide"),
    "get_nodes_yaml": ("get", "nodes", "-o", "yaml"),
    "get_nodes_json": ("get", "nodes", "-o", "json"),
    "get_rooms": ("get", "rooms"), "get_rooms_wide": ("get", "rooms", "-o", "wide"),
    "get_participants": ("get", "participants", "--room", "my room"),
    "describe_node": ("describe", "node", "node-a"),
    "describe_room": ("describe", "room", "my room"),
    "top": ("top",), "stats": ("stats", "eve", "--room", "my room"),
    "events": ("events",), "place_explain": ("place", "explain", "my room"),
    "explain_room": ("explain", "room", "my room"), "explain_node": ("explain", "node", "node-a"),
    "rollout_status": ("rollout", "status", "--to", "0.2.0"),
    "rollout_dry_run": ("rollout", "nodes", "--dry-run"),
    "drain_dry_run": ("drain", "node-a", "--dry-run"), "config_show": ("config", "show"),
    "cordon": ("cordon", "node-a"), "pin": ("pin", "my room", "--to", "node-b"),
    "rebalance_dry_run": ("rebalance", "--dry-run"), "help": ("help",),
    "help_drain": ("help", "drain"), "help_rollout": ("help", "rollout"),
}


def normal(text):
    text = re.sub(r"\b\d+[smhd]( *\n| {2,})", lambda found: "AGE" + found[1], text)
    text = re.sub(r"(AGE|SINCE) {2,}", r"\1  ", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "TIME                    ", text)
    return re.sub(r" +\n", "\n", text)


class Snapshots(Case):
    maxDiff = None

    def see(self, command):
        with patch.dict(Handler.answers, ANSWERS), patch.dict(Handler.places, PLACES):
            done = subprocess.run([SPILLCTL, *command, "--server", self.admin.url], text=True,
                                  capture_output=True, timeout=30, check=True,
                                  env={"PATH": os.environ["PATH"]})
        parts = [f"$ spillctl {' '.join(command)}", normal(done.stdout)]
        parts += ["stderr:", normal(done.stderr)] if done.stderr else []
        return "\n".join(parts)

    def test_as_recorded(self):
        DATA.mkdir(exist_ok=True)
        for name, command in COMMANDS.items():
            with self.subTest(name):
                seen, path = self.see(command), DATA / f"{name}.txt"
                if os.environ.get("SPILLWAY_WRITE") == "1":
                    path.write_text(seen, encoding="utf-8")
                self.assertEqual(seen, path.read_text(encoding="utf-8"))

    def test_nothing_else_is_recorded(self):
        self.assertEqual({path.stem for path in DATA.iterdir()}, set(COMMANDS))


if __name__ == "__main__":
    unittest.main()
