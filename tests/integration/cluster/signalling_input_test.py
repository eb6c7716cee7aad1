# SPDX-License-Identifier: Apache-2.0
"""Bad input at the orchestrator's door and on its WebSockets: each gets its answer, is counted by
reason, and disturbs nobody. A participant with media path stands by all the time.

    signalling_input_test.py BUILD_DIRECTORY [unittest arguments]
"""
import base64
import gzip
import json
import os
import time
import unittest

from cluster import (API_KEY, Cluster, base64url, counted, http, join_token, metrics, token,
                     wait)
from participant import (ANSWER, JOIN, LEFT, OFFER, PING_REQUEST, PONG_RESPONSE, Participant,
                         description, field, join_request, message, offer_sdp, path, wrapped)
from ws_client import BINARY, CLOSE, MIB, TEXT, Ws, ended

LORISES = 100
HEADER_TIMEOUT_S = 10
POLICY_VIOLATION, TOO_BIG = 1008, 1009
STATE_MISMATCH = 6  # LeaveRequest.reason

cluster = None
bystander = None
lorises = []


def setUpModule():
    global cluster, bystander
    cluster = Cluster(nodes=1).start()
    unittest.addModuleCleanup(cluster.close)
    for i in range(LORISES):  # some say nothing at all
        lorises.append(cluster.orchestrator.connect())
        lorises[i].sendall(b"GET /rtc/v1?access_token=a HTTP/1.1\r\nHost: "[:i])
    bystander = Participant(cluster.orchestrator, "calm", "bystander")
    bystander.connect()
    bystander.ping()


def tearDownModule():
    for s in lorises:
        s.close()
    bystander.close()


class Case(unittest.TestCase):
    def setUp(self):
        self.before = metrics(cluster.orchestrator)

    def tearDown(self):
        """The bystander sees no message and no close, and its path stands."""
        before, took_s = bystander.ping()
        self.assertEqual(before, [])
        self.assertLess(took_s, 1)
        bystander.check(bystander.connections[0])

    def counted(self):
        """What was counted of refusals and expulsions since setUp()."""
        return {name: value for name, value in counted(cluster.orchestrator, self.before).items()
                if name.startswith(("refused_total", "expelled_total",
                                    "websockets_closed_total"))}


