# SPDX-License-Identifier: Apache-2.0
"""Addresses of a node: IPv6, both families, several of one, another one outside than inside. Each
candidate that a client gets is tried over UDP and TCP, and answers must come from where it asked.

    addresses_test.py BUILD_DIRECTORY [unittest arguments]   (in a network namespace of its own)
"""
import ipaddress
import json
import os
import re
import select
import socket
import subprocess
import threading
import time
import unittest

import ice
from cluster import MEDIA_PORTS, SOON_S, Cluster
from participant import UFRAG, Participant

V4, OTHER_V4, EXTERNAL = "198.51.100.1", "198.51.100.2", "203.0.113.9"
V6, OTHER_V6 = "2001:db8::1", "2001:db8::2"


def client_hello():
    """Of DTLS 1.2, and one that is taken (RFC 6347 §4.2, RFC 5764): to be refused would be the end
    of the participant, and what is sent behind it might come too late."""
    extensions = bytes.fromhex("000a 0004 0002 0017"  # a group: P-256
                               "000b 0002 01 00"
                               "000d 0004 0002 0403"  # signatures: ECDSA with SHA-256
                               "000e 0005 0002 0007 00"  # SRTP: AEAD_AES_128_GCM
                               "0017 0000")
    body = (bytes.fromhex("fefd" + 32 * "5a" + "00 00 0002 c02b 01 00") +
            len(extensions).to_bytes(2) + extensions)
    size = len(body).to_bytes(3)
    message = b"\1" + size + bytes(5) + size + body
    return bytes.fromhex("16feff 0000000000000000") + len(message).to_bytes(2) + message


HELLO = client_hello()


def setUpModule():
    for ip in (V4, OTHER_V4, EXTERNAL):
        subprocess.run(["ip", "addr", "add", f"{ip}/32", "dev", "lo"], check=True)
    for ip in (V6, OTHER_V6):
        subprocess.run(["ip", "addr", "add", f"{ip}/128", "dev", "lo", "nodad"], check=True)


def open_socket(ip, protocol="udp"):
    family = socket.AF_INET6 if ipaddress.ip_address(ip).version == 6 else socket.AF_INET
    s = socket.socket(family, socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM)
    s.settimeout(SOON_S)
    return s


class Nat:
    """One to one: what comes to the outer address over UDP goes to the inner one, and back."""

    def __init__(self, outer, inner, ports):
        self.inner, self.clients = inner, {}  # socket: (outer socket, the client's address)
        self.outer = []
        for port in ports:
            s = open_socket(outer)
            s.bind((outer, port))
            self.outer.append(s)
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.ended.is_set():
            readable, _, _ = select.select(self.outer + list(self.clients), [], [], 0.05)
            for s in readable:
                data, source = s.recvfrom(65535)
                if s in self.outer:
                    self.to_node(s, source).sendto(data, (self.inner, s.getsockname()[1]))
                else:
                    outer, client = self.clients[s]
                    outer.sendto(data, client)

    def to_node(self, outer, client):
        for s, known in self.clients.items():
            if known == (outer, client):
                return s
        s = open_socket(self.inner)
        self.clients[s] = (outer, client)
        return s

    def close(self):
        self.ended.set()
        self.thread.join()
        for s in self.outer + list(self.clients):
            s.close()


