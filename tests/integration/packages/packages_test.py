# SPDX-License-Identifier: Apache-2.0
"""The Debian packages: what lintian and systemd-analyze say of them, that they install, start,
upgrade and go, and every command of docs/operations/install.md, on three hosts.

    packages_test.py PACKAGE_BUILD_DIRECTORY [unittest arguments]

As root, in a network namespace of its own (unshare --net). Hosts are namespaces with an overlay
over this machine's files: what packages depend on must be installed here.
"""
import contextlib
import json
import re
import secrets
import shutil
import stat
import subprocess
import tempfile
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hosts
import sandbox
from cluster import BUILD, http, wait
from hosts import Host, Server
from participant import Closed, Participant

ROOT = Path(__file__).resolve().parents[3]
UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))
PAGE = ROOT / "docs/operations/install.md"
DEBS = sorted((BUILD / "packages").glob("*.deb"))
EXPOSURE_MAX = 3.0
STAYS_S = 2
NEXT = "0.1.0+next"
NEXT_DEBS = []

# What lintian says and stays so, with why.
LINT_KNOWN = {
    "no-manual-page": "--help of each service is its manual",
    "non-standard-file-perm": "settings hold secrets",
}


def run(*words):
    done = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, f"{words}: {done.stdout}"
    return done.stdout


def setUpModule():
    directory = Path(tempfile.mkdtemp(prefix="spillway-packages-"))
    unittest.addModuleCleanup(shutil.rmtree, directory)
    NEXT_DEBS.extend(next_version(deb, directory) for deb in DEBS)
    hosts.open_network()
    unittest.addModuleCleanup(hosts.close_network)


def next_version(deb, directory):
    """The same package as a later version."""
    tree = directory / deb.stem
    run("dpkg-deb", "-R", deb, tree)
    control = tree / "DEBIAN/control"
    text, count = re.subn(r"(?m)^Version: .*$", f"Version: {NEXT}", control.read_text())
    assert count == 1
    control.write_text(text)
    new = directory / re.sub("_[^_]*_", f"_{NEXT}_", deb.name)
    run("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", tree, new)
    return new


class Units(unittest.TestCase):
    """The unit files as they are in the source tree."""

    def test_exposure(self):
        self.assertEqual(len(UNITS), 3)
        for unit in UNITS:
            said = run("systemd-analyze", "security", "--offline=yes", unit)
            level = float(re.search(r"Overall exposure level for \S+: ([\d.]+)", said)[1])
            self.assertLessEqual(level, EXPOSURE_MAX, said)

    def test_stop_drains(self):
        """The time to stop is longer than the default drain_grace, and one process gets one
        SIGTERM: a second one would end it at once."""
        for path, settings in zip(UNITS, ("media-node/node.yaml",
                                          "orchestrator/orchestrator.yaml")):
            unit = sandbox.read_unit(path)
            grace = re.search(r"(?m)^drain_grace: (\d+)s$", (ROOT / settings).read_text())
            stop = re.fullmatch(r"(\d+)s", sandbox.last(unit, "TimeoutStopSec"))
            self.assertGreaterEqual(int(stop[1]), int(grace[1]) + 15, path)
            self.assertEqual(sandbox.last(unit, "KillMode"), "mixed")
            self.assertEqual(sandbox.last(unit, "KillSignal"), "SIGTERM")


