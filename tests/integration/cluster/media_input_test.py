# SPDX-License-Identifier: Apache-2.0
"""Bad input at a node's UDP and TCP ports: dropped, counted by reason, never in the tunnel unless
its path authenticated; and a participant beside it is served as if nothing happened.

    media_input_test.py BUILD_DIRECTORY [unittest arguments]
"""
import os
import random
import signal
import socket
import struct
import time
import unittest

import ice
from cluster import HOST, SOON_S, Cluster, counted, metrics, wait
from participant import LEFT, UFRAG, Participant
from ws_client import ended

FLOOD = 100000
FLOOD_CHECKS = 50  # of the bystander meanwhile
DTLS_FLOOD = 20000
STRANGERS_MAX = 200  # TCP connections that have not authenticated
SILENT_S = 10        # after which such a one is closed
PATHS_MAX = 8        # of a participant
REPORT_S = 1.3       # until the node has told of its load
LAG_MAX_S = 0.25
ANSWER_MAX_S = 0.5

cluster = None
node = None
bystander = None
mutes = []  # TCP connections that say nothing


def setUpModule():
    global cluster, node, bystander
    cluster = Cluster(nodes=1).start()
    unittest.addModuleCleanup(cluster.close)
    node = cluster.nodes[0]
    bystander = Participant(cluster.orchestrator, "calm", "bystander")
    for protocol in ("udp", "tcp"):
        bystander.connect(protocol)
    bystander.ping()
    mutes.extend(tcp() for _ in range(5))


def tearDownModule():
    for s in mutes:
        s.close()
    bystander.close()


def udp(port=0):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((HOST, port or node.ports[0]))
    return s


def tcp(port=0):
    return socket.create_connection((HOST, port or node.ports[0]), timeout=SOON_S)


def client_hello():
    """The first datagram of a DTLS 1.2 client (RFC 6347): a handshake record with a ClientHello."""
    extensions = b"".join(struct.pack(">HH", kind, len(body)) + body for kind, body in (
        (10, b"\0\2\0\x17"), (11, b"\1\0"), (13, b"\0\4\4\3\x08\4"), (14, b"\0\2\0\7\0")))
    body = (b"\xfe\xfd" + os.urandom(32) + b"\0\0" + b"\0\4\xc0\x2b\xc0\x2f" + b"\1\0" +
            struct.pack(">H", len(extensions)) + extensions)
    length = struct.pack(">I", len(body))[1:]
    handshake = b"\1" + length + b"\0\0" + b"\0\0\0" + length + body
    return b"\x16\xfe\xff" + bytes(8) + struct.pack(">H", len(handshake)) + handshake


