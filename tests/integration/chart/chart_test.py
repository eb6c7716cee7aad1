# SPDX-License-Identifier: Apache-2.0
"""deploy/helm: what the chart renders is whole, keeps its promises, and has settings that the real
programs take; and wrong values are refused with words. Helm is the real one, as a Python package
(./install), without its command line.

    chart_test.py BUILD_DIRECTORY [unittest arguments]
"""
import json
import logging
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import yaml
from cluster import NODE, ORCHESTRATOR, SPILLCTL, merge

try:
    import helm_python as helm
except ImportError:
    print("skipped: Helm is not there (tests/integration/chart/install)")
    sys.exit(77)

ROOT = Path(__file__).resolve().parents[3]
CHART = ROOT / "deploy/helm/spillway"
PROMETHEUS = ROOT / "deploy/prometheus"
NAMESPACE = "meet"
VALUES = {path.stem.removesuffix("-values"): path for path in sorted(CHART.glob("ci/*.yaml"))}
PROGRAMS = {"orchestrator": ORCHESTRATOR, "node": NODE}
README = (CHART / "README.md").read_text().replace("\\\n", " ")
SECRETS = {"SPILLWAY_ORCHESTRATOR_CLUSTER_SECRET": "c" * 64,
           "SPILLWAY_ORCHESTRATOR_KEYS": "{meetings: %s}" % ("k" * 64),
           "SPILLWAY_ORCHESTRATOR_REDIS_PASSWORD": "r" * 64}
TURN = {"SPILLWAY_ORCHESTRATOR_TURN_SECRET": "t" * 64}
FIELDS = {"metadata.name": None, "status.podIP": "127.0.0.1"}
ERROR = 3  # severity of a finding
helm.enable_logging(logging.WARNING)  # not that it follows symbolic links
LOADED = helm.Chart.load(CHART)


def values(name, *sets):
    """A file's, with more as after --set."""
    out = yaml.safe_load(VALUES[name].read_text()) if name else {}
    for text in sets:
        merge(out, helm.parse_set_string(text))
    return out


def render(given):
    """Path of each template -> text. HelmError: what is wrong."""
    LOADED.validate_schema(given)
    return LOADED.render(given, name="spillway", namespace=NAMESPACE)


class Rendered:
    """What the chart makes of a file of values."""

    def __init__(self, name, *sets):
        files = render(values(name, *sets))
        self.notes = files.pop("spillway/templates/NOTES.txt")
        self.objects = [thing for text in files.values() for thing in yaml.safe_load_all(text)
                        if thing]

    def all(self, kind):
        return {thing["metadata"]["name"]: thing for thing in self.objects
                if thing["kind"] == kind}

    def get(self, kind, name):
        return self.all(kind)[f"spillway-{name}"]

    def pod(self, role):
        return self.get("StatefulSet", role)["spec"]["template"]

    def container(self, role):
        return self.pod(role)["spec"]["containers"][0]

    def settings(self, role):
        return yaml.safe_load(self.get("ConfigMap", role)["data"][f"{role}.yaml"])

    def variables(self, role, index):
        """As a container gets them; $(X) is one that was named before (Kubernetes' own rule)."""
        container = self.container(role)
        out = {}
        if "envFrom" in container:
            out |= SECRETS | (TURN if "turn" in self.settings(role) else {})
        for entry in container["env"]:
            if "valueFrom" in entry:
                field = entry["valueFrom"]["fieldRef"]["fieldPath"]
                out[entry["name"]] = FIELDS[field] or f"spillway-{role}-{index}"
            else:
                out[entry["name"]] = re.sub(r"\$\((\w+)\)", lambda found: out[found[1]],
                                            entry["value"])
        return out

    def mounted(self, role):
        """Path below /keys -> key of the Secret."""
        volume = next(volume for volume in self.pod(role)["spec"]["volumes"]
                      if volume["name"] == "keys")
        return {item["path"]: item["key"] for item in volume["secret"]["items"]}