class Files(unittest.TestCase):
    def test_lintian(self):
        said = subprocess.run(["lintian", "--allow-root", "--no-cfg", *DEBS], check=False,
                              capture_output=True, text=True)
        found = re.findall(r"(?m)^(\w): (\S+): (\S+)", said.stdout)
        self.assertFalse([tag for kind, _, tag in found if kind == "E"], said.stdout)
        self.assertLessEqual({tag for _, _, tag in found}, set(LINT_KNOWN), said.stdout)
        self.assertNotIn(("spillway-cli", "no-manual-page"),
                         {(package, tag) for _, package, tag in found})
        self.assertEqual(said.returncode, 0, said.stderr)

    def test_dependencies(self):
        self.assertEqual([deb.name.split("_")[0] for deb in DEBS],
                         [f"spillway-{name}"
                          for name in ("cli", "node", "orchestrator", "probe")])
        needs = [run("dpkg-deb", "-f", deb, "Depends") for deb in DEBS]
        for words, library in zip(needs, ("libcurl4", "libssl3", "libwebsockets17")):
            self.assertIn(library, words)
        for words in needs:  # no linker knows of what it loads
            self.assertEqual("libwebsockets17" in words, "libwebsockets-evlib-uv" in words)
        self.assertIn("python3-aiortc", needs[3])

    def test_contents(self):
        listed = {line.split()[5]: line.split()[:2]
                  for deb in DEBS for line in run("dpkg-deb", "-c", deb).splitlines()}
        for path, mode in (("./usr/bin/spillway-orchestrator", "-rwxr-xr-x"),
                           ("./usr/bin/spillway-node", "-rwxr-xr-x"),
                           ("./usr/bin/spillctl", "-rwxr-xr-x"),
                           ("./usr/share/man/man1/spillctl.1.gz", "-rw-r--r--"),
                           ("./usr/share/man/man1/spillctl-drain.1.gz", "-rw-r--r--"),
                           ("./usr/share/bash-completion/completions/spillctl", "-rw-r--r--"),
                           ("./usr/share/zsh/vendor-completions/_spillctl", "-rw-r--r--"),
                           ("./usr/share/fish/vendor_completions.d/spillctl.fish", "-rw-r--r--"),
                           ("./etc/spillway/orchestrator.yaml", "-rw-r-----"),
                           ("./etc/spillway/node.yaml", "-rw-r-----"),
                           ("./etc/spillway/probe.yaml", "-rw-r-----"),
                           ("./usr/share/spillway/probe/spillway-probe", "-rwxr-xr-x"),
                           ("./usr/share/spillway/probe/page/status.css", "-rw-r--r--"),
                           ("./etc/spillway/keys/", "drwxr-xr-x"),
                           ("./etc/spillway/keys/nodes/", "drwxr-xr-x"),
                           ("./usr/lib/systemd/system/spillway-node.service", "-rw-r--r--"),
                           ("./usr/lib/sysctl.d/60-spillway-node.conf", "-rw-r--r--"),
                           ("./usr/share/doc/spillway-node/operations/install.md", "-rw-r--r--")):
            self.assertEqual(listed.get(path), [mode, "root/root"], path)


