# SPDX-License-Identifier: Apache-2.0
"""Traces of a live cluster, taken by a small OTLP receiver: what joins and deaths look like to
whoever watches, and that a receiver that goes away costs traces and nothing else.

    traces_test.py BUILD_DIRECTORY [unittest arguments]
"""
import http.server as http_server
import json
import subprocess
import threading
import unittest

from cluster import API_KEY, API_SECRET, BUILD, HOST, free_ports, http, metrics, wait
from load_test import LOAD
from orchestrators_test import BEARER, Three

SLACK_US = 20000  # each process read both of its clocks at its start, one after the other


class Receiver:
    """OTLP over HTTP in its JSON encoding, as opentelemetry-collector takes it."""

    def __init__(self, port):
        self.port, self.spans, self.headers, self.server = port, [], [], None
        self.status = 200

    def start(self):
        receiver = self

        class Handler(http_server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.path == "/v1/traces", self.path
                assert self.headers["Content-Type"] == "application/json"
                receiver.headers.append(dict(self.headers))
                if receiver.status == 200:
                    receiver.spans += list(read(json.loads(body)))
                self.send_response(receiver.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self.server = http_server.ThreadingHTTPServer((HOST, self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def traces(self, root):
        """{trace id: its spans}, of those whose root, which is the last to come, has that name."""
        ids = {span["trace"] for span in list(self.spans)
               if span["name"] == root and span["parent"] is None}
        return {one: [span for span in list(self.spans) if span["trace"] == one] for one in ids}


def attributes(owner):
    return {pair["key"]: next(iter(pair["value"].values())) for pair in owner["attributes"]}


def read(request):
    for resource in request["resourceSpans"]:
        service = attributes(resource["resource"])
        for scope in resource["scopeSpans"]:
            assert scope["scope"]["name"] == "spillway"
            for span in scope["spans"]:
                assert len(span["traceId"]) == 32 and len(span["spanId"]) == 16, span
                yield {"name": span["name"], "kind": span["kind"], "trace": span["traceId"],
                       "id": span["spanId"], "parent": span.get("parentSpanId"),
                       "service": service["service.name"],
                       "instance": service["service.instance.id"],
                       "from_us": int(span["startTimeUnixNano"]) // 1000,
                       "to_us": int(span["endTimeUnixNano"]) // 1000,
                       "failed": span.get("status", {}).get("code") == 2,
                       **attributes(span)}


class Case(unittest.TestCase):
    """One cluster for all tests of a class, each with a room of its own."""

    @classmethod
    def setUpClass(cls):
        cls.receiver = Receiver(free_ports(1)).start()
        cls.addClassCleanup(cls.receiver.stop)
        cls.cluster = Three(tracing={"otlp_endpoint": f"http://{HOST}:{cls.receiver.port}/",
                                     "authorization": "Bearer of-the-collector"})
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.start()

    def setUp(self):
        self.room = self.id().rpartition(".")[2]
        wait("nothing waits", lambda: self.count("trace_spans_waiting") == 0)
        self.receiver.spans.clear()

    def count(self, name):
        return sum(metrics(each)[name] for each in self.cluster.orchestrators)

    def load(self, *options):
        urls = [word for each in self.cluster.orchestrators
                for word in ("--url", each.url.replace("http", "ws"))]
        process = subprocess.Popen(
            [str(word) for word in (LOAD, *urls, "--key", API_KEY, "--secret", API_SECRET, "--room",
                                    self.room, "--audio", "--progress", *options)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        while "measuring" not in (line := process.stderr.readline()):
            self.assertNotEqual(line, "", "ended before that")
        return process

    def traces(self, root, count):
        wait(f"{count} traces of {root}", lambda: len(self.receiver.traces(root)) >= count)
        return list(self.receiver.traces(root).values())

    def check_tree(self, spans):
        """One root, no span without its parent, each within its parent's time."""
        by_id = {span["id"]: span for span in spans}
        self.assertEqual(len(by_id), len(spans))
        self.assertEqual(len([span for span in spans if span["parent"] is None]), 1, spans)
        for span in spans:
            self.assertLessEqual(span["from_us"], span["to_us"], span)
            if span["parent"] is not None:
                parent = by_id[span["parent"]]
                self.assertGreaterEqual(span["from_us"], parent["from_us"] - SLACK_US, span)
                self.assertLessEqual(span["to_us"], parent["to_us"] + SLACK_US, span)
            self.assertFalse(span["failed"], span)

    def one(self, spans, name):
        found = [span for span in spans if span["name"] == name]
        self.assertEqual(len(found), 1, (name, [span["name"] for span in spans]))
        return found[0]


class Live(Case):
    def test_from_the_request_to_media(self):
        """People through one orchestrator or another: one trace each, by way of the room's owner
        and node. Who comes when somebody is heard already has it end with a packet."""
        self.load("--receivers", 1, "--seconds", 60)
        self.load("--publishers", 0, "--receivers", 3, "--seconds", 1, "--identity", "late")
        traces = self.traces("join", 5)
        self.assertEqual(len(traces), 5)
        owners, fronts, with_media = set(), set(), 0
        for spans in traces:
            self.check_tree(spans)
            root, owner = self.one(spans, "join"), self.one(spans, "room_join")
            fronts.add(root["instance"])
            owners.add(owner["instance"])
            self.assertEqual({span["service"] for span in spans},
                             {"spillway-orchestrator", "spillway-node"})
            names = {span["name"] for span in spans}
            with_media += {"media", "media_send"} <= names
            for name in ("negotiation", "placement", "spec", "dtls", *({"media"} & names)):
                part = self.one(spans, name)
                self.assertEqual((part["parent"], part["instance"]),
                                 (owner["id"], owner["instance"]))
            ice = self.one(spans, "ice")
            self.assertEqual((ice["parent"], ice["service"]), (owner["id"], "spillway-node"))
            self.assertIn(ice["instance"], {row["id"] for row in self.cluster.list_nodes()})
            elsewhere = root["instance"] != owner["instance"]
            ask = [span for span in spans if span["name"] == "owner_ask"]
            self.assertEqual(len(ask), int(elsewhere))
            self.assertEqual(owner["parent"], ask[0]["id"] if elsewhere else root["id"])
        self.assertEqual((len(owners), len(fronts)), (1, 3))
        self.assertGreaterEqual(with_media, 3)
        text = json.dumps(self.receiver.spans)
        for secret in (self.room, "load-", "late-", "127.0.0.1", API_KEY):
            self.assertNotIn(secret, text)  # names of nobody
        self.assertEqual(self.receiver.headers[0]["Authorization"], "Bearer of-the-collector")
        logged = {line.rpartition("trace_id=")[2].split()[0]
                  for each in self.cluster.orchestrators
                  for line in each.log_lines("participant_joined")}
        self.assertLessEqual({spans[0]["trace"] for spans in traces}, logged)

    def test_in_its_callers_trace(self):
        """A call whose caller traces it goes on in his trace, in the room's owner, too."""
        trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
        for each in self.cluster.orchestrators:
            status, _ = http(f"{each.url}/twirp/livekit.RoomService/CreateRoom",
                             json.dumps({"name": self.room}).encode(), **BEARER,
                             **{"Content-Type": "application/json",
                                "traceparent": f"00-{trace}-{parent}-01"})
            self.assertEqual(status, 200)
        wait("three calls, two of them elsewhere", lambda: len(
            [span for span in list(self.receiver.spans) if span["trace"] == trace and
             span["name"] in ("POST livekit.RoomService/CreateRoom", "room_call")]) >= 5)
        for span in self.receiver.spans:
            if span["name"] == "POST livekit.RoomService/CreateRoom":
                self.assertEqual((span["parent"], span["http.response.status_code"]),
                                 (parent, "200"))

    def test_only_traces_are_lost(self):
        """A receiver that is away, and one that refuses: everybody joins as before. What it missed
        comes once it is back, what it refused is counted."""
        self.addCleanup(setattr, self.receiver, "status", 200)
        failed = self.count("trace_requests_failed_total")
        self.receiver.stop()
        self.load("--receivers", 1, "--seconds", 1).wait(30)
        wait("requests fail", lambda: self.count("trace_requests_failed_total") > failed)
        self.assertEqual(self.receiver.spans, [])
        self.receiver.start()
        self.traces("join", 2)
        self.assertEqual(self.count('trace_spans_dropped_total{reason="refused"}'), 0)
        self.receiver.status = 400
        self.load("--receivers", 1, "--seconds", 1).wait(30)
        wait("spans are given up",
             lambda: self.count('trace_spans_dropped_total{reason="refused"}') > 0)
        self.assertEqual(self.count('trace_spans_dropped_total{reason="overflow"}'), 0)


class Death(Case):
    def test_from_the_last_word_to_the_next_path(self):
        """Everybody's move off a node that is killed is a trace of its own: found, told to the next
        node, and there."""
        self.load("--receivers", 2, "--seconds", 60, "--lost-max", 1000)
        self.traces("join", 3)  # else a move is a part of somebody's join
        row = self.cluster.node(self.cluster.rooms()[self.room])
        dead = next(node for node in self.cluster.nodes if node.name == row["name"])
        dead.kill()
        traces = self.traces("move", 3)
        self.assertEqual(len(traces), 3)
        for spans in traces:
            self.check_tree(spans)
            root, detection = self.one(spans, "move"), self.one(spans, "detection")
            self.assertEqual((root["spillway.move.cause"], root["spillway.move.from"]),
                             ("death", row["id"]))
            self.assertEqual(root["from_us"], detection["from_us"])
            spec, ice = self.one(spans, "spec"), self.one(spans, "ice")
            self.assertGreaterEqual(spec["from_us"], detection["to_us"])
            self.assertEqual((ice["service"], ice["instance"]),
                             ("spillway-node", root["spillway.move.to"]))
            self.assertNotEqual(ice["instance"], row["id"])


if __name__ == "__main__":
    unittest.main()
