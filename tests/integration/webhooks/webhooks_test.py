# SPDX-License-Identifier: Apache-2.0
"""Drives the webhook sender against a receiver that takes, refuses, delays and fails as told by the
events themselves: {"n": 1, "fail": 2, "status": 503, "sleep": 0.1}.

    webhooks_test.py PATH_OF_WEBHOOKS_TEST_SENDER [unittest arguments]
"""
import base64
import hashlib
import hmac
import http.server
import json
import socket
import subprocess
import sys
import threading
import time
import unittest

SENDER = sys.argv.pop(1)


class Receiver(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64  # 5 of themselves: connections beyond them are tried again after 1 s

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests = []  # of (key, n, headers, body) in the order they came
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # a sender that gives up is part of the tests

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/hook"

    def await_request(self):
        deadline = time.monotonic() + 10
        while not self.requests:
            assert time.monotonic() < deadline, "no request came"
            time.sleep(0.01)

    def ns(self, key=None):
        return [n for k, n, _, _ in self.requests if key in (None, k)]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        event = json.loads(body)
        receiver = self.server
        with receiver.lock:
            seen = receiver.ns(event["key"]).count(event["n"])
            receiver.requests.append((event["key"], event["n"], self.headers, body))
        bad = seen < event.get("fail", 0)
        if bad:
            time.sleep(event.get("sleep", 0))
        self.send_response(event.get("status", 503) if bad else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *arguments):
        pass


class Sender:
    def __init__(self, *urls, attempts=5, timeout_ms=2000, backoff_ms=40, queue=100, flush_ms=5000):
        numbers = [str(n) for n in (attempts, timeout_ms, backoff_ms, queue, flush_ms)]
        self.process = subprocess.Popen([SENDER] + numbers + list(urls), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def send(self, key, n, **more):
        self.process.stdin.write(key + " " + json.dumps({"key": key, "n": n, **more}) + "\n")
        self.process.stdin.flush()

    def await_failure(self):
        """An attempt has failed, and the event waits for its next one."""
        while "webhook_failed" not in (line := self.process.stderr.readline()):
            assert line, "the sender ended"

    def finish(self):
        output, self.log = self.process.communicate(timeout=30)
        lines = output.splitlines()
        assert self.process.returncode == 0 and lines[-1] == "done", (output, self.log)
        return json.loads(lines[0])


def unused_url():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{s.getsockname()[1]}/"


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


class Webhooks(unittest.TestCase):
    def setUp(self):
        self.receiver = Receiver()

    def tearDown(self):
        self.receiver.shutdown()
        self.receiver.server_close()

    def test_request_is_livekits(self):
        sender = Sender(self.receiver.url)
        sender.send("room", 1, text="gr\u00fc\u00dfe")
        self.assertEqual(sender.finish()["delivered"], 1)
        _, _, headers, body = self.receiver.requests[0]
        self.assertEqual(headers["Content-Type"], "application/webhook+json")
        head, payload, signature = headers["Authorization"].split(".")
        self.assertEqual(json.loads(decoded(head))["alg"], "HS256")
        expected = hmac.new(b"secret", f"{head}.{payload}".encode(), hashlib.sha256).digest()
        self.assertEqual(decoded(signature), expected)
        claims = json.loads(decoded(payload))
        self.assertEqual(claims["iss"], "devkey")
        self.assertEqual(claims["sha256"], base64.b64encode(hashlib.sha256(body).digest()).decode())
        self.assertLessEqual(claims["exp"], time.time() + 301)

    def test_order_of_a_key_survives_failures_and_others_do_not_wait(self):
        sender = Sender(self.receiver.url)
        sender.send("a", 1, fail=3)
        sender.send("a", 2, fail=1)
        sender.send("a", 3)
        sender.send("b", 1)
        counters = sender.finish()
        self.assertEqual(self.receiver.ns("a"), [1, 1, 1, 1, 2, 2, 3])
        order = [(key, n) for key, n, _, _ in self.receiver.requests]
        self.assertLess(order.index(("b", 1)), order.index(("a", 2)))
        self.assertEqual((counters["delivered"], counters["failures"]), (4, 4))

    def test_many_in_order(self):
        sender = Sender(self.receiver.url, queue=1000, flush_ms=20000)
        for n in range(200):
            sender.send(f"room{n % 5}", n)
        self.assertEqual(sender.finish()["delivered"], 200)
        for room in range(5):
            self.assertEqual(self.receiver.ns(f"room{room}"), list(range(room, 200, 5)))

    def test_back_off_doubles(self):
        sender = Sender(self.receiver.url, attempts=4, backoff_ms=200)
        begin = time.monotonic()
        sender.send("a", 1, fail=9)
        time.sleep(1.8)
        counters = sender.finish()
        self.assertEqual((counters["attempts"], counters["gave_up"]), (4, 1))
        # Upper halves of 200, 400 and 800 ms.
        self.assertGreaterEqual(time.monotonic() - begin, 0.7)

    def test_refused_for_good(self):
        sender = Sender(self.receiver.url)
        sender.send("a", 1, fail=9, status=400)
        sender.send("a", 2, fail=1, status=429)
        sender.send("a", 3, fail=1, status=308)
        counters = sender.finish()
        self.assertEqual(self.receiver.ns(), [1, 2, 2, 3])
        self.assertEqual((counters["delivered"], counters["gave_up"]), (1, 2))

    def test_slow_receiver(self):
        sender = Sender(self.receiver.url, timeout_ms=200)
        sender.send("a", 1, fail=1, sleep=1)
        counters = sender.finish()
        self.assertEqual((counters["delivered"], counters["failures"]), (1, 1))

    def test_one_url_down(self):
        sender = Sender(unused_url(), self.receiver.url, attempts=2, backoff_ms=10)
        for n in range(3):
            sender.send("a", n)
        counters = sender.finish()
        self.assertEqual(self.receiver.ns(), [0, 1, 2])
        self.assertEqual((counters["sent"], counters["delivered"], counters["gave_up"]), (6, 3, 3))

    def test_queue_drops_the_oldest_that_waits(self):
        sender = Sender(self.receiver.url, queue=3)
        sender.send("a", 0, fail=1, sleep=0.5, status=500)
        self.receiver.await_request()
        for n in range(1, 8):
            sender.send("a", n)
        counters = sender.finish()
        self.assertEqual(counters["overflow"], 4)
        # 0 was under way and came back to the front of what was left.
        self.assertEqual(self.receiver.ns(), [0, 0, 5, 6, 7])
        self.assertEqual(counters["waiting"], 0)

    def test_bounded_flush(self):
        sender = Sender(self.receiver.url, flush_ms=300)
        sender.send("a", 0, fail=1, sleep=5)
        sender.send("a", 1)
        self.receiver.await_request()
        begin = time.monotonic()
        counters = sender.finish()
        self.assertLess(time.monotonic() - begin, 2)
        self.assertEqual((counters["delivered"], counters["shutdown"]), (0, 2))

    def test_flush_does_not_sit_out_a_back_off(self):
        sender = Sender(self.receiver.url, backoff_ms=60000)
        sender.send("a", 0, fail=1)
        sender.send("a", 1)
        sender.await_failure()
        begin = time.monotonic()
        self.assertEqual(sender.finish()["delivered"], 2)
        self.assertLess(time.monotonic() - begin, 2)

    def test_bad_url(self):
        for url in ("ftp://127.0.0.1/", "nonsense:", "file:///etc/passwd"):
            process = Sender(url).process
            process.communicate(timeout=10)
            self.assertEqual(process.returncode, 1, url)


if __name__ == "__main__":
    unittest.main(verbosity=2, warnings="ignore")