class Door(Case):
    """Before the upgrade: an HTTP status, and the reason in the body; validate says the same."""

    def refused(self, where, status, word, reason):
        ws = Ws(cluster.orchestrator, where)
        self.assertEqual(ws.answer.status, status, ws.answer.body)
        self.assertIn(word, ws.answer.body.decode())
        self.assertEqual(ws.answer.headers["access-control-allow-origin"], "*")
        base, _, query = where.partition("?")
        validated, text = http(f"{cluster.orchestrator.url}{base}/validate?{query}")
        if "join_request" in where or status == 401:
            self.assertEqual((validated, text), (status, ws.answer.body))
        name = f'refused_total{{reason="{reason}"}}'
        self.assertEqual(self.counted(), {name: 1})
        self.before[name] = self.before.get(name, 0) + 1

    def test_token(self):
        join = {"roomJoin": True, "room": "r"}
        unsigned = ".".join(base64url(json.dumps(part).encode()) for part in (
            {"alg": "none"}, {"iss": API_KEY, "sub": "eve", "exp": 4e9, "video": join})) + "."
        good = join_token("r", "eve")
        for text, word in (
                ("", "no access token"),
                ("rubbish", "malformed"),
                ("a.b.c", "malformed"),
                (good[:-3] + "AAA", "signature"),
                (token(join, secret="guess", sub="eve"), "signature"),
                (token(join, key="nokey", sub="eve"), "unknown API key"),
                (unsigned, "HS256"),
                (token(join, sub="eve", ttl_s=-120), "expired"),
                (token(join, sub="eve", exp=None), "expiry"),
                (token(join, sub="eve", nbf=int(time.time()) + 3600), "not valid yet"),
                (token({"room": "r"}, sub="eve"), "roomJoin"),
                (token({"roomJoin": "yes", "room": "r"}, sub="eve"), "wrong type"),
                (token(None, sub="eve"), "roomJoin")):
            self.refused(path(text, join_request()), 401, word, "bad_token")

    def test_names(self):
        for text, word in (
                (join_token("r", "i" * 257), "identity"),
                (join_token("r", ""), "identity"),
                (token({"roomJoin": True, "room": "r"}), "identity"),
                (join_token("r" * 257, "eve"), "room"),
                (join_token("", "eve"), "room")):
            self.refused(path(text, join_request()), 400, word, "bad_request")
        longest = Participant(cluster.orchestrator, "r" * 256, "i" * 256, offer=False)
        longest.close()

    def test_join_request(self):
        request = message((1, message((3, 17))))
        bomb = gzip.compress(bytes(30 * MIB))
        self.assertLess(len(bomb), 40000)
        for text in ("!", "A", "AAAA", base64.b64encode(os.urandom(300)).decode(),
                     wrapped(b"\xff" * 50), wrapped(request, compression=1),
                     wrapped(gzip.compress(request)[:-9], compression=1),
                     wrapped(gzip.compress(b"\xff" * 50), compression=1),
                     wrapped(bomb, compression=1)):
            began = time.monotonic()
            self.refused(path(join_token("r", "eve"), text), 400, "join_request", "bad_request")
            self.assertLess(time.monotonic() - began, 1)

    def test_old_clients(self):
        old = join_request(protocol=14)
        self.refused(path(join_token("r", "eve"), old), 400, "too old", "bad_request")
        self.refused(path(join_token("r", "eve"), wrapped(b"")), 400, "too old", "bad_request")
        eve = join_token("r", "eve")
        self.refused(path(eve, base="/rtc") + "&protocol=8", 400, "too old", "bad_request")
        for wanting in (path(eve, base="/rtc"), path(eve, base="/rtc/v1") + "&protocol=17"):
            self.refused(wanting, 400, "neither a join_request", "bad_request")

    def test_unknown_session(self):
        """A resume of somebody we do not know: the client is told to start over."""
        p = Participant(cluster.orchestrator, "nowhere", "eve", offer=False, reconnect=True)
        self.assertEqual((p.kind, field(p.joined, 3)), (LEFT, 2))
        self.assertEqual(self.counted(), {'refused_total{reason="unknown_session"}': 1})
        p.close()

    def test_request_line(self):
        s = cluster.orchestrator.connect()
        try:
            s.sendall(b"GET /rtc/v1?join_request=" + b"A" * 100000 + b" HTTP/1.1\r\n\r\n")
        except OSError:
            pass
        self.assertTrue(ended(s, 5))

    def test_api(self):
        for where in ("/twirp/livekit.RoomService/ListRooms", "/admin/v1/rooms/calm/move"):
            for headers in ({}, {"Authorization": "Bearer x"},
                            {"Authorization": f"Bearer {join_token('calm', 'eve')}"}):
                status, _ = http(cluster.orchestrator.url + where, b"{}", **headers,
                                 **{"Content-Type": "application/json"})
                self.assertIn(status, (401, 403), where)


