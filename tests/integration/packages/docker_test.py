# SPDX-License-Identifier: Apache-2.0
"""deploy/docker, as far as that goes without docker: what is copied is there and gets into the
context, what settings are given exist, and the programs take them and meet.

    docker_test.py BUILD_DIRECTORY [unittest arguments]
"""
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml
from cluster import NODE, ORCHESTRATOR, SPILLCTL, Program, free_ports, http, wait

ROOT = Path(__file__).resolve().parents[3]
HERE = ROOT / "deploy/docker"
DOCKERFILE = (HERE / "Dockerfile").read_text().replace("\\\n", " ")
VARIABLES = {"API_SECRET": "0123456789abcdef", "ADDRESS": "127.0.0.1"}
PROGRAMS = {"orchestrator": (ORCHESTRATOR, ROOT / "orchestrator/orchestrator.yaml"),
            "node": (NODE, ROOT / "media-node/node.yaml")}
INSTRUCTIONS = {"FROM", "WORKDIR", "COPY", "RUN", "USER", "EXPOSE", "ENTRYPOINT", "CMD"}


def compose():
    """compose.yaml with its variables filled in."""
    return yaml.safe_load(re.sub(r"\$\{(\w+):\?[^}]*\}", lambda found: VARIABLES[found[1]],
                                 (HERE / "compose.yaml").read_text()))


def variables(settings, prefix):
    """Of every setting of a program's YAML file that explains all of them."""
    for key, value in settings.items():
        name = f"{prefix}_{key.upper()}"
        yield from variables(value, name) if isinstance(value, dict) and key != "keys" else [name]


class Image(unittest.TestCase):
    def setUp(self):
        self.lines = [line.split(maxsplit=1) for line in DOCKERFILE.splitlines()
                      if line.strip() and not line.startswith("#")]

    def test_instructions(self):
        self.assertLessEqual({word for word, _ in self.lines}, INSTRUCTIONS)
        stages = [re.fullmatch(r"(\S+) AS (\S+)", rest).groups()
                  for word, rest in self.lines if word == "FROM"]
        names = [name for _, name in stages]
        self.assertEqual(names, ["build", "base", "orchestrator", "node", "spillctl",
                                 "drain-next"])
        for source, _ in stages:
            self.assertTrue(source == "debian:bookworm-slim" or source in names, source)
        users = [rest for word, rest in self.lines if word == "USER"]
        self.assertEqual(users, ["spillway-orchestrator", "spillway-node", "nobody", "nobody"])

    def test_ports_that_the_kernel_gives_to_nobody(self):
        """Media ports of each container, and as the packages come, of 16 workers."""
        for name in ("node-1", "node-2"):
            service = compose()["services"][name]
            first, last = service["sysctls"]["net.ipv4.ip_local_reserved_ports"].split("-")
            for ports in service["ports"]:
                low, high = ports.split(":")[0].split("-")
                self.assertTrue(int(first) <= int(low) <= int(high) <= int(last), ports)
        media = yaml.safe_load((ROOT / "media-node/node.yaml").read_text())["media"]
        last = media["port_base"] + 16 * media["ports"] - 1
        self.assertIn(f"\nnet.ipv4.ip_local_reserved_ports = {media['port_base']}-{last}\n",
                      (ROOT / "deploy/systemd/60-spillway-node.conf").read_text())

    def copied(self):
        return {path for word, rest in self.lines if word == "COPY" and "--from" not in rest
                for path in rest.split()[:-1]}

    def test_copies(self):
        """Each path is there, and what .dockerignore lets through is what is copied."""
        copied = self.copied()
        for path in copied:
            self.assertTrue((ROOT / path).exists(), path)
        ignore = (HERE / "Dockerfile.dockerignore").read_text().split("\n")
        let_in = {line[1:] for line in ignore if line.startswith("!")}
        self.assertEqual(let_in, {path.split("/")[0] for path in copied})
        for command in re.findall(r"RUN (deploy/\S+)", DOCKERFILE):
            self.assertTrue(os.access(ROOT / command, os.X_OK), command)

    def test_packages_need_no_more(self):
        """deploy/package in a tree of what is copied alone: all is there that is built, and all
        that is installed."""
        with tempfile.TemporaryDirectory(prefix="spillway-image-") as scratch:
            tree, build = Path(scratch, "tree"), Path(scratch, "build")
            for path in self.copied():
                (tree / path).parent.mkdir(parents=True, exist_ok=True)
                if (ROOT / path).is_dir():
                    shutil.copytree(ROOT / path, tree / path, dirs_exist_ok=True,
                                    ignore=shutil.ignore_patterns("node_modules", "dist"))
                else:
                    shutil.copy(ROOT / path, tree / path)
            for command in (["cmake", "-S", tree, "-B", build, "-G", "Ninja",
                             "-DCMAKE_INSTALL_PREFIX=/usr", "-DSPILLWAY_TESTS=OFF"],
                            ["ninja", "-C", build, "-n"]):
                done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      text=True)
                self.assertEqual(done.returncode, 0, done.stdout[-2000:])
            scripts = "".join(path.read_text() for path in build.rglob("cmake_install.cmake"))
            installed = set(re.findall(rf'"({tree}/[^"]+)"', scripts))
            self.assertIn(str(tree / "docs/operations.md"), installed)
            for path in installed:
                self.assertTrue(Path(path).exists(), path)


