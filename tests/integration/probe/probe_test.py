# SPDX-License-Identifier: Apache-2.0
"""Goal: the probe's rounds in a cluster of two regions, whole and broken, are what its page says.

    probe_test.py BUILD_DIRECTORY [unittest arguments]
"""
import json
import os
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

from cluster import API_KEY, API_SECRET, HOST, Cluster, free_ports, wait

PROBE = Path(__file__).parents[3] / "probe/spillway-probe"
ROUND_S = 90
ENVIRONMENT = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}


class Rounds(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(nodes=3, regions=("eu", "us", "us"))
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.start()

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(dir=self.cluster.dir)
        self.addCleanup(scratch.cleanup)
        self.dir = Path(scratch.name)
        self.metrics = self.cluster.dir / "probe.prom"
        self.write_settings()

    def write_settings(self, **more):
        self.cluster.write("probe", {
            "title": "Status of the test", "dir": str(self.dir),
            "metrics_file": str(self.metrics), "timeout": "29s",
            "api_key": API_KEY, "api_secret": API_SECRET,
            "servers": [self.cluster.orchestrator.url],
            "regions": [{"name": "eu", "title": "Europe"}, {"name": "us", "title": "America"}],
            **more})

    def command(self, *more):
        return [PROBE, "--config", self.cluster.dir / "probe.yaml", *more]

    def run_probe(self, *more):
        return subprocess.run(self.command(*more), capture_output=True, text=True, timeout=ROUND_S,
                              env=ENVIRONMENT, check=False)

    def round(self):
        """What the page says after one."""
        done = self.run_probe("--once")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.said = done.stderr
        said = json.loads((self.dir / "status.json").read_text())
        return {region["name"]: region for region in said["regions"]}, said

    def check_good(self, region):
        self.assertEqual((region["state"], region["reason"]), ("operational", ""), self.said)
        for name in ("join_ms", "first_frame_ms", "round_trip_ms"):
            self.assertGreater(region[name], 0, name)

    def slow_machine(self):
        """On which no figure is too high."""
        self.write_settings(limits=dict.fromkeys(
            ("join_ms", "first_frame_ms", "round_trip_ms"), 60_000))

    def test_a_region_is_lost_and_comes_back(self):
        self.slow_machine()
        regions, _ = self.round()
        self.check_good(regions["eu"])
        self.check_good(regions["us"])
        self.assertEqual(regions["us"]["nodes"], [2, 2])
        self.assertEqual(self.cluster.rooms(), {}, "no room of the probe is left")
        page = (self.dir / "index.html").read_text()
        self.assertIn("All regions are operational", page)
        for name in [*(node.name for node in self.cluster.nodes), HOST, "spillway-probe-"]:
            self.assertNotIn(name, page, "nobody is named")
        self.assertIn('spillway_probe_state{region="eu",state="operational"} 1',
                      self.metrics.read_text())

        self.cluster.nodes[0].kill()
        regions, said = self.round()
        self.assertEqual(regions["eu"]["state"], "down", self.said)
        self.assertIn(regions["eu"]["code"], ("elsewhere", "media"))
        self.check_good(regions["us"])
        self.assertEqual([(each["region"], each["state"], each["end"])
                          for each in said["incidents"]], [("eu", "down", None)])
        self.assertIn("Europe is down", (self.dir / "index.html").read_text())

        self.cluster.nodes[0].start()
        self.cluster.wait_ready(*self.cluster.nodes)
        regions, said = self.round()
        self.check_good(regions["eu"])
        self.assertEqual(said["incidents"][0]["end"], regions["eu"]["since"])
        self.assertEqual(sum(row[1] for row in regions["eu"]["days"]), 3, "all rounds are kept")

    def test_the_whole_cluster_is_away(self):
        self.cluster.orchestrator.kill()
        regions, _ = self.round()
        for region in regions.values():
            self.assertEqual((region["state"], region["code"]), ("down", "unreachable"), self.said)
            self.assertEqual((region["orchestrators"], region["nodes"]), ([0, 1], None))
        self.assertIn("2 of 2 regions are down", (self.dir / "index.html").read_text())
        self.cluster.orchestrator.start()
        self.cluster.wait_ready(*self.cluster.nodes)

    def test_one_orchestrator_of_the_region_is_away(self):
        gone = f"http://{HOST}:{free_ports(1)}"
        self.write_settings(regions=[{"name": "eu", "servers": [
            gone, self.cluster.orchestrator.url]}])
        regions, _ = self.round()
        self.assertEqual(regions["eu"]["state"], "degraded", self.said)
        self.assertEqual(regions["eu"]["orchestrators"], [1, 2])
        self.assertIsNotNone(regions["eu"]["join_ms"], "the other one carried the call")

    def test_told_to_stop(self):
        """In the middle of a call, which is ended."""
        probe = subprocess.Popen(self.command(), stderr=subprocess.PIPE, text=True,
                                 env=ENVIRONMENT)
        self.addCleanup(probe.communicate)
        self.addCleanup(probe.kill)
        wait("it calls", self.cluster.rooms)
        probe.send_signal(signal.SIGTERM)
        self.assertEqual(probe.wait(ROUND_S), 0)
        self.assertEqual(self.cluster.rooms(), {})

    def test_what_it_does_not_start_with(self):
        self.write_settings(nonsense=1)
        done = self.run_probe()
        self.assertEqual(done.returncode, 2)
        self.assertIn("nonsense: no such key", done.stderr)
        self.write_settings(dir=str(self.dir / "nowhere"), servers=[f"http://{HOST}:1"])
        done = self.run_probe()
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("nowhere", done.stderr)


if __name__ == "__main__":
    unittest.main()