class OneHost(unittest.TestCase):
    """As the packages come: one machine, on loopback."""

    def setUp(self):
        self.host = Host(1, DEBS + NEXT_DEBS)
        self.addCleanup(self.host.close)
        self.host.run("dpkg -i spillway-*_0.1.0_*.deb")

    def start(self):
        self.host.run("cp /etc/spillway/keys/node.pub /etc/spillway/keys/nodes/node.pub\n"
                      "systemctl enable --now spillway-orchestrator spillway-node")
        self.wait_ready()

    def wait_ready(self):
        for name, port in (("spillway-orchestrator", 7880), ("spillway-node", 7890)):
            with self.host.network(), self.telling(name):
                wait(name, lambda port=port: http(f"http://127.0.0.1:{port}/readyz")[0] == 200)

    @contextlib.contextmanager
    def telling(self, name):
        try:
            yield
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.host.log(name)}") from None

    def test_settings(self):
        """As it is installed, with the settings that come with it, and with workers."""
        self.check_installed()
        self.check_default_settings()
        self.check_workers()

    def test_versions(self):
        self.start()
        self.check_upgrade()
        self.check_remove_and_purge()

    def check_installed(self):
        """Nothing runs; a program's secrets are its own."""
        for program in ("orchestrator", "node"):
            name = f"spillway-{program}"
            self.assertEqual(self.host.run(f"systemctl is-active {name}", check=False), 3)
            self.assertNotEqual(self.host.run(f"systemctl is-enabled {name}", check=False), 0)
            self.assertEqual(self.host.run(f"stat -c '%a %U %G' /etc/spillway/{program}.yaml "
                                           f"/etc/spillway/keys/{program}.key").splitlines(),
                             [f"640 root {name}"] * 2)
            self.host.run(f"systemd-analyze verify --man=no {name}.service")
            self.host.run(f"dpkg --verify {name}")
        for command, status in (("cat /etc/spillway/keys/node.key", 0),
                                ("cat /etc/spillway/keys/orchestrator.key", 1),
                                ("cat /etc/spillway/orchestrator.yaml", 1),
                                ("touch /etc/spillway/x", 1), ("touch /run/x", 1),
                                ("touch /tmp/x", 0), ("ls /root", 0), ("ls /proc/1", 2),
                                ("unshare --user true", 1)):
            self.assertEqual(self.host.run(f"systemctl run spillway-node {command}", check=False),
                             status, command)

    def check_default_settings(self):
        """They start, somebody joins, and a stop is a clean end."""
        self.start()
        with self.host.network():
            person = Participant(Server("127.0.0.1"), "first", "anna")
            person.connect()
            person.connect("tcp")
            person.ping()
            person.close()
        for name in ("spillway-node", "spillway-orchestrator"):
            pid = self.host.main_pid(name)
            status = self.host.run(f"grep -E '^(NoNewPrivs|Seccomp|CapEff|Uid):' "
                                   f"/proc/{pid}/status").split()
            uid = self.host.run(f"id -u {name}").strip()
            self.assertEqual(status, ["Uid:", uid, uid, uid, uid, "CapEff:", "0" * 16,
                                      "NoNewPrivs:", "1", "Seccomp:", "2"])
            self.host.run(f"systemctl stop {name}")
            self.assertEqual(self.host.how_ended(pid), 0, self.host.log(name))

    def check_workers(self):
        """A stop is one SIGTERM for all workers: who has somebody and no place for him elsewhere
        takes its drain_grace. A second one would end it at once."""
        self.host.run("sed -i 's/^workers: 1/workers: 2/; s/^drain_grace: 60s/drain_grace: 3s/; "
                      "s/^region: .*/region: local/' /etc/spillway/node.yaml")
        self.start()
        self.check_probe()
        wait("the second takes no rooms", lambda: self.host.run(
            "spillctl cordon host-1-2", check=False, SPILLWAY_API_KEY="devkey",
            SPILLWAY_API_SECRET="secret") == 0)
        with self.host.network():
            person = Participant(Server("127.0.0.1"), "first", "anna")
            person.connect()
        began = time.monotonic()
        self.host.run("systemctl stop spillway-node")
        self.assertGreaterEqual(time.monotonic() - began, 3, self.host.log("spillway-node"))
        for worker in ("host-1-1", "host-1-2"):
            self.assertRegex(self.host.log("spillway-node"), f"draining .*node={worker}\n")
        person.close()

    def check_probe(self):
        """A round of it, in its sandbox, with the settings that come with it."""
        self.host.run("systemctl run spillway-probe /usr/bin/spillway-probe "
                      "--config /etc/spillway/probe.yaml --once")
        said = json.loads(self.host.run("cat /var/lib/spillway-probe/status.json"))
        self.assertNotIn(None, [region["round_trip_ms"] for region in said["regions"]], said)

    def check_upgrade(self):
        """What runs is restarted as the new version, and settings that were changed stay."""
        self.host.run("echo '# mine' >>/etc/spillway/node.yaml")
        before = self.host.main_pid("spillway-node")
        key = self.host.run("cat /etc/spillway/keys/node.pub")
        self.host.run(f"apt-get install -y ./spillway-*_{NEXT}_*.deb")
        self.assertEqual(self.host.how_ended(before), 0)
        self.wait_ready()
        self.assertNotEqual(self.host.main_pid("spillway-node"), before)
        self.assertEqual(self.host.run("tail -1 /etc/spillway/node.yaml").strip(), "# mine")
        self.assertEqual(self.host.run("cat /etc/spillway/keys/node.pub"), key)
        self.assertEqual(self.host.run("stat -c '%a %G' /etc/spillway/node.yaml").strip(),
                         "640 spillway-node")
        self.assertIn(NEXT, self.host.run("dpkg-query -W -f '${Version}' spillway-node"))

    def check_remove_and_purge(self):
        before = self.host.main_pid("spillway-orchestrator")
        self.host.run("apt-get remove -y spillway-node spillway-orchestrator spillway-probe "
                      "spillway-cli")
        self.assertEqual(self.host.how_ended(before), 0)
        self.host.run("test -e /etc/spillway/node.yaml && test -e /etc/spillway/keys/node.key")
        self.host.run("apt-get purge -y spillway-node spillway-orchestrator spillway-probe "
                      "spillway-cli")
        left = self.host.run("find /etc /usr /lib /var/lib /var/cache -name '*spillway*' "
                             "-not -path '/var/lib/apt/*' -newer /srv/systemctl")
        self.assertEqual(left, "")
        self.host.run("id spillway-node")


class Image(unittest.TestCase):
    """What RUN of deploy/docker does, on a host."""

    def test_users_that_are_there_keep_their_numbers(self):
        dockerfile = (ROOT / "deploy/docker/Dockerfile").read_text().replace("\\\n", "")
        users = dict(re.findall(r"--uid (\d+) (spillway-\S+)", dockerfile))
        self.assertEqual(len(users), 2)
        with Host(1, DEBS) as host:
            host.run(re.search(r"^RUN (adduser .*)$", dockerfile, re.MULTILINE)[1])
            host.run("dpkg -i spillway-*.deb")
            for uid, name in users.items():
                self.assertEqual(host.run(f"id -u {name}").strip(), uid)
                self.assertEqual(host.run(f"stat -c %G /etc/{name.replace('-', '/')}.yaml").strip(),
                                 name)


def on_hosts(page):
    """[(where, commands)] of the page's blocks, whose first line says on which host."""
    blocks = re.findall(r"^```sh\n# (on .*?)\n(.*?)```$", page.read_text(), re.M | re.S)
    assert len(blocks) == page.read_text().count("```sh"), "each block says where it is run"
    return blocks


def connect_to_node(person):
    """To the address that the last candidates name."""
    person.host = re.findall(r"a=candidate:\S+ 1 udp \d+ (\S+) \d+ typ", person.answer, re.I)[-1]
    person.connect()


