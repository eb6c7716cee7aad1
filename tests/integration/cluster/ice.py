# SPDX-License-Identifier: Apache-2.0
"""STUN as ICE uses it (RFC 8489, RFC 8445), over UDP, or over TCP in frames (RFC 4571)."""
import hashlib
import hmac
import re
import socket
import struct
import zlib

COOKIE = 0x2112A442
REQUEST, SUCCESS = 0x0001, 0x0101
USERNAME, INTEGRITY, PRIORITY, USE_CANDIDATE = 0x0006, 0x0008, 0x0024, 0x0025
FINGERPRINT, CONTROLLING = 0x8028, 0x802A


def credentials(sdp):
    """(ufrag, pwd) of a description."""
    return (re.search(r"a=ice-ufrag:(\S+)", sdp)[1], re.search(r"a=ice-pwd:(\S+)", sdp)[1])


def candidate_port(sdp, protocol):
    return int(re.search(rf"a=candidate:\S+ 1 {protocol} \d+ \S+ (\d+) typ", sdp, re.I)[1])


def attribute(kind, value=b""):
    return struct.pack(">HH", kind, len(value)) + value + bytes(-len(value) % 4)


def header(kind, length, transaction):
    return struct.pack(">HHI", kind, length, COOKIE) + transaction


def request(transaction, username, pwd):
    """A Binding request of a controlling agent that nominates."""
    body = (attribute(USERNAME, username.encode()) + attribute(PRIORITY, struct.pack(">I", 1)) +
            attribute(CONTROLLING, bytes(8)) + attribute(USE_CANDIDATE))
    signed = header(REQUEST, len(body) + 24, transaction) + body
    body += attribute(INTEGRITY, hmac.new(pwd.encode(), signed, hashlib.sha1).digest())
    text = header(REQUEST, len(body) + 8, transaction) + body
    return text + attribute(FINGERPRINT, struct.pack(">I", zlib.crc32(text) ^ 0x5354554E))


def is_answer(data, transaction, pwd):
    """A success response to this request, signed with the password."""
    at = data.find(struct.pack(">HH", INTEGRITY, 20))
    if data[:2] != struct.pack(">H", SUCCESS) or data[8:20] != transaction or at < 20:
        return False
    signed = header(SUCCESS, at - 20 + 24, transaction) + data[20:at]
    return data[at + 4:at + 24] == hmac.new(pwd.encode(), signed, hashlib.sha1).digest()


def is_tcp(s):
    return s.type == socket.SOCK_STREAM


def send(s, data):
    s.sendall(struct.pack(">H", len(data)) + data if is_tcp(s) else data)


def receive(s, within_s):
    """The next datagram or frame, None if none comes in time."""
    s.settimeout(within_s)
    try:
        if not is_tcp(s):
            return s.recv(65535)
        return take(s, struct.unpack(">H", take(s, 2))[0])
    except (socket.timeout, BlockingIOError):
        return None


def take(s, count):
    data = b""
    while len(data) < count:
        more = s.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data