class Addresses(unittest.TestCase):
    def start(self, *options, **media):
        """A participant of a room on a node with these settings."""
        self.cluster = Cluster(nodes=1)
        self.addCleanup(self.cluster.close)
        node = self.cluster.nodes[0]
        file = self.cluster.dir / f"{node.name}.yaml"
        settings = json.loads(file.read_text())
        settings["media"].update(media)
        file.write_text(json.dumps(settings))
        node.command += options
        self.cluster.start()
        p = Participant(self.cluster.orchestrator, "room", "anna")
        self.addCleanup(p.close)
        return p

    def candidates(self, p):
        """{(ip, protocol): port}, in the order of their priority"""
        found = re.findall(r"a=candidate:\S+ 1 (\S+) (\d+) (\S+) (\d+) typ", p.answer)
        found.sort(key=lambda each: -int(each[1]))
        return {(ip, protocol.lower()): int(port) for protocol, _, ip, port in found}

    def check(self, p, ip, protocol, port):
        s = open_socket(ip, protocol)
        self.addCleanup(s.close)
        s.connect((ip, port))  # and so hears no other address
        p.check(s)

    def all_answer(self, p, *ips):
        candidates = self.candidates(p)
        self.assertEqual(list(candidates), [(ip, protocol) for protocol in ("udp", "tcp")
                                            for ip in ips])
        for (ip, protocol), port in candidates.items():
            with self.subTest(ip=ip, protocol=protocol):
                self.check(p, ip, protocol, port)

    def test_ipv6(self):
        self.all_answer(self.start(ip=V6), V6)

    def test_both_families(self):
        self.all_answer(self.start(ip=V6, more_ips=[V4]), V6, V4)

    def test_every_address(self):
        """Those that are advertised have to be named."""
        self.all_answer(self.start(ip="0.0.0.0", more_ips=["::"], advertise=[V4, V6]), V4, V6)

    def test_several(self):
        ips = (V4, OTHER_V4, V6, OTHER_V6)
        self.all_answer(self.start(ip=V4, more_ips=ips[1:]), *ips)

    def test_from_where_it_came(self):
        """A client tries two addresses from one socket, as browsers do, and uses the second: checks
        are answered by the one that was asked, anything else comes from the one in use."""
        for ips in ((V4, OTHER_V4), (V6, OTHER_V6)):
            with self.subTest(ips=ips):
                p = self.start(ip=ips[0], more_ips=[ips[1]])
                ports = self.candidates(p)
                first, second = [(ip, ports[ip, "udp"]) for ip in ips]
                s = open_socket(ips[0])
                s.bind((ips[0], 0))  # else each destination would have a source of its own
                self.addCleanup(s.close)
                self.check(p, ips[0], "udp", first[1])  # the node knows of the participant
                kept = []
                for at in (first, second, first, second, first):
                    self.assertEqual(self.asked(p, s, at, kept), at)
                s.sendto(HELLO, second)
                self.assertEqual(self.asked(p, s, first, kept), first)
                self.assertEqual(self.dtls(s, second, kept), second)

    def asked(self, p, s, at, kept):
        """Where the answer to a check comes from. What comes before it is kept."""
        ufrag, pwd = ice.credentials(p.answer)
        transaction = os.urandom(12)
        s.sendto(ice.request(transaction, f"{ufrag}:{UFRAG}", pwd), at)
        while True:
            data, source = s.recvfrom(65535)
            if ice.is_answer(data, transaction, pwd):
                return source[:2]
            kept.append((data, source))

    def dtls(self, s, at, kept):
        """Where the first DTLS packet comes from; asked again, as clients do, for the orchestrator
        may not know of the participant's DTLS yet. The node may ask whether he is there before."""
        deadline = time.monotonic() + SOON_S
        s.settimeout(0.5)
        while not any(data[0] in range(20, 64) for data, _ in kept):
            try:
                kept.append(s.recvfrom(65535))
            except TimeoutError:
                self.assertLess(time.monotonic(), deadline)
                s.sendto(HELLO, at)
        return next(source[:2] for data, source in kept if data[0] in range(20, 64))

    def test_external(self):
        """Behind a one-to-one NAT."""
        p = self.start("--external-ip", EXTERNAL, ip=V4)
        candidates = self.candidates(p)
        self.assertEqual({ip for ip, _ in candidates}, {EXTERNAL})
        first = self.cluster.nodes[0].ports[0]
        nat = Nat(EXTERNAL, V4, range(first, first + MEDIA_PORTS))
        self.addCleanup(nat.close)
        self.check(p, EXTERNAL, "udp", candidates[EXTERNAL, "udp"])
        self.assertEqual(len(nat.clients), 1)

    def test_external_several(self):
        p = self.start("--external-ip", f"{EXTERNAL},{V6}", ip=V4, more_ips=[V6])
        self.assertEqual({ip for ip, _ in self.candidates(p)}, {EXTERNAL, V6})


if __name__ == "__main__":
    unittest.main()
