# SPDX-License-Identifier: Apache-2.0
"""Goal: the settings that come with the probe are right, and wrong ones are told by their key."""
import unittest
from pathlib import Path

import yaml
from probe.shell import settings

FILE = Path(__file__).parents[3] / "probe/probe.yaml"
LEAST = {"dir": "status", "api_key": "key", "api_secret": "secret",
         "servers": ["http://a:1"], "regions": [{"name": "eu"}]}


def parse(environment=None, **more):
    merged = {key: value for key, value in {**LEAST, **more}.items() if value != "absent"}
    return settings.parse(yaml.safe_dump(merged), environment or {})


class Settings(unittest.TestCase):
    def test_the_file_that_comes_along_says_every_default(self):
        given = yaml.safe_load(FILE.read_text())
        said = settings.parse(FILE.read_text(), {})
        self.assertEqual(set(given), set(settings._KEYS))
        self.assertEqual(set(given["limits"]), set(vars(said.limits)))
        plain = parse()
        for name in ("title", "interval", "timeout", "metrics_file", "limits"):
            self.assertEqual(getattr(said, name), getattr(plain, name), name)

    def test_servers_of_the_region_come_first(self):
        said = parse(regions=[{"name": "eu", "title": "Europe",
                               "servers": ["https://b/", "http://a:1"]}, {"name": "us"}])
        eu, us = said.regions
        self.assertEqual((eu.own, eu.servers, eu.title),
                         (["https://b", "http://a:1"], ["https://b", "http://a:1"], "Europe"))
        self.assertEqual((us.own, us.servers, us.title), ([], ["http://a:1"], "us"))

    def test_secrets_from_the_environment(self):
        said = parse({"SPILLWAY_PROBE_API_SECRET": "other"}, api_secret="absent")
        self.assertEqual(said.api_secret, "other")

    def test_wrong_ones(self):
        for more, key in (
                ({"api_secret": "absent"}, "api_secret: is needed"),
                ({"dir": "absent"}, "dir: is needed"),
                ({"nonsense": 1}, "nonsense: no such key"),
                ({"limits": {"nonsense": 1}}, "limits.nonsense: no such key"),
                ({"limits": {"join_ms": "fast"}}, "limits.join_ms: expected a number"),
                ({"limits": {"nodes_ready_percent": 101}}, "limits.nodes_ready_percent"),
                ({"interval": 60}, "interval: expected a duration"),
                ({"interval": "1s"}, "interval: expected a duration"),
                ({"timeout": "30s"}, "timeout: 2 calls have to fit"),
                ({"servers": ["ws://a"]}, "servers.0: expected http"),
                ({"servers": ["http://a/path"]}, "servers.0: expected http"),
                ({"servers": "http://a"}, "servers: expected a list"),
                ({"servers": []}, "regions.0.servers: needed"),
                ({"regions": []}, "regions: expected one or more"),
                ({"regions": [{"name": "eu"}, {"name": "eu"}]}, "regions: expected one or more"),
                ({"regions": [{"name": "EU"}]}, "regions.0.name: expected 1 to 32"),
                ({"regions": [{"title": "x"}]}, "regions.0.name: is needed"),
                ({"title": "x" * 201}, "title: expected a text"),
        ):
            with self.assertRaises(settings.Wrong, msg=more) as caught:
                parse(**more)
            self.assertIn(key, str(caught.exception))
        for text in ("{", "7", "- a", "[" * 5000, "a: b: c"):
            with self.assertRaises(settings.Wrong, msg=text):
                settings.parse(text, {})


if __name__ == "__main__":
    unittest.main()
