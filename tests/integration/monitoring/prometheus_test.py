# SPDX-License-Identifier: Apache-2.0
"""A Prometheus with the configuration of deploy/prometheus watches three orchestrators and two
nodes; one of the nodes is killed.

    prometheus_test.py BUILD_DIRECTORY [unittest arguments]
"""
import json
import shutil
import tempfile
import unittest
import urllib.parse
from pathlib import Path

from boards_test import queries
from cluster import HOST, Program, free_ports, http, wait
from exposition import ROOT
from orchestrators_test import COUNT, Three

REGIONS = {"node-1": "eu", "node-2": "us"}
RULES_S = 20  # for rules that use rules to have been evaluated


class Prometheus(Program):
    """Asks once a second, whom the files of its targets say."""

    def __init__(self, cluster):
        self.dir = Path(tempfile.mkdtemp(prefix="spillway-prometheus-"))
        port = free_ports(1)
        self.url = f"http://{HOST}:{port}"
        shutil.copytree(ROOT / "deploy/prometheus", self.dir / "etc")
        config = self.dir / "etc/prometheus.yml"
        config.write_text(config.read_text().replace("interval: 10s", "interval: 1s"))
        self.write("orchestrators", [{"labels": {"region": "eu"}, "targets": [
            self.address(each) for each in cluster.orchestrators]}])
        self.write("nodes", [{"labels": {"region": REGIONS[each.name], "node": each.name},
                              "targets": [self.address(each)]} for each in cluster.nodes])
        super().__init__("prometheus", [
            "prometheus", "--config.file", config, "--storage.tsdb.path", self.dir / "data",
            "--web.listen-address", f"{HOST}:{port}", "--log.level", "warn"],
            self.dir / "log")

    @staticmethod
    def address(program):
        return program.url.removeprefix("http://")

    def write(self, name, targets):
        (self.dir / f"etc/targets/{name}.yml").write_text(json.dumps(targets))

    def get(self, path, **arguments):
        status, text = http(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(arguments)}")
        answer = json.loads(text) if status in (200, 400, 422) else {"status": status}
        assert answer["status"] == "success", f"{arguments}: {answer}"
        return answer["data"]

    def ask(self, expr):
        """[(labels, value)]"""
        return [(each["metric"], float(each["value"][1]))
                for each in self.get("query", query=expr)["result"]]

    def close(self):
        self.stop()
        shutil.rmtree(self.dir)


def give_regions(cluster):
    regions = REGIONS | {each.name: "eu" for each in cluster.orchestrators}
    for name, region in regions.items():
        settings = json.loads((cluster.dir / f"{name}.yaml").read_text())
        cluster.write(name, settings | {"region": region})


class Watched(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Three()
        cls.addClassCleanup(cls.cluster.close)
        give_regions(cls.cluster)
        cls.cluster.start()
        cls.prometheus = Prometheus(cls.cluster).start()
        cls.addClassCleanup(cls.prometheus.close)
        wait("it asks everybody", lambda: http(f"{cls.prometheus.url}/-/ready")[0] == 200
             and len(cls.prometheus.ask("up == 1")) == 5)

    def firing(self):
        return {labels["alertname"] for labels, _ in
                self.prometheus.ask('ALERTS{alertstate="firing"}')}

    def test_1_rules_say_what_is(self):
        ready = 'region_state:spillway_nodes:max{state="ready"}'
        wait("rules of rules", lambda: self.prometheus.ask("region:spillway_headroom:ratio"),
             within_s=RULES_S)
        self.assertEqual({labels["region"]: value for labels, value in self.prometheus.ask(ready)},
                         {"eu": 1, "us": 1})
        self.assertEqual([value for _, value in self.prometheus.ask(
            'sum by (region) (spillway_node_state{state="ready"})')], [1, 1])
        self.assertEqual(self.firing(), set())

    def test_2_every_rule_and_query_is_answered(self):
        for group in self.prometheus.get("rules")["groups"]:
            for rule in group["rules"]:
                self.assertEqual((rule["health"], rule.get("lastError", "")), ("ok", ""),
                                 rule["name"])
        for _, expr in queries():
            self.prometheus.get("query", query=expr)

    def test_3_a_node_dies(self):
        self.cluster.nodes[1].kill()
        wait("it fires", lambda: "SpillwayNodeDead" in self.firing(), within_s=RULES_S)
        detected = 'spillway_orchestrator_node_detection_seconds_count{cause="link_lost"} == 1'
        wait("all have found it", lambda: len(self.prometheus.ask(detected)) == COUNT)
        gone = 'region_state:spillway_nodes:max{region="us",state="gone"} == 1'
        wait("its region has one less", lambda: self.prometheus.ask(gone))


if __name__ == "__main__":
    unittest.main()
