# SPDX-License-Identifier: Apache-2.0
"""Drives the orchestrator's HTTP and WebSocket port with sockets of its own, so that broken, slow
and hostile clients can be played as well as good ones.

    http_test.py PATH_OF_HTTP_TEST_SERVER [unittest arguments]
"""
import gzip
import os
import re
import socket
import ssl
import struct
import subprocess
import tempfile
import time
import unittest

from http_server import SERVER, Server
from ws_client import (BINARY, CLOSE, MIB, PING, PONG, TEXT, Answer, Ws, ended, post, receive,
                       request)


class Case(unittest.TestCase):
    options = {}

    def setUp(self):
        self.server = Server(**self.options)

    def tearDown(self):
        if self.server.process.poll() is None:
            self.stop()

    def stop(self):
        status, output = self.server.stop()
        self.assertEqual(status, 0, "the server must stop cleanly, without leaks")
        return output


class Upgrade(Case):
    def test_accepted_and_greeted_before_anything_else(self):
        for path in ("/rtc", "/rtc/v1", "//rtc///v1"):
            ws = Ws(self.server, path + "?token=good")
            self.assertEqual(ws.answer.status, 101)
            self.assertNotIn("sec-websocket-extensions", ws.answer.headers)
            self.assertEqual(ws.hello(), ("hello 127.0.0.1 0", re.sub("/+", "/", path)))

    def test_refused_with_status_body_and_cors(self):
        ws = Ws(self.server, "/rtc?token=b%61d+%26x",
                "Authorization: Bearer t\r\nUser-Agent: me\r\n")
        self.assertEqual(ws.answer.status, 401)
        self.assertEqual(ws.answer.body,
                         b'bad token "bad &x" authorization "Bearer t" agent "me"')
        self.assertEqual(ws.answer.headers["access-control-allow-origin"], "*")
        self.assertEqual(ws.answer.headers["retry-after"], "7")
        self.assertTrue(ended(ws.s, 2))

    def test_forwarded_address_is_not_believed(self):
        ws = Ws(self.server, headers="X-Forwarded-For: 192.0.2.1\r\n")
        self.assertEqual(ws.hello()[0], "hello 127.0.0.1 0")

    def test_unknown_path(self):
        self.assertEqual(Ws(self.server, "/rtc/v2?token=good").answer.status, 404)
        self.assertEqual(Ws(self.server, "/twirp/x").answer.status, 404)

    def test_without_upgrade(self):
        answer = request(self.server, "GET /rtc/v1?token=good")
        self.assertEqual((answer.status, answer.body), (404, b""))
        self.assertEqual(answer.headers["access-control-allow-origin"], "*")

    def test_other_protocol(self):
        answer = request(self.server, "GET /rtc", "Connection: Upgrade, HTTP2-Settings\r\n"
                         "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n")
        self.assertEqual(answer.status, 400)

    def test_compression_is_declined(self):
        ws = Ws(self.server, headers="Sec-WebSocket-Extensions: permessage-deflate\r\n")
        self.assertNotIn("sec-websocket-extensions", ws.answer.headers)
        ws.hello()
        ws.send(BINARY, b"abc", rsv=0x40)
        self.assertEqual(ws.close_code()[0], 1002)

    def test_long_request_line(self):
        ws = Ws(self.server, "/rtc/v1?join_request=" + "A" * 30000 + "%2B" * 10000 + "&token=good")
        self.assertEqual(ws.hello()[0], "hello 127.0.0.1 40000")

    def test_request_line_above_the_limit(self):
        s = self.server.connect()
        try:
            s.sendall(b"GET /rtc?join_request=" + b"A" * 100000 + b" HTTP/1.1\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.assertTrue(ended(s, 5))
        self.assertEqual(Ws(self.server).answer.status, 101)


class Messages(Case):
    def test_echo_of_all_sizes(self):
        ws = Ws(self.server)
        ws.hello()
        for size in (0, 1, 125, 126, 4096, 65535, 65536, 2 * MIB):
            payload = os.urandom(size)
            ws.send(BINARY, payload)
            self.assertEqual(ws.receive(), (BINARY, payload), size)
        ws.send(TEXT, "gr\u00fc\u00dfe")
        self.assertEqual(ws.receive(), (TEXT, "gr\u00fc\u00dfe".encode()))

    def test_fragments_with_a_ping_between(self):
        ws = Ws(self.server)
        ws.hello()
        ws.send(TEXT, "one ", final=False)
        ws.send(PING, "still there?")
        ws.send(0, "two ", final=False)
        ws.send(0, "three")
        frames = [ws.receive(), ws.receive()]
        self.assertIn((PONG, b"still there?"), frames)
        self.assertIn((TEXT, b"one two three"), frames)

    def test_too_big_as_announced(self):
        ws = Ws(self.server)
        ws.hello()
        ws.send(BINARY, b"begin", announce=2 * MIB + 1)
        self.assertEqual(ws.close_code()[0], 1009)

    def test_too_big_in_fragments(self):
        ws = Ws(self.server)
        ws.hello()
        ws.send(BINARY, bytes(2 * MIB), final=False)
        ws.send(0, b"x")
        self.assertEqual(ws.close_code()[0], 1009)
        output = self.stop()
        self.assertIn("closed 1009", output)
        self.assertIn("too_big 1", output)

    def test_close_by_the_server(self):
        ws = Ws(self.server)
        ws.hello()
        ws.send(TEXT, "close 4007 see you")
        self.assertEqual(ws.receive(), (TEXT, b"last"))
        self.assertEqual(ws.close_code(), (4007, "see you"))
        ws.send(CLOSE, struct.pack(">H", 4007))
        self.assertTrue(ended(ws.s, 2))
        self.assertIn("closed 4007", self.stop())

    def test_close_by_the_client(self):
        ws = Ws(self.server)
        ws.hello()
        ws.send(CLOSE, struct.pack(">H", 1000) + b"bye")
        self.assertEqual(ws.close_code()[0], 1000)
        self.assertTrue(ended(ws.s, 2))
        self.assertIn("closed 1000", self.stop())

    def test_lost_connection(self):
        ws = Ws(self.server)
        ws.hello()
        ws.s.close()
        time.sleep(0.2)
        self.assertIn("closed 1006", self.stop())

    def test_burst_arrives_in_order_and_in_few_pieces(self):
        ws = Ws(self.server)
        ws.hello()
        ws.send(TEXT, "burst 1000")
        pieces = 0
        while len(ws.data) < 10 * 3 + 90 * 4 + 900 * 5:
            ws.data += ws.s.recv(1 << 20)
            pieces += 1
        self.assertLessEqual(pieces, 3)
        self.assertEqual([ws.receive()[1] for _ in range(1000)],
                         [str(i).encode() for i in range(1000)])

    def test_broken_frames(self):
        broken = [
            (1007, lambda ws: ws.send(TEXT, b"\xff\xfe")),
            (1002, lambda ws: ws.send(3, b"")),
            (1002, lambda ws: ws.send(0, b"continuation of nothing")),
        ]
        for code, act in broken:
            ws = Ws(self.server)
            ws.hello()
            act(ws)
            self.assertEqual(ws.close_code()[0], code)

    def test_shutdown_with_open_connections(self):
        sockets = [Ws(self.server), Ws(self.server)]
        idle = self.server.connect()
        late = self.server.connect()
        late.sendall(b"GET /rtc/validate HTTP/1.1\r\nHost: x\r\n\r\n")
        for ws in sockets:
            ws.hello()
        self.assertEqual(self.stop().count("closed 1001"), 2)
        self.assertTrue(ended(idle, 2))


class Slow(Case):
    options = {"ping_s": 1, "header_s": 1, "queue": 300000}

    def test_ping_and_no_pong(self):
        ws = Ws(self.server)
        ws.hello()
        begin = time.monotonic()
        self.assertEqual(ws.receive()[0], PING)
        self.assertLess(time.monotonic() - begin, 3)
        ws.send(PONG, b"")
        self.assertEqual(ws.receive()[0], PING)
        self.assertTrue(ended(ws.s, 3))
        self.assertIn("closed 1006", self.stop())

    def test_client_that_does_not_read(self):
        ws = Ws(self.server)
        ws.hello()
        ws.send(TEXT, "flood")
        time.sleep(0.3)
        self.assertEqual(Ws(self.server).answer.status, 101)
        output = self.stop()
        self.assertIn("closed 1008", output)
        self.assertIn("slow 1", output)

    def test_slow_head(self):
        s = self.server.connect()
        s.sendall(b"GET /livez HT")
        self.assertTrue(ended(s, 3))
        self.assertTrue(ended(self.server.connect(), 3))
        self.assertIn("silent 2", self.stop())

    def test_slow_body(self):
        s = self.server.connect()
        s.sendall(b"POST /twirp/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        s.settimeout(0.2)
        begin = time.monotonic()
        while time.monotonic() - begin < 4:
            try:
                s.sendall(b"x")
                if not receive(s, 100):
                    break
            except socket.timeout:
                continue
            except (BrokenPipeError, ConnectionResetError):
                break
        self.assertLess(time.monotonic() - begin, 3.5)

    def test_slow_reader_of_an_answer_that_goes_on_sending(self):
        s = self.server.connect()
        body = bytes(9 * MIB)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.sendall(b"POST /twirp/x HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body))
        s.sendall(body)
        time.sleep(0.3)
        with self.assertRaises((BrokenPipeError, ConnectionResetError, socket.timeout)):
            for _ in range(100):
                s.sendall(b"GET / HTTP/1.1\r\n\r\n")
                time.sleep(0.02)


class Http(Case):
    def test_statuses(self):
        self.assertEqual(request(self.server, "GET /").body, b"OK")
        self.assertEqual(request(self.server, "GET /nothing").status, 404)
        answer = request(self.server, "GET /twirp/x")
        self.assertEqual((answer.status, answer.headers["allow"]), (405, "POST"))
        answer = request(self.server, "DELETE /admin/v1/rooms")
        self.assertEqual((answer.status, answer.headers["allow"]), (405, "GET, HEAD, POST"))
        self.assertEqual(request(self.server, "POST /twirp/x").status, 411)
        answer = request(self.server, "POST /twirp/x", "Transfer-Encoding: chunked\r\n",
                         b"0\r\n\r\n")
        self.assertEqual(answer.status, 411)
        for length in ("-1", "1x", "9" * 30, "", "5\r\nContent-Length: 6"):
            answer = request(self.server, "POST /twirp/x", f"Content-Length: {length}\r\n")
            self.assertIn(answer.status, (400, 411), length)

    def test_bodies(self):
        for size in (0, 1, 5000, 10 * MIB):
            body = os.urandom(size)
            answer = post(self.server, "/twirp/x", body)
            self.assertEqual((answer.status, answer.body), (200, body), size)

    def test_body_too_large(self):
        answer = post(self.server, "/twirp/x", bytes(10 * MIB + 1))
        self.assertEqual((answer.status, answer.headers["connection"]), (413, "close"))
        self.assertEqual(answer.headers["access-control-allow-origin"], "*")
        self.assertEqual(post(self.server, "/admin/v1/x", bytes(65537)).status, 413)
        self.assertIn("too_large 2", self.stop())

    def test_refused_with_a_small_body(self):
        for path, status in (("/nothing", 405), ("/rtc/validate", 405), ("/rtc", 404)):
            for body in (b"", b"{}"):
                s = self.server.connect()
                answer = post(self.server, path, body, s)
                self.assertEqual((answer.status, answer.headers["connection"]), (status, "close"))
                self.assertTrue(ended(s, 2))

    def test_posts_over_one_connection(self):
        s = self.server.connect()
        for body in (b"one", b"", b"three" * 10000):
            self.assertEqual(post(self.server, "/twirp/x", body, s).body, body)

    def test_pipelined_posts_are_never_mixed_up(self):
        head = b"POST /twirp/x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"
        s = self.server.connect()
        s.sendall(head + b"first" + head + b"other")
        data = b""
        while more := receive(s, 65536):
            data += more
        bodies = [answer.partition(b"\r\n\r\n")[2] for answer in data.split(b"HTTP/1.1")[1:]]
        self.assertIn(bodies, ([], [b"first"], [b"first", b"other"]))

    def test_preflight(self):
        answer = request(self.server, "OPTIONS /twirp/livekit.RoomService/ListRooms",
                         "Origin: https://a.example\r\nAccess-Control-Request-Method: POST\r\n"
                         "Access-Control-Request-Headers: authorization,content-type\r\n")
        self.assertEqual(answer.status, 204)
        self.assertEqual(answer.headers["access-control-allow-origin"], "*")
        self.assertEqual(answer.headers["access-control-allow-headers"],
                         "authorization,content-type")
        self.assertEqual(answer.headers["access-control-max-age"], "86400")
        self.assertIn("POST", answer.headers["access-control-allow-methods"])

    def test_what_a_resource_of_whip_takes(self):
        for path, name, kind in (("/whip/v1", "accept-post", "application/sdp"),
                                 ("/whep/v1/room", "accept-post", "application/sdp"),
                                 ("/whep/v1/sessions/x", "accept-patch",
                                  "application/trickle-ice-sdpfrag")):
            answer = request(self.server, f"OPTIONS {path}")
            self.assertEqual((answer.status, answer.headers[name]), (204, kind))
        self.assertNotIn("accept-post", request(self.server, "OPTIONS /livez").headers)

    def test_every_header_may_be_read(self):
        self.assertEqual(
            request(self.server, "GET /livez").headers["access-control-expose-headers"], "*")

    def test_keep_alive_and_pipelining(self):
        s = self.server.connect()
        for i in range(3):
            self.assertEqual(request(self.server, f"GET /rtc/validate?v={i}", s=s).body,
                             str(i).encode())
        s.sendall(b"GET /rtc/validate?v=a HTTP/1.1\r\nHost: x\r\n\r\n"
                  b"GET /rtc/validate?v=b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        data = b""
        while more := receive(s, 65536):
            data += more
        self.assertEqual(data.count(b"HTTP/1.1 200 OK"), 2)
        self.assertTrue(data.endswith(b"b"))

    def test_head(self):
        answer = request(self.server, "HEAD /livez")
        self.assertEqual((answer.status, answer.headers["content-length"], answer.body),
                         (200, "3", b""))

    def test_late_answer(self):
        self.assertEqual(request(self.server, "GET /rtc/v1/validate").body, b"late")

    def test_client_gone_before_the_answer(self):
        s = self.server.connect()
        s.sendall(b"GET /rtc/validate HTTP/1.1\r\nHost: x\r\n\r\n")
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
        time.sleep(0.3)
        self.assertEqual(request(self.server, "GET /livez").status, 200)

    def test_client_that_ends_before_the_answer(self):
        s = self.server.connect()
        s.sendall(b"GET /rtc/validate?ms=5000 HTTP/1.1\r\nHost: x\r\n\r\n")
        s.shutdown(socket.SHUT_WR)
        self.assertEqual(self.server.process.stdout.readline(), "gone\n")
        self.assertTrue(ended(s, 2))

    def test_client_that_ends_just_before_the_answer(self):
        """Sooner than anybody looks whether it still waits."""
        s = self.server.connect()
        s.sendall(b"GET /rtc/validate?ms=100 HTTP/1.1\r\nHost: x\r\n\r\n")
        s.close()
        said = self.server.process.stdout.readline()
        if said == "gone\n":  # on a machine that is slow
            said = self.server.process.stdout.readline()
        self.assertEqual(said, "in vain\n")

    def test_client_that_waits_for_its_answer(self):
        self.assertEqual(request(self.server, "GET /rtc/validate?ms=800").body, b"late")
        self.assertNotRegex(self.stop(), "gone|in vain")

    def test_garbage(self):
        for line in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                     b"BREW /pot HTTP/1.1\r\n\r\n",
                     b"CONNECT x:1 HTTP/1.1\r\n\r\n", b"\r\n\r\n\r\n\r\n", b"GET\r\n\r\n",
                     b"GET / HTTP/1.1\r\nX: " + b"y" * 70000 + b"\r\n\r\n",
                     b"GET /%zz HTTP/1.1\r\n\r\n", b"GET /?" + b"a&" * 500 + b" HTTP/1.1\r\n\r\n"):
            s = self.server.connect()
            try:
                s.sendall(line)
                s.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            ended(s, 1)
        self.assertEqual(request(self.server, "GET /livez").status, 200)

    def test_probes(self):
        self.assertEqual(request(self.server, "GET /livez").body, b"ok\n")
        answer = request(self.server, "GET /readyz")
        self.assertEqual((answer.status, answer.body), (503, b"cordoned\n"))
        answer = request(self.server, "GET /metrics")
        self.assertTrue(answer.headers["content-type"].startswith("text/plain; version=0.0.4"))
        self.assertRegex(answer.body, rb'^# HELP test_build_info [^\n]+\n'
                                      rb'# TYPE test_build_info gauge\n'
                                      rb'test_build_info{version="[\d.]+"} 1\n')
        self.assertRegex(answer.body, rb"# TYPE test_http_connections gauge\n"
                                      rb"test_http_connections \d\n")


    def test_probes_on_a_port_of_their_own(self):
        def probe(line, headers=""):
            s = self.server.connect(self.server.probes_port)
            return request(self.server, line, headers, s=s)
        self.assertEqual(probe("GET /livez").body, b"ok\n")
        self.assertEqual(probe("GET /readyz").status, 503)
        answer = probe("GET /metrics")
        self.assertIn(b"test_http_requests_total", answer.body)
        self.assertNotIn("access-control-allow-origin", answer.headers)
        self.assertEqual(probe("GET /").status, 404)
        self.assertEqual(probe("OPTIONS /livez").status, 405)
        self.assertEqual(probe("POST /livez", "Content-Length: 9\r\n").status, 405)


class Proxied(Case):
    options = {"proxied": 1}

    def test_client_address(self):
        for header, address in (("", "127.0.0.1"), ("X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1"),
                                ("X-Forwarded-For: 10.9.9.9, 2001:db8::7\r\n", "2001:db8::7")):
            self.assertEqual(Ws(self.server, headers=header).hello()[0], f"hello {address} 0")


class Tls(unittest.TestCase):
    def test_tls(self):
        with tempfile.TemporaryDirectory() as root:
            cert, key = os.path.join(root, "cert.pem"), os.path.join(root, "key.pem")
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
                            "-days", "1", "-subj", "/CN=localhost",
                            "-addext", "subjectAltName=DNS:localhost",
                            "-keyout", key, "-out", cert], check=True, capture_output=True)
            server = Server(tls=[cert, key])
            context = ssl.create_default_context(cafile=cert)
            context.set_alpn_protocols(["h2", "http/1.1"])
            plain = server.connect
            server.connect = lambda: context.wrap_socket(plain(), server_hostname="localhost")
            self.assertEqual(server.connect().selected_alpn_protocol(), "http/1.1")
            ws = Ws(server)
            ws.hello()
            payload = os.urandom(2 * MIB)
            ws.send(BINARY, payload)
            self.assertEqual(ws.receive(), (BINARY, payload))
            body = os.urandom(3 * MIB)
            self.assertEqual(post(server, "/twirp/x", body).body, body)
            stranger = plain()
            stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
            self.assertTrue(ended(stranger, 3))
            self.assertEqual(server.stop()[0], 0)

    def test_certificate_that_is_not_there(self):
        done = subprocess.run([SERVER, "", "0", "0", "0", "0", "0", "/no/cert", "/no/key"],
                              capture_output=True, text=True, timeout=10)
        self.assertEqual(done.returncode, 1)
        self.assertIn("http_start_failed", done.stderr)


class Cap(Case):
    options = {"connections": 2}

    def test_cap(self):
        held = [Ws(self.server), Ws(self.server)]
        third = request(self.server, "GET /livez")
        self.assertEqual(third.status, 503)
        self.assertIn("retry-after", third.headers)
        self.assertEqual(Ws(self.server).answer.status, 503)
        held.pop().s.close()
        time.sleep(0.2)
        self.assertEqual(request(self.server, "GET /livez").status, 200)
        crowd = [self.server.connect() for _ in range(40)]
        self.assertTrue(ended(crowd[-1], 2))


class Pages(Case):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        root = self.dir.name
        self.script = b"console.log(1);\n" * 20000
        files = {
            "secret.txt": b"outside",
            "www/index.html": b"<!doctype html>",
            "www/.hidden": b"hidden",
            "www/.git/config": b"hidden",
            "www/assets/app-1a2b.js": self.script,
            "www/assets/app-1a2b.js.gz": gzip.compress(self.script),
            "www/a b.svg": b"<svg/>",
            "www/assets/wasm/worker-1a2b.js": b"importScripts()",
            "www/assets/wasm/3c4d/x.wasm": b"\0asm",
            "www/console/index.html": b"<!doctype html><title>console</title>",
        }
        for name, content in files.items():
            path = os.path.join(root, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content)
        os.symlink("../secret.txt", os.path.join(root, "www/link.txt"))
        self.server = Server(pages=root + "/www/")

    def tearDown(self):
        super().tearDown()
        self.dir.cleanup()

    def test_index(self):
        for path in ("/", "/meet", "/meet/", "/meet/any-room?x=1", "/index.html", "//meet"):
            answer = request(self.server, "GET " + path)
            self.assertEqual((answer.status, answer.body), (200, b"<!doctype html>"), path)
            self.assertEqual(answer.headers["content-type"], "text/html; charset=utf-8")
            self.assertEqual(answer.headers["cache-control"], "no-cache")
            policy = answer.headers["content-security-policy"]
            self.assertIn("default-src 'self';", policy)
            self.assertNotIn("unsafe", policy)
            self.assertNotIn("http", policy)

    def test_folder(self):
        """A folder with an index is that, with or without a slash; one without is nothing."""
        for path in ("/console", "/console/", "/console/?x=1", "/console/index.html"):
            answer = request(self.server, "GET " + path)
            self.assertIn(b"console", answer.body, path)
            self.assertIn("default-src 'self';", answer.headers["content-security-policy"])
        for path in ("/assets", "/console/x", "/console/index.html/", "/" + "c" * 300):
            self.assertEqual(request(self.server, "GET " + path).status, 404, path)

    def test_who_may_compile_webassembly(self):
        """A worker of that folder, and nothing else; no one may compile text."""
        for path, may in (("/assets/wasm/worker-1a2b.js", True), ("/assets/wasm/3c4d/x.wasm", True),
                          ("/assets/app-1a2b.js", False), ("/meet/x", False), ("/console", False)):
            policy = request(self.server, "GET " + path).headers["content-security-policy"]
            sources = re.search(r"script-src ([^;]*);", policy)[1].split()
            self.assertEqual(sources, ["'self'", "'wasm-unsafe-eval'"] if may else ["'self'"], path)
        module = request(self.server, "GET /assets/wasm/3c4d/x.wasm")
        self.assertEqual(module.headers["content-type"], "application/wasm")
        self.assertIn("immutable", module.headers["cache-control"])

    def test_gzip_and_etag(self):
        plain = request(self.server, "GET /assets/app-1a2b.js")
        self.assertEqual(plain.body, self.script)
        self.assertIn("immutable", plain.headers["cache-control"])
        packed = request(self.server, "GET /assets/app-1a2b.js", "Accept-Encoding: br, gzip\r\n")
        self.assertEqual(packed.headers["content-encoding"], "gzip")
        self.assertEqual(packed.headers["vary"], "Accept-Encoding")
        self.assertEqual(gzip.decompress(packed.body), self.script)
        self.assertNotEqual(plain.headers["etag"], packed.headers["etag"])
        same = request(self.server, "GET /assets/app-1a2b.js",
                       f"If-None-Match: {plain.headers['etag']}\r\n")
        self.assertEqual((same.status, same.body), (304, b""))
        self.assertEqual(request(self.server, "GET /a%20b.svg").headers["content-type"],
                         "image/svg+xml")

    def test_nothing_else_is_there(self):
        for path in ("/../secret.txt", "/assets/../../secret.txt", "/%2e%2e/secret.txt",
                     "/..%2fsecret.txt", "/%2e%2e%2fsecret.txt", "/....//secret.txt",
                     "/meet/../../secret.txt", "/\\..\\secret.txt", "/link.txt", "/.hidden",
                     "/.git/config", "/assets", "/assets/", "/index.html/", "/x%00",
                     "/../secret.txt%00.html"):
            answer = request(self.server, "GET " + path)
            self.assertNotIn(answer.body, (b"outside", b"hidden"), path)
            self.assertIn(answer.status, (0, 403, 404), path)

    def test_no_pages(self):
        self.stop()
        empty = os.path.join(self.dir.name, "empty")
        os.mkdir(empty)
        self.server = Server(pages=empty)
        self.assertEqual(request(self.server, "GET /").status, 404)

    def test_slow_download(self):
        s = self.server.connect()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.sendall(b"GET /assets/app-1a2b.js HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.7)
        self.assertEqual(Answer(s).body, self.script)


class Status(Case):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.status = os.path.join(self.dir.name, "status")
        os.makedirs(os.path.join(self.status, "below"))
        self.put("index.html", b"first")
        self.put(".hidden", b"outside")
        self.put("../outside.txt", b"outside")
        self.put("status.css", b"p {}")
        self.put("large.json", b"x" * ((8 << 20) + 1))
        os.symlink("/etc/passwd", os.path.join(self.status, "link.txt"))
        os.mkfifo(os.path.join(self.status, "fifo.txt"))
        os.environ["STATUS_DIR"] = self.status
        self.addCleanup(os.environ.pop, "STATUS_DIR", None)
        self.server = Server()

    def put(self, name, content):
        path = os.path.join(self.status, name)
        with open(path + ".new", "wb") as file:
            file.write(content)
        os.rename(path + ".new", path)

    def test_it_is_read_when_it_is_asked_for(self):
        first = request(self.server, "GET /status/")
        self.assertEqual((first.status, first.body), (200, b"first"))
        self.assertEqual(first.headers["content-type"], "text/html; charset=utf-8")
        self.assertEqual(first.headers["cache-control"], "no-cache")
        self.assertIn("default-src 'self'", first.headers["content-security-policy"])
        has_it = f"If-None-Match: {first.headers['etag']}\r\n"
        self.assertEqual(request(self.server, "GET /status/index.html", has_it).status, 304)
        self.put("index.html", b"second")
        self.assertEqual(request(self.server, "GET /status/", has_it).body, b"second")
        os.unlink(os.path.join(self.status, "index.html"))
        self.assertEqual(request(self.server, "GET /status/").status, 404)

    def test_beside_it(self):
        answer = request(self.server, "GET /status")
        self.assertEqual((answer.status, answer.headers["location"]), (308, "/status/"))
        answer = request(self.server, "GET /status/status.css")
        self.assertEqual(answer.headers["content-type"], "text/css; charset=utf-8")

    def test_nothing_else_is_there(self):
        for name in ("../outside.txt", "%2e%2e%2foutside.txt", "below", "below/x", ".hidden",
                     "link.txt", "fifo.txt", "large.json", "index.html/", "none.html",
                     "x" * 300, "index.html%00", "INDEX.HTML"):
            answer = request(self.server, "GET /status/" + name)
            self.assertIn(answer.status, (0, 403, 404), name)
            self.assertNotIn(b"outside", answer.body, name)

    def test_without_one(self):
        self.stop()
        del os.environ["STATUS_DIR"]
        self.server = Server()
        self.assertEqual(request(self.server, "GET /status/").status, 404)


if __name__ == "__main__":
    unittest.main(verbosity=2, warnings="ignore")