class Case(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.rendered = {name: Rendered(name) for name in VALUES}


class Form(Case):
    def test_lint(self):
        for name in VALUES:
            with self.subTest(name):
                report = helm.lint(CHART, values(name), strict=True)
                self.assertEqual([report["total_charts_linted"], *report["errors"]], [1])
                self.assertEqual([finding for finding in report["messages"]
                                  if finding["severity"] == ERROR], [])

    def test_defaults_are_in_order(self):
        """As they come only what nobody can guess is missing."""
        with self.assertRaises(helm.HelmError) as error:
            render({})
        self.assertIn("redis.host or redis.sentinels: several orchestrators need a Redis",
                      str(error.exception))

    def test_version(self):
        chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
        project = re.search(r"project\(spillway VERSION (\S+)",
                            (ROOT / "CMakeLists.txt").read_text())
        self.assertEqual(chart["appVersion"], project[1])

    def test_packaged_it_is_the_same(self):
        """Though what it has of deploy/prometheus and deploy/grafana are links in the tree."""
        with tempfile.TemporaryDirectory() as scratch:
            archive = helm.package(CHART, destination=scratch)
            with helm.Chart.load(archive) as packaged:
                self.assertEqual(
                    packaged.render(values("region"), name="spillway", namespace=NAMESPACE),
                    render(values("region")))

    def test_objects(self):
        base = {"ConfigMap": 2, "StatefulSet": 2, "PodDisruptionBudget": 2, "Service": 3,
                "NetworkPolicy": 1}
        more = {"one": {}, "cluster": {"Ingress": 1},
                "region": {"ServiceMonitor": 2, "PrometheusRule": 2, "ConfigMap": 2 + 5}}
        for name, rendered in self.rendered.items():
            counts = {}
            for thing in rendered.objects:
                counts[thing["kind"]] = counts.get(thing["kind"], 0) + 1
                self.assertEqual(thing["metadata"]["labels"]["app.kubernetes.io/instance"],
                                 "spillway")
            self.assertEqual(counts, {**base, **more[name]}, name)

    def test_whoever_selects_finds_pods(self):
        for rendered in self.rendered.values():
            for role in PROGRAMS:
                labels = rendered.pod(role)["metadata"]["labels"].items()
                chosen = rendered.get("StatefulSet", role)["spec"]["selector"]["matchLabels"]
                self.assertLessEqual(chosen.items(), labels)
                budget = rendered.get("PodDisruptionBudget", role)["spec"]
                self.assertEqual(budget, {"maxUnavailable": 1, "selector": {"matchLabels": chosen}})
            for service, role in (("orchestrator", "orchestrator"),
                                  ("orchestrators", "orchestrator"), ("nodes", "node")):
                chosen = rendered.get("Service", service)["spec"]["selector"]
                self.assertLessEqual(chosen.items(),
                                     rendered.pod(role)["metadata"]["labels"].items())
            policy = rendered.get("NetworkPolicy", "orchestrator")["spec"]
            self.assertLessEqual(policy["podSelector"]["matchLabels"].items(),
                                 rendered.pod("orchestrator")["metadata"]["labels"].items())


class Settings(Case):
    """Of the programs, as pods will have them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.dir = Path(tempfile.mkdtemp(prefix="spillway-chart-"))
        command = re.search(r"^spillctl (keys --out keys .*)$", README, re.MULTILINE)[1]
        subprocess.run([SPILLCTL, *command.split()], cwd=cls.dir, check=True, capture_output=True)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.dir)

    def check(self, rendered, role, index):
        """--check of the program with the pod's settings, keys and variables."""
        keys = self.dir / "mounted"
        for path, key in rendered.mounted(role).items():
            (keys / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.dir / "keys" / key, keys / path)
        file = self.dir / f"{role}.yaml"
        text = rendered.get("ConfigMap", role)["data"][f"{role}.yaml"]
        file.write_text(text.replace("/keys", str(keys)))
        variables = {name: value.replace("/keys", str(keys))
                     for name, value in rendered.variables(role, index).items()}
        shown = subprocess.run([PROGRAMS[role], "--config", file, "--show"], capture_output=True,
                               text=True, env=variables)
        self.assertEqual((shown.returncode, shown.stderr), (0, ""), text)
        for path in re.findall(rf"{keys}/\S+", shown.stdout):
            self.assertTrue(Path(path).exists(), f"{path} is not mounted")
        shutil.rmtree(keys)
        return {line.split()[0]: line.split(maxsplit=2)[1] for line in shown.stdout.splitlines()}

    def test_programs_take_them(self):
        for name, rendered in self.rendered.items():
            for role in PROGRAMS:
                for index in range(rendered.get("StatefulSet", role)["spec"]["replicas"]):
                    with self.subTest(name, role=role, index=index):
                        shown = self.check(rendered, role, index)
                        self.assertEqual(shown["name"], f"spillway-{role}-{index}")

    def test_the_grace_period_is_longer_than_the_drain(self):
        for name, rendered in self.rendered.items():
            for role in PROGRAMS:
                with self.subTest(name, role=role):
                    grace = rendered.settings(role)["drain_grace"]
                    self.assertEqual(rendered.pod(role)["spec"]["terminationGracePeriodSeconds"],
                                     int(grace.removesuffix("s")) + 30)

    def test_everybody_is_reached(self):
        """Endpoints are pods of the headless service, at ports that it and the pods have."""
        rendered = self.rendered["region"]
        service = rendered.get("Service", "orchestrators")["spec"]
        self.assertEqual((service["clusterIP"], service["publishNotReadyAddresses"]),
                         ("None", True))
        self.assertEqual(rendered.get("StatefulSet", "orchestrator")["spec"]["serviceName"],
                         "spillway-orchestrators")
        ports = {port["name"]: port["containerPort"]
                 for port in rendered.container("orchestrator")["ports"]}
        names = [f"spillway-orchestrator-{i}.spillway-orchestrators.{NAMESPACE}.svc"
                 for i in range(2)]

        def endpoints(port):
            self.assertIn({"name": port, "port": ports[port], "targetPort": port},
                          service["ports"])
            return [f"tcp://{name}:{ports[port]}" for name in [*names, "10.1.0.2"]]

        peers = rendered.settings("orchestrator")["peers"]
        self.assertEqual([peer["endpoint"] for peer in peers], endpoints("peers"))
        links = rendered.settings("node")["orchestrators"]
        self.assertEqual([link["control"] for link in links], endpoints("control"))
        self.assertEqual([link["tunnel"] for link in links], endpoints("tunnel"))

    def test_secret_keys_go_to_their_own(self):
        secret = [path for path in self.rendered["cluster"].mounted("node")
                  if path.endswith(".key")]
        self.assertEqual(secret, ["node.key"])
        self.assertNotIn("node.key", self.rendered["cluster"].mounted("orchestrator"))

    def test_commands_of_the_readme_make_both_secrets(self):
        made = {path.name for path in (self.dir / "keys").iterdir()}
        for role in PROGRAMS:
            self.assertLessEqual(set(self.rendered["cluster"].mounted(role).values()), made)
        values = yaml.safe_load((CHART / "values.yaml").read_text())["secrets"]
        for name in values.values():
            self.assertIn(f"create secret generic {name} ", README)
        literals = set(re.findall(r"--from-literal=(\w+)=", README))
        self.assertLessEqual(literals, set(SECRETS))

    def test_the_readme_installs_what_can_be_rendered(self):
        command = re.search(r"^helm -n meet install (.*)$", README, re.MULTILINE)[1]
        words = shlex.split(command)
        self.assertEqual(words[:2], ["spillway", str(CHART.relative_to(ROOT))])
        self.assertEqual(set(words[2::2]), {"--set"})
        Rendered(None, *words[3::2])

    def test_notes_name_what_is_to_be_done(self):
        for name, words in (("cluster", ("spillway-secrets", "spillway-keys", "node",
                                         "spillway-orchestrator-2", "wss://meet.example.com")),
                            ("region", ("5 media nodes in us", "LoadBalancer"))):
            for word in words:
                self.assertIn(word, self.rendered[name].notes)


class Pods(Case):
    def test_none_is_more_than_it_needs(self):
        dockerfile = (ROOT / "deploy/docker/Dockerfile").read_text()
        for rendered in self.rendered.values():
            for role in PROGRAMS:
                pod, container = rendered.pod(role)["spec"], rendered.container(role)
                user = re.search(rf"--uid (\d+) spillway-{role}", dockerfile)[1]
                self.assertEqual(pod["securityContext"], {
                    "runAsNonRoot": True, "runAsUser": int(user), "runAsGroup": int(user),
                    "fsGroup": int(user), "seccompProfile": {"type": "RuntimeDefault"}})
                self.assertEqual(container["securityContext"], {
                    "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]}})
                self.assertFalse(pod["automountServiceAccountToken"])
                # Else a service's variables, SPILLWAY_NODE_..., were taken for settings.
                self.assertFalse(pod["enableServiceLinks"])

    def test_images(self):
        tag = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
        self.assertEqual(self.rendered["one"].container("node")["image"], f"spillway-node:{tag}")
        self.assertEqual(self.rendered["region"].container("orchestrator")["image"],
                         f"registry.example.com/meet/spillway-orchestrator:{tag}")
        self.assertEqual(self.rendered["region"].pod("node")["spec"]["imagePullSecrets"],
                         [{"name": "registry"}])

    def test_an_upgrade_may_begin_with_the_nodes(self):
        first = Rendered("cluster", "image.tag=0.2.0", "orchestrator.tag=0.1.0")
        for role, tag in (("node", "0.2.0"), ("orchestrator", "0.1.0")):
            self.assertEqual(first.container(role)["image"].partition(":")[2], tag)

    def test_each_settles_before_the_next(self):
        """Ready comes with the first that it meets, docs/operations/upgrade.md wants all."""
        for role in PROGRAMS:
            spec = self.rendered["cluster"].get("StatefulSet", role)["spec"]
            self.assertEqual(spec["minReadySeconds"], 10)

    def test_an_autoscaler_finds_the_nodes(self):
        scaled, = yaml.safe_load_all((ROOT / "deploy/autoscaling/keda.yaml").read_text())
        target = scaled["spec"]["scaleTargetRef"]
        self.assertIn(target["name"],
                      self.rendered["cluster"].all(target.get("kind", "Deployment")))
        down = scaled["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
        policy, = down["policies"]
        self.assertEqual((policy["type"], policy["value"]), ("Pods", 1))
        self.assertGreaterEqual(down["stabilizationWindowSeconds"], policy["periodSeconds"])
        first = Rendered("cluster", "node.autoscaled=true", "node.replicas=4")
        self.assertEqual(first.get("StatefulSet", "node")["spec"]["replicas"], 4)

    def test_orchestrators_spread(self):
        for name, wanted in (("cluster", "ScheduleAnyway"), ("region", "DoNotSchedule")):
            spread, = self.rendered[name].pod("orchestrator")["spec"]["topologySpreadConstraints"]
            self.assertEqual(spread["topologyKey"], "topology.kubernetes.io/zone")
            self.assertEqual((spread["whenUnsatisfiable"], spread["maxSkew"]), (wanted, 1))

    def test_media_nodes(self):
        for name, base, count in (("cluster", 50000, 4), ("region", 40000, 16)):
            template = self.rendered[name].pod("node")
            pod = template["spec"]
            self.assertEqual((pod["hostNetwork"], pod["dnsPolicy"]),
                             (True, "ClusterFirstWithHostNet"))
            apart, = pod["affinity"]["podAntiAffinity"][
                "requiredDuringSchedulingIgnoredDuringExecution"]
            self.assertEqual(apart["topologyKey"], "kubernetes.io/hostname")
            self.assertEqual(template["metadata"]["annotations"][
                "cluster-autoscaler.kubernetes.io/safe-to-evict"], "false")
            ports = self.rendered[name].container("node")["ports"]
            for protocol in ("UDP", "TCP"):
                self.assertEqual([port["containerPort"] for port in ports
                                  if port.get("protocol") == protocol],
                                 list(range(base, base + count)))

    def test_probes(self):
        """At the ports that are served; without monitoring a node answers on loopback alone."""
        for name, host in (("cluster", "127.0.0.1"), ("region", None)):
            for role in PROGRAMS:
                container = self.rendered[name].container(role)
                ports = {port["name"] for port in container["ports"]}
                for probe, path in (("readinessProbe", "/readyz"), ("livenessProbe", "/livez")):
                    get = container[probe]["httpGet"]
                    self.assertEqual(get["path"], path)
                    self.assertIn(get["port"], ports)
                    self.assertEqual(get.get("host"), host if role == "node" else None)
            listens = any(entry["name"] == "SPILLWAY_NODE_PROBES_LISTEN"
                          for entry in self.rendered[name].container("node")["env"])
            self.assertEqual(listens, host is None)

    def test_settings_that_change_roll_the_pods(self):
        changed = Rendered("cluster", "node.settings.capacity=7000")
        for role, same in (("orchestrator", True), ("node", False)):
            before, after = (rendered.pod(role)["metadata"]["annotations"]["checksum/settings"]
                             for rendered in (self.rendered["cluster"], changed))
            self.assertEqual(before == after, same)

    def test_network_policy(self):
        def rules(name):
            policy = self.rendered[name].get("NetworkPolicy", "orchestrator")["spec"]["ingress"]
            return {tuple(port["port"] for port in rule["ports"]): rule.get("from")
                    for rule in policy}
        self.assertIsNone(rules("cluster")[("http",)])
        region = rules("region")
        self.assertEqual(list(region), [("http",), ("control", "tunnel"), ("peers",)])
        self.assertEqual(region[("control", "tunnel")], [
            {"ipBlock": {"cidr": "192.0.2.0/24"}}, {"ipBlock": {"cidr": "198.51.100.0/24"}}])
        own, other = region[("peers",)]
        self.assertIn("podSelector", own)
        self.assertEqual(other, {"ipBlock": {"cidr": "10.1.0.2/32"}})
        off = Rendered("cluster", "networkPolicy.enabled=false")
        self.assertEqual(off.all("NetworkPolicy"), {})


class Monitoring(Case):
    def setUp(self):
        self.region = self.rendered["region"]

    def test_rules_are_those_of_deploy(self):
        for name in ("rules", "alerts"):
            text = (PROMETHEUS / f"{name}.yml").read_text()
            text = text.replace("https://docs.example.com/spillway", "https://docs.example.org")
            self.assertEqual(self.region.get("PrometheusRule", name)["spec"], yaml.safe_load(text))
        self.assertIn("https://docs.example.org", text)

    def test_promtool_takes_them(self):
        for name, rule in self.region.all("PrometheusRule").items():
            with self.subTest(name), tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
                yaml.safe_dump(rule["spec"], file)
                file.flush()
                done = subprocess.run(["promtool", "check", "rules", file.name],
                                      capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_boards_are_those_of_deploy(self):
        boards = {key: json.loads(text) for thing in self.region.all("ConfigMap").values()
                  if thing["metadata"]["labels"].get("grafana_dashboard")
                  for key, text in thing["data"].items()}
        self.assertEqual(boards, {path.name: json.loads(path.read_text())
                                  for path in (ROOT / "deploy/grafana").glob("*.json")})

    def test_targets_are_called_as_alerts_expect(self):
        """Jobs and labels as in deploy/prometheus; each worker of a node is one."""
        config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"]
        self.assertEqual({job["job_name"]: job.get("honor_labels", False) for job in config}, {
            next(rule["replacement"] for rule in endpoint["relabelings"]
                 if rule["targetLabel"] == "job"): endpoint.get("honorLabels", False)
            for monitor in self.region.all("ServiceMonitor").values()
            for endpoint in monitor["spec"]["endpoints"]})
        endpoints = self.region.get("ServiceMonitor", "node")["spec"]["endpoints"]
        nodes = [next(rule["replacement"] for rule in endpoint["relabelings"]
                      if rule["targetLabel"] == "node") for endpoint in endpoints]
        self.assertEqual(nodes, [f"${{1}}-{worker}" for worker in range(1, 5)])
        for role, service in (("orchestrator", "orchestrator"), ("node", "nodes")):
            monitor = self.region.get("ServiceMonitor", role)
            self.assertEqual(monitor["metadata"]["labels"]["release"], "prometheus")
            thing = self.region.get("Service", service)
            self.assertLessEqual(monitor["spec"]["selector"]["matchLabels"].items(),
                                 thing["metadata"]["labels"].items())
            ports = {port["name"] for port in thing["spec"]["ports"]}
            self.assertLessEqual({endpoint["port"] for endpoint in monitor["spec"]["endpoints"]},
                                 ports)


class Refused(Case):
    """Each with what is wrong, and where."""

    def refused(self, name, text, *words):
        with self.subTest(text), self.assertRaises(helm.HelmError) as error:
            render(values(name, text))
        for word in words:
            self.assertIn(word, str(error.exception))

    def test_schema(self):
        for text, *words in (
                ("orchestrator.replicas=9", "replicas", "8"),
                ("orchestrator.replicas=many", "replicas", "integer"),
                ("orchestrator.replica=3", "orchestrator", "replica"),
                ("region=EU", "region"),
                ("redis.port=0", "port"),
                ("secrets.keys=", "keys"),
                ("image.pullPolicy=Sometimes", "pullPolicy"),
                ("orchestrator.spread=Never", "spread"),
                ("node.settings.media.ports=17", "ports", "16"),
                ("node.settings.medai.ports=4", "settings", "medai"),
                ("node.settings.orchestrators[0].key=x", "settings", "orchestrators"),
                ("orchestrator.settings.rooms.empty_timeout=5 minutes", "empty_timeout"),
                ("orchestrator.settings.cluster_secret=hush", "settings", "cluster_secret"),
                ("orchestrator.settings.log.level=loud", "level"),
                ("remote[0].peer=10.0.0.1", "remote"),
                ("networkPolicy.nodes[0]=10.0.0.1", "nodes"),
                ("monitoring.runbooks=docs", "runbooks")):
            self.refused("cluster", text, *words)

    def test_what_no_schema_can_say(self):
        for name, text, words in (
                ("one", "orchestrator.replicas=2", "several orchestrators need a Redis"),
                ("cluster", "redis.sentinels[0]=a:1", "a host or sentinels, not both"),
                ("region", "redis.master=", "sentinels and master go together"),
                ("region", "orchestrator.replicas=8", "more than 8 orchestrators in all"),
                ("cluster", "ingress.host=", "ingress.host")):
            self.refused(name, text, words)


if __name__ == "__main__":
    unittest.main()
