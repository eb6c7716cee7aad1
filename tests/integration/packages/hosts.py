# SPDX-License-Identifier: Apache-2.0
"""Hosts to install on, each of namespaces on this machine (host_init.py), on one network."""
import contextlib
import ctypes
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
BRIDGE = "spillway0"
NETWORK = "10.0.0"
CLONE_NEWNET = 0x40000000
COMMAND_S = 60

libc = ctypes.CDLL(None, use_errno=True)


def ip(*words):
    subprocess.run(["ip", *map(str, words)], check=True)


def open_network():
    """This process must have a network namespace of its own: unshare --net."""
    ip("link", "set", "lo", "up")
    ip("link", "add", BRIDGE, "type", "bridge")
    ip("addr", "add", f"{NETWORK}.254/24", "dev", BRIDGE)
    ip("link", "set", BRIDGE, "up")


def close_network():
    ip("link", "del", BRIDGE)


class Host:
    """files: copied to /srv. A context manager; all that runs in it ends with it."""

    def __init__(self, number, files):
        self.name = f"host-{number}"
        self.address = f"{NETWORK}.{number}"
        self.scratch = tempfile.TemporaryDirectory(prefix="spillway-host-")
        tools = [HERE / name for name in ("systemctl", "sandbox.py")]
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--net", "--uts", "--ipc", "--pid", "--fork", "--kill-child",
             sys.executable, "-B", HERE / "host_init.py", self.scratch.name, self.name, *tools,
             *files], stdout=subprocess.PIPE, text=True)
        self.pid = self.process.stdout.readline().strip()
        assert self.pid, "the host does not start"
        self.connect_to_network(number)

    def connect_to_network(self, number):
        near = f"host{number}"
        ip("link", "add", near, "type", "veth", "peer", "name", "eth0", "netns", self.pid)
        ip("link", "set", near, "master", BRIDGE, "up")
        self.run(f"ip addr add {self.address}/24 dev eth0 && ip link set eth0 up")

    def run(self, command, check=True, **environment):
        """A shell's command in /srv as root; what it printed, or with check=False its status."""
        done = subprocess.run(
            ["nsenter", "-t", self.pid, "-m", "-u", "-i", "-n", "-p", "-r", "-w", "sh", "-euc",
             "cd /srv\n" + command],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8",
                 "DEBIAN_FRONTEND": "noninteractive", **environment},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=COMMAND_S, check=False)
        if not check:
            return done.returncode
        assert done.returncode == 0, f"{self.name}: {command}\n{done.stdout}"
        return done.stdout

    def log(self, unit):
        return self.run(f"cat /run/log/{unit}")

    def main_pid(self, unit):
        return self.run(f"cat /run/units/{unit} 2>/dev/null || true").strip()

    def how_ended(self, pid):
        """Exit status of a process that was a service's."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            status = self.run(f"cat /run/ended/{pid} 2>/dev/null || true").strip()
            if status:
                return int(status)
            time.sleep(0.02)
        raise AssertionError(f"{pid} has not ended")

    @contextlib.contextmanager
    def network(self):
        """What this thread connects to meanwhile is seen from the host."""
        with open("/proc/self/ns/net", "rb") as own, open(f"/proc/{self.pid}/ns/net", "rb") as its:
            assert libc.setns(its.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
            try:
                yield
            finally:
                assert libc.setns(own.fileno(), CLONE_NEWNET) == 0

    def close(self):
        self.process.kill()
        self.process.communicate()
        self.scratch.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Server:
    """Where participant.Participant connects to."""

    def __init__(self, address, port=7880):
        self.address, self.port = address, port
        self.url = f"http://{address}:{port}"

    def connect(self):
        s = socket.create_connection((self.address, self.port), timeout=20)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s