class Messages(Case):
    """On an open WebSocket: a leave that says so, and a close with the reason."""

    def setUp(self):
        super().setUp()
        self.p = Participant(cluster.orchestrator, "wild", "eve")
        self.addCleanup(self.p.close)

    def expelled(self, word, p=None, reason="malformed"):
        got, code, text = (p or self.p).until_closed()
        kind, leave = got[-1]
        self.assertEqual((kind, field(leave, 2), field(leave, 3, 0)), (LEFT, STATE_MISMATCH, 0))
        self.assertEqual(code, POLICY_VIOLATION)
        self.assertIn(word, text)
        self.assertEqual(self.counted(), {f'expelled_total{{reason="{reason}"}}': 1})

    def test_garbage(self):
        self.p.ws.send(BINARY, b"\xff" * 100)
        self.expelled("SignalRequest")

    def test_garbage_inside(self):
        self.p.send(OFFER, b"\x0a\xff\xff")
        self.expelled("SignalRequest")

    def test_text_that_is_no_utf8(self):
        self.p.send(OFFER, message((1, b"\xc0\xaf"), (2, b"v=0"), (3, 1)))
        self.expelled("SignalRequest")

    def test_garbage_sdp(self):
        self.p.send(OFFER, description("v=0\r\nrubbish\r\n"))
        self.expelled("", reason="offer")

    def test_binary_sdp(self):
        self.p.send(OFFER, description(bytes(range(1, 127)).decode() * 100))
        self.expelled("", reason="offer")

    def test_without_bundle(self):
        self.p.send(OFFER, description(offer_sdp(bundle=""), 2))
        self.expelled("BUNDLE", reason="offer")

    def test_offer_too_long(self):
        self.p.send(OFFER, description(offer_sdp() + "a=x:" + "y" * MIB + "\r\n", 2))
        self.expelled("", reason="offer")

    def test_too_many_sections(self):
        section = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\n"
        self.p.send(OFFER, description(offer_sdp() + section * 600, 2))
        self.expelled("", reason="offer")

    def test_bad_offer_in_the_join(self):
        """It is open by then: join comes first, as clients expect."""
        for sdp, word in (("rubbish", ""), (offer_sdp(bundle=""), "BUNDLE")):
            self.before = metrics(cluster.orchestrator)
            ws = Ws(cluster.orchestrator, path(join_token("wild", "mallory"), join_request(sdp)))
            self.assertEqual(ws.answer.status, 101)
            mallory = Participant.__new__(Participant)
            mallory.ws = ws
            self.assertEqual(mallory.receive()[0], JOIN)
            self.expelled(word, mallory, reason="offer")

    def test_unknown_codec(self):
        """Is no fault: the section is declined."""
        sdp = offer_sdp().replace("opus/48000/2", "quux/48000/2")
        self.p.send(OFFER, description(sdp, 2))
        answer = field(self.p.wait(ANSWER), 2).decode()
        self.assertIn("m=audio 0 ", answer)
        self.assertEqual(self.p.ping()[0], [])

    def test_harmless(self):
        """What newer clients may say, and what is empty."""
        for data in (b"", message((9, b"x")), message((1000, b"x")), message((3, b""))):
            self.p.ws.send(BINARY, data)
        self.assertNotIn(LEFT, [kind for kind, _ in self.p.ping()[0]])
        self.assertEqual(self.counted(), {})

    def test_too_big(self):
        self.p.ws.send(BINARY, bytes(2 * MIB + 1))
        _, code, _ = self.p.until_closed()
        self.assertEqual(code, TOO_BIG)
        self.assertEqual(self.counted(), {'websockets_closed_total{reason="too_big"}': 1})

    def test_biggest(self):
        padding = 2 * MIB - len(message((1000, bytes(2 * MIB - 100)))) - 100
        self.p.ws.send(BINARY, message((1000, bytes(2 * MIB - 100 + padding))))
        self.assertNotIn(LEFT, [kind for kind, _ in self.p.ping()[0]])

    def test_json(self):
        """Clients that speak JSON are answered in JSON."""
        self.p.ws.send(TEXT, json.dumps({"pingReq": {"timestamp": "7"}}))
        while True:
            opcode, payload = self.p.ws.receive()
            answer = json.loads(payload) if opcode == TEXT else {}
            if "pongResp" in answer:
                break
        self.assertEqual(answer["pongResp"]["lastPingTimestamp"], "7")
        self.p.ws.send(TEXT, json.dumps({"offer": {"type": "offer", "sdp": offer_sdp(), "id": 5},
                                         "someNewMember": {"a": [1]}}))
        while "answer" not in answer:
            answer = json.loads(self.p.ws.receive()[1])
        self.assertEqual((answer["answer"]["type"], answer["answer"]["id"]), ("answer", 5))

    def test_bad_json(self):
        for text in ("rubbish", "{", "[]", '{"offer": 7}', '{"offer": {"sdp": "\\ud800"}}',
                     '{"a":' * 100000 + "1" + "}" * 100000, "[" * MIB):
            self.before = metrics(cluster.orchestrator)
            p = Participant(cluster.orchestrator, "wild", "json", offer=False)
            p.ws.send(TEXT, text)
            while True:
                opcode, payload = p.ws.receive()
                if opcode == CLOSE:
                    break
            self.assertEqual(int.from_bytes(payload[:2], "big"), POLICY_VIOLATION)
            self.assertIn(b"SignalRequest", payload)
            self.assertEqual(self.counted(), {'expelled_total{reason="malformed"}': 1}, text)
            p.close()

    def test_gone_in_the_middle(self):
        """A connection that breaks inside a message."""
        self.p.ws.send(BINARY, b"begin", announce=MIB)
        self.p.ws.s.close()
        wait("it is seen", lambda: not cluster.admin("rooms/wild/participants")["participants"])
        self.assertEqual(self.counted(), {})

    def test_flood(self):
        """One who talks without end is served, and so is everybody else."""
        ping = message((PING_REQUEST, message((1, 1))))
        for _ in range(2000):
            self.p.ws.send(BINARY, ping)
        self.assertLess(bystander.ping()[1], 1)
        for _ in range(2000):
            self.p.wait(PONG_RESPONSE)


class Slow(Case):
    def test_loris(self):
        """Heads that never end: closed in time, and nobody waits for them."""
        began = time.monotonic()
        for s in lorises:
            left_s = max(HEADER_TIMEOUT_S + 5 - (time.monotonic() - began), 0.1)
            self.assertTrue(ended(s, left_s))
        self.assertGreaterEqual(
            metrics(cluster.orchestrator)["http_connections_silent_total"], LORISES)


if __name__ == "__main__":
    unittest.main()
