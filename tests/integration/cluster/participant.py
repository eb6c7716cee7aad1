# SPDX-License-Identifier: Apache-2.0
"""A participant that has signalling and ICE, but no media: enough to notice any disturbance."""
import base64
import json
import os
import re
import socket
import struct
import time
import urllib.parse

import ice
from cluster import HOST, SOON_S, join_token
from ws_client import BINARY, CLOSE, PING, PONG, Ws

PROTOCOL = 17
UFRAG, PWD = "abcd", "abcdefghijklmnopqrstuvwx"

# Members of SignalRequest and SignalResponse, and fields of what they hold.
OFFER, ADD_TRACK, LEAVE, PING_REQUEST = 1, 4, 8, 16
JOIN, ANSWER, TRICKLE, LEFT, REFRESH_TOKEN, PONG_RESPONSE = 1, 2, 4, 8, 16, 20


# ---- Protobuf ----------------------------------------------------------------------------------


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def message(*fields):
    """(number, value) each: an int becomes a varint, text and bytes are length-delimited."""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            value = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(value)) + value
    return out


def take_varint(data, at):
    value, shift = 0, 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def fields(data):
    """[(number, value)] of a message: ints and bytes."""
    out, at = [], 0
    while at < len(data):
        tag, at = take_varint(data, at)
        if tag & 7 == 0:
            value, at = take_varint(data, at)
        elif tag & 7 == 2:
            length, at = take_varint(data, at)
            value, at = data[at:at + length], at + length
        else:
            size = {1: 8, 5: 4}[tag & 7]
            value, at = data[at:at + size], at + size
        out.append((tag >> 3, value))
    return out


def field(data, number, default=b""):
    return dict(fields(data)).get(number, default)


# ---- Joining -----------------------------------------------------------------------------------


def offer_sdp(ufrag=UFRAG, pwd=PWD, bundle="a=group:BUNDLE 0 1\r\n"):
    """A data channel and a microphone, as browsers offer them."""
    transport = (f"a=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\n"
                 f"a=fingerprint:sha-256 {':'.join(['A5'] * 32)}\r\na=setup:actpass\r\n")
    return ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n" + bundle +
            "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n" + transport +
            "a=mid:0\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n"
            "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\n" + transport +
            "a=mid:1\r\na=sendrecv\r\na=msid:- microphone\r\na=rtcp-mux\r\n"
            "a=rtpmap:111 opus/48000/2\r\na=ssrc:7 cname:c\r\n")


def description(sdp, number=1):
    return message((1, "offer"), (2, sdp), (3, number))


def join_request(offer=None, protocol=PROTOCOL, reconnect=False):
    """The join_request parameter: base64 of a WrappedJoinRequest."""
    request = [(1, message((1, 1), (2, "2.0.0"), (3, protocol))), (2, message((1, 1)))]
    if offer is not None:
        request.append((6, description(offer)))
    if reconnect:
        request.append((7, 1))
    return wrapped(message(*request))


def wrapped(request, compression=0):
    return base64.urlsafe_b64encode(message((1, compression), (2, request))).decode()


def path(token="", request=None, base="/rtc/v1"):
    parameters = {"access_token": token} if token else {}
    if request is not None:
        parameters["join_request"] = request
    return f"{base}?{urllib.parse.urlencode(parameters)}"


class Closed(Exception):
    """The server closed the WebSocket."""


class Participant:
    """token: instead of one that the tests' API key signs."""

    def __init__(self, orchestrator, room, identity, offer=True, reconnect=False, token=None):
        self.host = HOST  # of its node's media
        sdp = offer_sdp() if offer else None
        self.ws = Ws(orchestrator, path(token or join_token(room, identity),
                                        join_request(sdp, reconnect=reconnect)))
        assert self.ws.answer.status == 101, (self.ws.answer.status, self.ws.answer.body)
        self.connections = []
        self.kind, self.joined = self.receive()
        if reconnect:
            return
        assert self.kind == JOIN, (self.kind, self.joined)
        self.answer = field(self.wait(ANSWER), 2).decode() if offer else ""

    def close(self):
        self.ws.s.close()
        for connection in self.connections:
            connection.close()

    def send(self, number, payload):
        self.ws.send(BINARY, message((number, payload)))

    def receive(self):
        """The next SignalResponse as (member, payload)."""
        while True:
            try:
                opcode, payload = self.ws.receive()
            except EOFError:
                raise Closed("without a close frame") from None
            if opcode == PING:
                self.ws.send(PONG, payload)
            elif opcode == CLOSE:
                raise Closed(struct.unpack(">H", payload[:2])[0], payload[2:].decode())
            elif opcode == BINARY:
                return fields(payload)[0]

    def wait(self, member):
        """The next message of this kind; those before it are dropped."""
        while True:
            kind, payload = self.receive()
            if kind == member:
                return payload

    def until_closed(self):
        """What still comes, and how it ends: ([(member, payload)], close code, close reason)."""
        got = []
        while True:
            try:
                got.append(self.receive())
            except Closed as closed:
                return (got, *closed.args)

    def send_ping(self):
        self.send(PING_REQUEST, message((1, time.time_ns() // 1000000)))

    def ping(self):
        """What came before the answer to a ping, and how long that took."""
        before, began = [], time.monotonic()
        self.send_ping()
        while True:
            kind, payload = self.receive()
            if kind == PONG_RESPONSE:
                return before, time.monotonic() - began
            before.append((kind, payload))

    def take_candidates(self):
        """A move: the new node's candidates, one for UDP and one for TCP, replace the old ones.
        Returns their ports."""
        told = [json.loads(field(self.wait(TRICKLE), 1))["candidate"] for _ in range(2)]
        kept = re.sub(r"a=candidate:.*\r\n", "", self.answer)
        self.answer = kept + "".join(f"a={candidate}\r\n" for candidate in told)
        return {ice.candidate_port(self.answer, protocol) for protocol in ("udp", "tcp")}

    def connect(self, protocol="udp"):
        """An authenticated ICE path to the node. Returns the connected socket."""
        s = socket.socket(socket.AF_INET,
                          socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM)
        s.settimeout(SOON_S)
        s.connect((self.host, ice.candidate_port(self.answer, protocol)))
        self.connections.append(s)
        self.check(s)
        return s

    def check(self, s, within_s=SOON_S):
        """A STUN check; repeated like ICE does, since the node may not know us yet. Returns how
        long the answer to the last one took."""
        remote_ufrag, remote_pwd = ice.credentials(self.answer)
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            transaction = os.urandom(12)
            began = time.monotonic()
            ice.send(s, ice.request(transaction, f"{remote_ufrag}:{UFRAG}", remote_pwd))
            while (answer := ice.receive(s, 0.5)) is not None:
                if ice.is_answer(answer, transaction, remote_pwd):
                    return time.monotonic() - began
        raise AssertionError(f"no answer to a STUN check within {within_s} s")
