# SPDX-License-Identifier: Apache-2.0
"""Wrong settings stop the start of both programs with status 2 and name the place; what is wrong
with the machine (a key file, a port) stops it with status 1 and a log line.

    settings_test.py BUILD_DIRECTORY [unittest arguments]
"""
import os
import re
import socket
import subprocess
import unittest

from cluster import NODE, ORCHESTRATOR, STOP_S, Cluster, free_ports, is_free, occupy

PROGRAMS = (ORCHESTRATOR, NODE)
GOOD = {
    ORCHESTRATOR: """keys:
  devkey: secret
bus:
  secret_file: orchestrator.key
  nodes_dir: nodes
listen:
  port: 7000
log:
  level: info
""",
    NODE: """name: node-a
media:
  ip: 127.0.0.1
  port_base: 7000
curve:
  secret_file: node-a.key
orchestrators:
  - control: tcp://127.0.0.1:7001
    tunnel: tcp://127.0.0.1:7002
    key_file: orchestrator.pub
log:
  level: info
""",
}


def run(program, *arguments, env=None):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SPILLWAY_")}
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=STOP_S,
                          env={**environment, **(env or {})})


class Case(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(nodes=1)  # for its keys and settings; nothing is started
        self.addCleanup(self.cluster.close)
        self.file = self.cluster.dir / "settings.yaml"


class Settings(Case):
    def check(self, program, text, *arguments, **options):
        self.file.write_text(text)
        return run(program, "--config", self.file, "--check", *arguments, **options)

    def refused(self, program, text, *words, line=None, arguments=(), **options):
        done = self.check(program, text, *arguments, **options)
        what = (program.name, text, arguments, done.stdout, done.stderr)
        self.assertEqual(done.returncode, 2, what)
        self.assertEqual(done.stdout, "", what)
        self.assertEqual(len(done.stderr.splitlines()), 1, what)
        for word in words:
            self.assertIn(word, done.stderr, what)
        if line is not None:
            self.assertIn(f"{self.file}:{line}", done.stderr, what)

    def line_of(self, program, word):
        """Number of the line that begins with the word."""
        lines = GOOD[program].splitlines()
        return 1 + next(i for i, text in enumerate(lines) if text.lstrip().startswith(word))

    def test_show(self):
        """Every setting, with where it comes from; of secrets, nothing but that they are there."""
        marker = "hush" * 10
        for program, prefix, secrets in (
                (ORCHESTRATOR, "SPILLWAY_ORCHESTRATOR",
                 ("CLUSTER_SECRET", "REDIS_PASSWORD", "REDIS_SENTINEL_PASSWORD", "TURN_SECRET")),
                (NODE, "SPILLWAY_NODE", ())):
            self.file.write_text(GOOD[program].replace("devkey: secret", f"devkey: {marker}"))
            env = {f"{prefix}_{name}": marker for name in secrets}
            env |= {f"{prefix}_TURN_URLS": "[turn:a]"} if secrets else {}
            done = run(program, "--config", self.file, "--show", "--set", "log.format=json",
                       env=env)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            rows = {line.split()[0]: line.split(maxsplit=2)[1:] for line in
                    done.stdout.splitlines()}
            self.assertEqual(rows["log.level"], [
                "info", f"{self.file}:{self.line_of(program, 'level')}"])
            self.assertEqual(rows["log.format"], ["json", "command line"])
            self.assertEqual(rows["drain_grace"], ["1m", "default"])
            self.assertNotIn(marker, done.stdout)
            for name in secrets:
                self.assertIn(["***", f"{prefix}_{name}"], list(rows.values()))
        done = self.check(NODE, GOOD[NODE], "--show", "--set", "workers=0")
        self.assertEqual((done.returncode, done.stdout), (2, ""))

    def test_good(self):
        for program in PROGRAMS:
            done = self.check(program, GOOD[program])
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_timetable(self):
        entry = ("{days: [mon, sun], from: '22:00', to: '06:00', zone: Europe/Berlin, region: eu, "
                 "nodes: 12}")
        done = self.check(ORCHESTRATOR,
                          GOOD[ORCHESTRATOR] + "autoscaling: {timetable: [%s]}\n" % entry)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_shipped(self):
        for name, program in (("orchestrator/orchestrator.yaml", ORCHESTRATOR),
                              ("media-node/node.yaml", NODE)):
            with open(os.path.join(os.path.dirname(__file__), "../../..", name)) as shipped:
                done = self.check(program, shipped.read())
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_unknown_key(self):
        for program in PROGRAMS:
            text = GOOD[program] + "colour: red\n"
            self.refused(program, text, "colour", line=text.count("\n"))
            text = GOOD[program].replace("  level: info", "  levle: info")
            self.refused(program, text, "levle", line=self.line_of(program, "level"))

    def test_bad_value(self):
        for program, key, good, bad in (
                (ORCHESTRATOR, "port", "port: 7000", "port: 70000"),
                (ORCHESTRATOR, "port", "port: 7000", "port: many"),
                (ORCHESTRATOR, "level", "level: info", "level: loud"),
                (ORCHESTRATOR, "secret_file", "secret_file: orchestrator.key", "secret_file: [a]"),
                (NODE, "port_base", "port_base: 7000", "port_base: 0"),
                (NODE, "port_base", "port_base: 7000", "port_base: 7000s"),
                (NODE, "level", "level: info", "level: 3")):
            self.refused(program, GOOD[program].replace(good, bad), key,
                         line=self.line_of(program, key))

    def test_values_that_do_not_fit(self):
        """What no value shows by itself."""
        for program, text, word in (
                (ORCHESTRATOR, "webhooks: {urls: ['http://127.0.0.1/'], api_key: other}",
                 "webhooks.api_key"),
                (ORCHESTRATOR, "pages: {demo_api_key: other}", "pages.demo_api_key"),
                (ORCHESTRATOR, "autoscaling: {nodes_min: 3, nodes_max: 2}", "nodes_max"),
                *((ORCHESTRATOR, "autoscaling: {timetable: [%s]}" % entry, word)
                  for entry, word in (
                      ("{days: [mon], from: '08:00', to: '8:00'}", "timetable.0: from and to"),
                      ("{days: [mon], from: '24:00', to: '08:00'}", "timetable.0: from and to"),
                      ("{days: [mon], from: '08:00', to: '08:00'}", "are the same"),
                      ("{days: [monday], from: '08:00', to: '18:00'}", "timetable.0: days"),
                      ("{days: [], from: '08:00', to: '18:00'}", "'days' is missing"),
                      ("{days: [mon], from: '08:00', to: '18:00', zone: Europe/Berlino}", "zone"),
                      ("{days: [mon], from: '08:00', to: '18:00', zone: ../../etc/passwd}", "zone"),
                      ("{days: [mon], from: '08:00', to: '18:00', region: E_U}", "region"),
                      ("{days: [mon], from: '08:00', to: '18:00', nodes: 0}", "nodes"))),
                (ORCHESTRATOR, "turn: {secret: %s}" % (32 * "s"), "turn.urls"),
                (ORCHESTRATOR, "turn: {urls: ['turn:a']}", "turn.secret"),
                (ORCHESTRATOR, "turn: {urls: ['turn:a'], secret: short}", "turn.secret"),
                (ORCHESTRATOR, "turn: {urls: ['turn:a', 'stun:a'], secret: %s}" % (32 * "s"),
                 "turn.urls.1"),
                (ORCHESTRATOR, "turn: {credential_lifetime: 0s}", "credential_lifetime"),
                (ORCHESTRATOR, "listen: {tls_cert_file: a}", "tls_key_file"),
                (ORCHESTRATOR, "listen: {address: nowhere}", "listen.address"),
                (ORCHESTRATOR, "redis: {host: a, sentinels: ['b:1'], master: c}",
                 "redis.sentinels"),
                (ORCHESTRATOR, "redis: {sentinels: ['b:1']}", "redis.sentinels"),
                (ORCHESTRATOR, "redis: {master: c}", "redis.master"),
                (ORCHESTRATOR, "redis: {sentinels: ['b:1', 'b'], master: c}",
                 "redis.sentinels.1"),
                (ORCHESTRATOR, "redis: {sentinels: ['::1:70'], master: c}", "redis.sentinels.0"),
                (ORCHESTRATOR, "redis: {sentinels: ['[::1]:0'], master: c}", "redis.sentinels.0"),
                (ORCHESTRATOR, "redis: {host: a, username: b}", "redis.username"),
                (ORCHESTRATOR, "region: EU", "region"),
                (ORCHESTRATOR, "zone: 'a b'", "zone"),
                (ORCHESTRATOR, "placement: {join_percent: 70}", "placement.join_percent"),
                (ORCHESTRATOR, "region_distances: [{from: eu, to: us, ms: 80}, {from: eu, to: U}]",
                 "region_distances.1.to"),
                (ORCHESTRATOR, "region_distances: [{from: eu, ms: 80}]", "region_distances"),
                (NODE, "region: eu_west", "region"),
                (NODE, "zone: %s" % (33 * "a"), "zone"),
                (NODE, "probes: {listen: nowhere}", "probes.listen"),
                (NODE, "media: {ip: nowhere}", "media.ip"),
                (NODE, "media: {ip: '::'}", "media.advertise"),
                (NODE, "media: {ip: 127.0.0.1, more_ips: ['::']}", "media.advertise"),
                (NODE, "media: {ip: 127.0.0.1, more_ips: [nowhere]}", "media.more_ips"),
                (NODE, "media: {ip: 127.0.0.1, more_ips: [%s]}" % ", ".join(8 * ["127.0.0.1"]),
                 "media.more_ips"),
                (NODE, "media: {ip: 127.0.0.1, port_base: 65533}", "media.port_base")):
            key = text.split(":")[0]
            kept = re.sub(rf"^{key}:\n(  .*\n)*", "", GOOD[program], flags=re.MULTILINE)
            self.refused(program, kept + text, word, line=kept.count("\n") + 1)
        for program, good, bad, word in (
                (ORCHESTRATOR, "devkey: secret", "devkey: ''", "keys.devkey"),
                (NODE, "key_file: orchestrator.pub", "key: short", "orchestrators.0.key")):
            self.refused(program, GOOD[program].replace(good, bad), word,
                         line=self.line_of(program, good))

    def test_missing(self):
        for program, pattern, word in (
                (ORCHESTRATOR, r"keys:\n  .*\n", "keys"),
                (ORCHESTRATOR, r"  secret_file: .*\n", "bus.secret_file"),
                (ORCHESTRATOR, r"  nodes_dir: .*\n", "bus.nodes_dir"),
                (NODE, r"curve:\n  .*\n", "curve.secret_file"),
                (NODE, r"orchestrators:\n(  .*\n)*", "orchestrators"),
                (NODE, r"    tunnel: .*\n", "tunnel"),
                (NODE, r"    key_file: .*\n", "key")):
            text, count = re.subn(pattern, "", GOOD[program])
            self.assertEqual(count, 1)
            self.refused(program, text, word, str(self.file))

    def test_bad_yaml(self):
        for program in PROGRAMS:
            self.refused(program, "a: [1, 2\nb: 3\n", "YAML", line=2)
            self.refused(program, "\tname: x\n", "YAML", line=1)
            self.refused(program, "- a\n- b\n", line=1)
            self.refused(program, GOOD[program] + "log:\n  level: info\n", "log",
                         line=GOOD[program].count("\n") + 1)
            self.refused(program, "", "missing")

    def test_wrong_file(self):
        for program in PROGRAMS:
            for path in ("/nowhere/at/all.yaml", str(self.cluster.dir)):
                done = run(program, "--config", path)
                self.assertEqual(done.returncode, 2)
                self.assertIn(path, done.stderr)
            self.file.write_bytes(b"\x7fELF\0\1\2\3" * 100)
            done = run(program, "--config", self.file)
            self.assertEqual(done.returncode, 2)
            self.assertIn(f"{self.file}:1", done.stderr)

    def test_arguments(self):
        for program in PROGRAMS:
            for arguments, word in ((("--colour", "red"), "--colour"), (("red",), "red"),
                                    (("--config",), "--config"), (("--set",), "--set"),
                                    (("--set", "log.level"), "log.level"),
                                    (("--set", "colour=red"), "colour"),
                                    (("--set", "log.level=loud"), "log.level")):
                done = run(program, *arguments)
                self.assertEqual((done.returncode, done.stdout), (2, ""), arguments)
                self.assertIn(word, done.stderr)
            self.refused(program, GOOD[program], "log.level", "loud",
                         arguments=("--set", "log.level=loud"))
        self.refused(ORCHESTRATOR, GOOD[ORCHESTRATOR], "SPILLWAY_ORCHESTRATOR_LISTEN_PORT",
                     env={"SPILLWAY_ORCHESTRATOR_LISTEN_PORT": "x"})
        self.refused(NODE, GOOD[NODE], "SPILLWAY_NODE_WORKERS", env={"SPILLWAY_NODE_WORKERS": "0"})
        self.refused(NODE, GOOD[NODE], "command line", "media.advertise",
                     arguments=("--external-ip", "nowhere"))

    def test_help_and_version(self):
        for program in PROGRAMS:
            done = run(program, "--help")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            for option in ("--config", "--set", "--check", "--version", "--help"):
                self.assertIn(option, done.stdout)
            done = run(program, "--version")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertRegex(done.stdout, rf"^{program.name} \d+\.\d+\.\d+\n$")


class Machine(Case):
    """Settings are fine, the machine is not."""

    def fails(self, program, *words):
        program.start()
        program.wait_end(status=1)
        errors = [line for line in program.text().splitlines() if " error " in line]
        self.assertEqual(len(errors), 1, program.text())
        for word in words:
            self.assertIn(word, errors[0])

    def test_key_file(self):
        (self.cluster.dir / "keys/orchestrator.key").unlink()
        self.fails(self.cluster.orchestrator, "orchestrator.key", "No such file")
        (self.cluster.dir / "keys/nodes/node-1.key").write_text("no key\n")
        self.fails(self.cluster.nodes[0], "node-1.key")

    def test_public_key_of_the_orchestrator(self):
        (self.cluster.dir / "keys/orchestrator.pub").unlink()
        self.fails(self.cluster.nodes[0], "orchestrator.pub", "No such file")

    def test_nodes_dir(self):
        for file in (self.cluster.dir / "keys/nodes").iterdir():
            file.unlink()
        (self.cluster.dir / "keys/nodes").rmdir()
        self.fails(self.cluster.orchestrator, "keys/nodes", "No such file")

    def test_ports_in_use(self):
        orchestrator, node = self.cluster.orchestrator, self.cluster.nodes[0]
        for program, kind, port in (
                (orchestrator, socket.SOCK_STREAM, orchestrator.port),
                (orchestrator, socket.SOCK_STREAM, self.cluster.control),
                (orchestrator, socket.SOCK_STREAM, self.cluster.tunnel),
                (node, socket.SOCK_DGRAM, node.ports[1]),
                (node, socket.SOCK_STREAM, node.ports[2]),
                (node, socket.SOCK_STREAM, node.ports[-1] + 1)):  # its probes
            program.log.unlink(missing_ok=True)
            with occupy(port, kind):
                self.fails(program, str(port), "in use")
            self.assertTrue(is_free(port))

    def test_workers(self):
        """One of several workers that can't run stops them all."""
        node = self.cluster.nodes[0]
        first = free_ports(12)
        node.command += ["--workers", "2", "--set", f"media.port_base={first}",
                         "--set", f"probes.port={first + 8}"]
        with occupy(first + 5, socket.SOCK_DGRAM):
            self.fails(node, str(first + 5), "node-1-2")


if __name__ == "__main__":
    unittest.main()
