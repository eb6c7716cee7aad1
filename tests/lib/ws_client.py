# SPDX-License-Identifier: Apache-2.0
"""HTTP and WebSocket clients of the simplest kind, which can do everything wrong. A "server" here
is anything with a connect() that returns a connected socket."""
import base64
import os
import socket
import struct
import time

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
MIB = 1 << 20


class Answer:
    """One HTTP answer read from a socket; status 0 if the connection ended without one."""

    def __init__(self, s, head_only=False):
        data = b""
        while b"\r\n\r\n" not in data:
            more = receive(s, 65536)
            if not more:
                self.status, self.headers, self.body = 0, {}, data
                return
            data += more
        head, _, self.body = data.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}
        length = int(self.headers.get("content-length", 0))
        while self.status != 101 and not head_only and len(self.body) < length:
            more = receive(s, 65536)
            assert more, "the connection ended inside a body"
            self.body += more


def receive(s, size):
    try:
        return s.recv(size)
    except ConnectionResetError:
        return b""


def ended(s, within_s):
    """Whether the peer closes the connection within a time, whatever it sends before."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        s.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            if not receive(s, 65536):
                return True
        except socket.timeout:
            return False
    return False


def request(server, line, headers="", body=b"", s=None):
    s = s or server.connect()
    s.sendall(f"{line} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode() + body)
    return Answer(s, line.startswith("HEAD"))


def post(server, path, body, s=None):
    return request(server, f"POST {path}", f"Content-Length: {len(body)}\r\n", body, s)


class Ws:
    """A WebSocket client of the simplest kind."""

    def __init__(self, server, path="/rtc?token=good", headers=""):
        self.s = server.connect()
        key = base64.b64encode(os.urandom(16)).decode()
        self.s.sendall((f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                        f"Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                        f"Sec-WebSocket-Key: {key}\r\n{headers}\r\n").encode())
        self.answer = Answer(self.s)
        self.data = self.answer.body if self.answer.status == 101 else b""

    def send(self, opcode, payload, final=True, announce=None, rsv=0):
        if isinstance(payload, str):
            payload = payload.encode()
        length = len(payload) if announce is None else announce
        head = bytes([(0x80 if final else 0) | rsv | opcode])
        if length < 126:
            head += bytes([0x80 | length])
        elif length < 65536:
            head += bytes([0x80 | 126]) + struct.pack(">H", length)
        else:
            head += bytes([0x80 | 127]) + struct.pack(">Q", length)
        mask = b"\x37\xfa\x21\x3d"
        repeated = mask * (len(payload) // 4 + 1)
        masked = (int.from_bytes(payload, "big") ^
                  int.from_bytes(repeated[:len(payload)], "big")).to_bytes(len(payload), "big")
        self.s.sendall(head + mask + masked)

    def take(self, count):
        while len(self.data) < count:
            more = receive(self.s, 1 << 20)
            if not more:
                raise EOFError
            self.data += more
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def receive(self):
        """Next frame as (opcode, payload). The server never fragments."""
        first, length = self.take(2)
        assert first & 0x80 and not length & 0x80
        if length == 126:
            length = struct.unpack(">H", self.take(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", self.take(8))[0]
        return first & 0x0f, self.take(length)

    def hello(self):
        greeting = self.receive()[1].decode(), self.receive()[1].decode()
        return greeting

    def close_code(self):
        opcode, payload = self.receive()
        assert opcode == CLOSE, (opcode, payload[:50])
        return struct.unpack(">H", payload[:2])[0], payload[2:].decode()