class Moves(threading.Thread):
    """Somebody who goes where he is sent to, until his WebSocket is closed."""

    def __init__(self, person):
        super().__init__()
        self.person, self.count = person, 0
        self.over = threading.Event()
        person.ws.s.settimeout(None)

    def run(self):
        stays = threading.Thread(target=self.stay)
        stays.start()
        try:
            while True:
                self.person.take_candidates()
                connect_to_node(self.person)
                self.count += 1
        except (Closed, OSError):
            pass
        self.over.set()
        stays.join()

    def stay(self):
        """Who says nothing for 15 s, to the room or to the node, is taken for gone."""
        while not self.over.wait(STAYS_S):
            with contextlib.suppress(OSError, AssertionError):  # of a node that it is moved from
                self.person.send_ping()
                self.person.check(self.person.connections[-1], STAYS_S)


class ThreeHosts(unittest.TestCase):
    """The page, from its first command to its last."""

    def setUp(self):
        self.hosts = []
        for number in (1, 2, 3):
            self.hosts.append(Host(number, DEBS + NEXT_DEBS))
            self.addCleanup(self.hosts[-1].close)
            self.hosts[-1].run(f"mkdir next && mv spillway-*_{NEXT}_*.deb next")
        self.secrets = {name: secrets.token_hex(32)
                        for name in ("CLUSTER_SECRET", "API_SECRET", "REDIS_PASSWORD")}
        self.blocks = on_hosts(PAGE)

    def follow(self, where):
        """The next block of the page, which must be one for there; what each host printed."""
        self.assertEqual(self.blocks[0][0], where)
        _, commands = self.blocks.pop(0)
        there = [host for host in self.hosts if host.name == where.removeprefix("on ")]
        def do(host):
            return host.run(commands, ADDRESS=host.address, **self.secrets)
        if not where.startswith("on one host after the other"):
            with ThreadPoolExecutor() as all_at_once:
                return list(all_at_once.map(do, there or self.hosts))
        printed = []
        for host in self.hosts:
            printed.append(do(host))
            self.wait_cluster()
        return printed

    def copy_public_keys(self):
        """By hand, as the page says."""
        for source in self.hosts:
            for name in (f"keys/{source.name}.pub", f"keys/nodes/{source.name}.pub"):
                text = source.run(f"cat /etc/spillway/{name}").strip()
                for host in self.hosts:
                    host.run(f"printf '%s\\n' '{text}' >/etc/spillway/{name}")

    def spillctl(self, words, host=None):
        return json.loads((host or self.hosts[0]).run(
            f"spillctl {words} -o json", SPILLWAY_SERVER="http://10.0.0.1:7880",
            SPILLWAY_API_KEY="meetings", SPILLWAY_API_SECRET=self.secrets["API_SECRET"]))

    def ready_nodes(self):
        return sorted(node["name"] for node in self.spillctl("get nodes")["nodes"]
                      if node["state"] == "ready")

    def wait_cluster(self):
        for host in self.hosts:
            wait(f"all orchestrators of {host.name}", lambda host=host: http(
                f"http://{host.address}:7880/readyz")[0] == 200)
            wait("it has met the others", lambda host=host: re.search(
                rb"(?m)^spillway_orchestrator_peers_up 2$",
                http(f"http://{host.address}:7880/metrics")[1]))
        names = [host.name for host in self.hosts]
        wait("all nodes", lambda: self.ready_nodes() == names)

    def test_page(self):
        self.follow("on every host")
        self.follow("on every host")
        self.copy_public_keys()
        self.follow("on host-1")
        self.follow("on every host")
        self.follow("on every host")
        self.wait_cluster()

        printed = self.follow("on host-1")[0]
        for host in self.hosts:
            self.assertIn(host.name, printed)
        token = json.loads(printed[printed.index("{"):])["token"]
        person = Participant(Server("10.0.0.2"), "first", "anna", token=token)
        connect_to_node(person)
        person.ping()
        moves = Moves(person)
        moves.start()

        for host in self.hosts:
            host.run("rm spillway-*.deb && mv next/* .")
        self.follow("on one host after the other")
        wait("the person was moved", lambda: moves.count > 0)
        person.close()
        moves.join()
        self.follow("on one host after the other, when all nodes are new")
        for host in self.hosts:
            versions = host.run("dpkg-query -W -f '${Version} ' 'spillway-*'").split()
            self.assertEqual(versions, [NEXT] * 3)

        leaving = self.hosts[2]
        pids = [leaving.main_pid(f"spillway-{program}") for program in ("node", "orchestrator")]
        self.follow("on host-3")
        self.assertEqual([leaving.how_ended(pid) for pid in pids], [0, 0])
        self.assertEqual(self.ready_nodes(), ["host-1", "host-2"])
        self.assertEqual(self.blocks, [])


if __name__ == "__main__":
    unittest.main()