class Case(unittest.TestCase):
    def setUp(self):
        self.before = metrics(node)
        self.front_before = metrics(cluster.orchestrator)

    def tearDown(self):
        for s in bystander.connections:
            self.assertLess(bystander.check(s), ANSWER_MAX_S)
        before, took_s = bystander.ping()
        self.assertEqual(before, [])
        self.assertLess(took_s, ANSWER_MAX_S)
        info = cluster.node("node-1")
        self.assertEqual((info["state"], info["suspect"]), ("ready", False))

    def dropped(self):
        return {name.removesuffix("_total"): value for name, value in
                counted(node, self.before).items() if name.startswith(("drop_", "udp_", "tcp_"))}

    def wait_dropped(self, name, at_least):
        wait(f"{name} counts {at_least}", lambda: self.dropped().get(name, 0) >= at_least)

    def in_tunnel(self):
        """Datagrams and what became of them: nothing."""
        front = counted(cluster.orchestrator, self.front_before)
        return (counted(node, self.before).get("dtls_in_total", 0),
                {name: value for name, value in front.items() if name.startswith("front_")})

    def flood(self, packets, count):
        """Sends these packets in turn from several addresses, and checks the bystander's path now
        and then. Returns the longest that an answer took."""
        sockets = [udp(port) for port in node.ports for _ in range(4)]
        longest_s = 0
        for i in range(count):
            try:
                sockets[i % len(sockets)].send(packets[i % len(packets)])
            except OSError:  # an ICMP error of before, or no room in the buffer
                pass
            if i % (count // FLOOD_CHECKS) == 0:
                longest_s = max(longest_s, bystander.check(bystander.connections[0]))
        for s in sockets:
            s.close()
        return longest_s


class Stun(Case):
    def test_unknown_ufrags(self):
        packets = [ice.request(os.urandom(12), f"{base:08x}:{UFRAG}", "p" * 24)
                   for base in random.sample(range(1 << 32), 1000)]
        longest_s = self.flood(packets, FLOOD)
        self.wait_dropped("drop_stun_ufrag", FLOOD * 0.9)
        self.assertLess(longest_s, ANSWER_MAX_S)
        until = time.monotonic() + REPORT_S  # each report is of the second before it
        while time.monotonic() < until:
            self.assertLess(metrics(node)["loop_lag_seconds"], LAG_MAX_S)
            self.assertLess(cluster.node("node-1")["loop_lag_us"], LAG_MAX_S * 1e6)
            time.sleep(0.1)
        self.assertEqual(cluster.orchestrator.log_lines("node_suspect"), [])

    def test_wrong_password(self):
        """Who guesses gets 401 (RFC 8489 §9.1.3), in no more bytes than asked with, and no path."""
        ufrag, _ = ice.credentials(bystander.answer)
        s = udp()
        for _ in range(10):
            check = ice.request(os.urandom(12), f"{ufrag}:{UFRAG}", "guess" * 5)
            ice.send(s, check)
            answer = ice.receive(s, SOON_S)
            self.assertEqual(answer[:2], b"\x01\x11")
            self.assertLess(len(answer), len(check))
        self.wait_dropped("drop_stun_refused", 10)
        s.send(client_hello())
        self.wait_dropped("drop_path", 1)
        self.assertEqual(self.in_tunnel(), (0, {}))
        s.close()

    def test_malformed(self):
        good = ice.request(os.urandom(12), f"a:{UFRAG}", "p" * 24)
        s = udp()
        for cut in range(1, len(good)):
            s.send(good[:cut])
        for at in range(2, len(good)):
            s.send(good[:at] + b"\xff" + good[at + 1:])
        self.wait_dropped("drop_stun_malformed", len(good) // 2)
        self.assertIsNone(ice.receive(s, 0))
        s.close()


class Datagrams(Case):
    def test_garbage(self):
        rng = random.Random(1)
        packets = [bytes([i % 256]) + rng.randbytes(rng.randrange(1500)) for i in range(5000)]
        self.flood(packets, len(packets))
        wait("all are counted", lambda: sum(self.dropped().values()) >= len(packets) * 0.9)
        self.assertEqual(set(self.dropped()),
                         {"drop_kind", "drop_path", "drop_stun_malformed"})
        self.assertEqual(self.in_tunnel(), (0, {}))

    def test_empty_and_too_long(self):
        s = udp()
        for size in (0, 2049, 9000, 65507):
            s.send(bytes(size))
        self.wait_dropped("udp_truncated", 3)
        self.wait_dropped("drop_kind", 1)
        s.close()

    def test_more_than_is_read(self):
        """What the kernel has no place for is counted, once somebody reads again."""
        node.signal(signal.SIGSTOP)
        s = udp()
        for _ in range(40000):
            s.send(bytes(1))
        node.signal(signal.SIGCONT)
        self.wait_dropped("drop_kind", 1000)  # the others are read
        wait("it is counted, as a later one tells", lambda: s.send(bytes(1)) and
             self.dropped().get("udp_receive_full"))
        s.close()

    def test_dtls_of_strangers(self):
        """Only a path whose check authenticated leads to an orchestrator."""
        s = udp()
        for _ in range(1000):
            s.send(client_hello())
        self.wait_dropped("drop_path", 900)
        self.assertEqual(self.in_tunnel(), (0, {}))
        self.assertEqual(metrics(cluster.orchestrator)["handshakes"], 0)
        self.assertIsNone(ice.receive(s, 0))
        s.close()

    def test_rtp_of_strangers(self):
        s = udp()
        for kind in (96, 111, 200, 201):  # media, and reports
            s.send(struct.pack(">BBHII", 0x80, kind, 1, 1, 1) + bytes(100))
        self.wait_dropped("drop_path", 4)
        s.close()


class Tunnel(Case):
    """A participant who does authenticate, and then misbehaves."""

    def setUp(self):
        super().setUp()
        self.eve = Participant(cluster.orchestrator, "wild", "eve")
        self.addCleanup(self.eve.close)
        self.path = self.eve.connect()
        self.eve.ping()

    def tearDown(self):
        super().tearDown()
        self.assertEqual(metrics(cluster.orchestrator)["handshakes"], 0)

    def leave(self):
        self.eve.close()
        wait("eve is gone", lambda: not cluster.admin("rooms/wild/participants")["participants"])

    def test_a_handshake_gets_through(self):
        self.path.send(client_hello())
        answer = ice.receive(self.path, SOON_S)
        self.assertEqual(answer[:3], b"\x16\xfe\xfd" if answer[1:3] == b"\xfe\xfd"
                         else b"\x16\xfe\xff")
        self.assertEqual(self.in_tunnel()[0], 1)
        self.leave()

    def test_flood(self):
        rng = random.Random(2)
        packets = [bytes([20 + i % 44]) + rng.randbytes(rng.randrange(1200)) for i in range(500)]
        longest_s = 0
        for i in range(DTLS_FLOOD):
            try:
                self.path.send(packets[i % len(packets)])
            except OSError:
                pass
            if i % 200 == 0:
                longest_s = max(longest_s, bystander.check(bystander.connections[0]),
                                bystander.ping()[1])
        self.assertLess(longest_s, ANSWER_MAX_S)
        wait("they are counted", lambda: sum(self.in_tunnel()[1].values()) > 0)
        self.leave()

    def test_flood_of_beginnings(self):
        for _ in range(500):
            self.path.send(client_hello())
        self.assertLess(bystander.ping()[1], ANSWER_MAX_S)
        self.assertNotIn(LEFT, [kind for kind, _ in bystander.ping()[0]])
        self.leave()

    def test_media_without_keys(self):
        for _ in range(100):
            self.path.send(struct.pack(">BBHII", 0x80, 111, 1, 1, 1) + bytes(100))
        self.wait_dropped("drop_no_keys", 90)
        self.leave()


class Tcp(Case):
    def test_garbage(self):
        """A frame is what its length says; what is in it is dropped like a datagram."""
        s = tcp(node.ports[1])
        for i in range(256):
            ice.send(s, bytes([i]) + os.urandom(50))
        wait("they are counted", lambda: sum(self.dropped().values()) >= 256)
        s.close()

    def test_frame_too_long(self):
        for head in (b"\xff\xff", b"\x08\x01", b"GET / HTTP/1.1\r\n\r\n"):
            s = tcp(node.ports[2])
            s.sendall(head)
            self.assertTrue(ended(s, 2), head)
            s.close()
        self.assertEqual(self.dropped()["tcp_malformed"], 3)

    def test_dtls_of_strangers(self):
        s = tcp()
        ice.send(s, client_hello())
        self.wait_dropped("drop_path", 1)
        self.assertEqual(self.in_tunnel(), (0, {}))
        s.close()

    def test_too_many(self):
        """More connections that say nothing than there are places: the oldest of them make room,
        those that authenticated stay, and a newcomer who does authenticate finds a place."""
        first = tcp()
        crowd = [tcp() for _ in range(STRANGERS_MAX)]
        self.wait_dropped("tcp_displaced", 1)
        self.assertTrue(ended(first, 1))
        bystander.check(bystander.connections[1])
        bystander.connect("tcp")
        for s in (first, *crowd):
            s.close()
        self.assertNotIn("tcp_refused", self.dropped())

    def test_silent(self):
        """They are given their time, and no more. It has run since the other tests began."""
        for s in mutes:
            self.assertTrue(ended(s, SILENT_S + 5))
        self.assertGreaterEqual(metrics(node)["tcp_timeouts_total"], len(mutes))

    def test_too_many_of_one(self):
        """Connections whose path the node gave up for newer ones of the same participant hold their
        places no better than those of strangers; but may authenticate again."""
        eve = Participant(cluster.orchestrator, "wild", "eve")
        self.addCleanup(eve.close)
        hoard = [eve.connect("tcp") for _ in range(PATHS_MAX + 4)]
        self.wait_dropped("tcp_forgotten", 4)
        eve.check(hoard[3])
        crowd = [tcp() for _ in range(STRANGERS_MAX)]
        self.assertTrue(ended(hoard[0], 2))
        eve.check(hoard[3])
        for s in crowd:
            s.close()


if __name__ == "__main__":
    unittest.main()