class Compose(unittest.TestCase):
    def setUp(self):
        self.services = compose()["services"]
        self.dir = Path(tempfile.mkdtemp(prefix="spillway-docker-"))
        self.addCleanup(shutil.rmtree, self.dir)

    def ours(self):
        return {name: service for name, service in self.services.items()
                if service.get("build", {}).get("target") in PROGRAMS}

    def test_services(self):
        self.assertEqual(list(self.services), ["redis", "keys", "orchestrator", "node-1", "node-2"])
        volumes = set(compose()["volumes"])
        for name, service in self.services.items():
            if "build" in service:
                self.assertIn(f" AS {service['build']['target']}\n", DOCKERFILE)
                self.assertTrue((HERE / service["build"]["context"] /
                                 service["build"]["dockerfile"]).exists())
            self.assertLessEqual(set(service.get("depends_on", {})), set(self.services))
            for volume in service.get("volumes", []):
                source = volume.split(":")[0]
                self.assertTrue(source in volumes or (HERE / source).exists(), (name, volume))

    def test_settings_exist(self):
        for name, service in self.ours().items():
            program, explained = PROGRAMS[service["build"]["target"]]
            prefix = program.name.upper().replace("-", "_")
            known = set(variables(yaml.safe_load(explained.read_text()), prefix))
            self.assertLessEqual(set(service["environment"]), known, name)

    def test_nodes_publish_what_they_advertise(self):
        for name in ("node-1", "node-2"):
            service = self.services[name]
            first = int(service["environment"]["SPILLWAY_NODE_MEDIA_PORT_BASE"])
            ports = f"{first}-{first + 3}"
            self.assertEqual(service["ports"], [f"{ports}:{ports}/{kind}" for kind in
                                                ("udp", "tcp")])

    def test_they_meet(self):
        """The programs with these settings, but for the addresses of containers."""
        for name in ("orchestrator", "node"):
            (self.dir / name).mkdir()
        for _ in range(2):  # the second time nothing is to be made
            subprocess.run([HERE / "make-keys", self.dir], check=True, capture_output=True, env={
                **os.environ, "PATH": f"{SPILLCTL.parent}:{os.environ['PATH']}"})
        first = free_ports(14)
        ports = {port: first + i for i, port in enumerate((7880, 7881, 7882, 7883, 6379, 7890))}
        started = []
        for name, service in self.ours().items():
            role = service["build"]["target"]
            environment = {key: self.translated(value, role, ports)
                           for key, value in service["environment"].items()}
            more = {"orchestrator": {"LISTEN_PORT": ports[7880], "PEER_LISTEN": "tcp://127.0.0.1:*",
                                     "REDIS_PORT": ports[6379]},
                    "node": {"MEDIA_PORT_BASE": first + 6 + 4 * len(started[1:]),
                             "PROBES_PORT": 0}}[role]
            prefix = f"SPILLWAY_{role.upper()}_"
            environment |= {prefix + key: str(value) for key, value in more.items()}
            program = Program(name, ["env", *(f"{k}={v}" for k, v in environment.items()),
                                     PROGRAMS[role][0]], self.dir / f"{name}.log").start()
            started.append(program)
            self.addCleanup(program.stop)
        wait("they are ready", lambda: all(program.running for program in started) and http(
            f"http://127.0.0.1:{ports[7880]}/readyz")[0] == 200)
        for node in started[1:]:
            wait(node.name, lambda node=node: node.log_lines("registered"))

    def translated(self, value, role, ports):
        value = re.sub("/keys/", f"{self.dir}/{role}/", value)
        value = re.sub(r"//orchestrator:", "//127.0.0.1:", value).replace("0.0.0.0", "127.0.0.1")
        value = "127.0.0.1" if value == "redis" else value
        return re.sub(r":(788\d)\b", lambda found: f":{ports[int(found[1])]}", value)


if __name__ == "__main__":
    unittest.main()
