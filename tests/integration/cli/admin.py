# SPDX-License-Identifier: Apache-2.0
"""An admin API of the tests' own (docs/protocols/admin-api.md), and spillctl run against it."""
import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import time
import unittest

SPILLCTL = sys.argv.pop(1)
OK, FAILED, USAGE, NOT_FOUND, REFUSED, TIMEOUT, UNREACHABLE = range(7)

NODE = {"id": "ND_1", "name": "node-a", "region": "eu", "zone": "", "version": "0.1.0",
        "state": "ready", "suspect": False, "capacity": 1000, "weight": 12, "reserved": 3,
        "rooms": 2, "transports": 5, "tracks": 4, "subscriptions": 8,
        "cpu_ratio": 0.125, "loop_lag_us": 70, "bps_in": 1500000, "bps_out": 42,
        "registered_at": "2026-01-01T00:00:00Z", "heard_at": "2026-01-01T00:00:00Z"}
ROOM = {"name": "my room", "sid": "RM_1", "node": "ND_1", "node_name": "node-a", "epoch": 7,
        "participants": 1, "publishers": 1, "weight": 3, "max_participants": 0, "metadata": "",
        "created_at": "2026-01-01T00:00:00Z", "pinned_node": "", "pinned_region": ""}
PLACE = {"room": "my room", "who": "join", "region": "eu", "weight": 4,
         "expected_participants": 3, "expected_from": "history", "expected_weight": 18,
         "node": "ND_1", "node_name": "node-a", "reason": "kept",
         "text": "the room's own node in the asked region eu", "retry_after_s": 0,
         "distance_ms": 0,
         "nodes": [{"id": "ND_1", "name": "node-a", "region": "eu", "zone": "", "state": "ready",
                    "weight": 12, "reserved": 3, "capacity": 1000, "reason": "kept",
                    "text": "chosen: holds the room already: 15 of 1000"}]}
FULL = {**PLACE, "room": "", "who": "new_room", "node": "", "node_name": "", "reason": "full",
        "text": "the media nodes are full, try again in 12 s", "retry_after_s": 12}
WHY = {"owner": "o-1", "owner_id": "OR_1", "room": ROOM, "places": [
    {"id": "ND_1", "name": "node-a", "region": "eu", "state": "ready", "participants": 1,
     "weight": 3, "cause": "death", "from": "ND_9", "from_name": "node-z",
     "since": "2026-01-01T00:00:00Z"}], "next": PLACE}
CAPACITY = {"regions": [
    {"name": "eu", "wanted_nodes": 7, "reason": "demand", "need_nodes": 7, "ready_nodes": 5,
     "draining_nodes": 0, "surplus_nodes": 0, "drain_next": "", "emptiest_node": "node-b",
     "node_weight": 1000, "carried_weight": 2900, "growth_weight": 400, "events_weight": 0,
     "spare_weight": 0, "timetable_nodes": 0},
    {"name": "us", "wanted_nodes": 2, "reason": "scale_in_after", "need_nodes": 1,
     "ready_nodes": 4, "draining_nodes": 0, "surplus_nodes": 2, "drain_next": "node-a",
     "emptiest_node": "node-a", "node_weight": 1000, "carried_weight": 812, "growth_weight": 0,
     "events_weight": 0, "spare_weight": 0, "timetable_nodes": 0}],
    "target_ratio": 0.6, "node_start_s": 180, "scale_in_after_s": 600,
    "survive_region_loss": False}
EVIL = "Eve\x1b[2J\u009b\nGr\u00fc\u00dfe"
PERSON = {"identity": "eve", "sid": "PA_1", "name": EVIL, "state": "active", "hidden": False,
          "metadata": "", "joined_at": "2026-01-01T00:00:00Z",
          "tracks": [{"sid": "TR_1", "name": "cam", "kind": "video", "source": "camera",
                      "mime_type": "video/VP8", "muted": False, "width": 640, "height": 360}]}

VIDEO = PERSON["tracks"][0]
FLOW = {"bits_per_second": 160000, "packets_per_second": 20.5, "lost_ratio": 0.0123,
        "jitter_ms": 1.25, "packets": 1234567890123, "bytes": 1, "lost_packets": 3,
        "nacked_packets": 4321, "repaired_packets": 5, "key_frame_requests": 6}
UNKNOWN = {**FLOW, "bits_per_second": None, "packets_per_second": None, "lost_ratio": None,
           "jitter_ms": None}
STATS = {"room": "my room", "identity": "eve", "sid": "PA_1", "node": "ND_1",
         "node_name": "node-a", "age_ms": 1200, "interval_ms": 5000, "quality": "good",
         "rtt_ms": 24.5, "estimate_bits_per_second": 1500000, "remb_bits_per_second": None,
         "tracks": [{**VIDEO, "score": 93, "layers": [
             {"layer": 0, "rid": "q", **FLOW, "frames_per_second": 29.9, "frames": 7},
             {"layer": 1, "rid": EVIL, **UNKNOWN, "frames_per_second": None, "frames": 0}]}],
         "subscriptions": [{**VIDEO, "sid": "TR_2", "publisher": EVIL, "score": None,
                            "paused": "bandwidth", "layer": None, "layer_max": 2, **UNKNOWN}]}
SNAPSHOT = {"version": "0123456789abcdef", "time": "2026-01-01T00:00:00Z",
            "orchestrators": [{"id": "OR_1", "name": "or-1", "region": "eu", "zone": "",
                               "rooms": 1, "participants": 1}],
            "regions": [{"name": "eu", "orchestrators": 1, "nodes": 1, "ready": 1, "cordoned": 0,
                         "draining": 0, "gray": 0, "gone": 0, "capacity": 1000, "weight": 12,
                         "reserved": 3, "transports": 5, "bps_in": 1500000, "bps_out": 42,
                         "participants": 1, "links": []}],
            "nodes": [NODE], "rooms": [ROOM]}
SILENT = {**STATS, "identity": "new", "age_ms": None, "quality": None, "tracks": [],
          "subscriptions": []}


def node(name, id, **fields):
    return {**NODE, "name": name, "id": id, **fields}


def node_answers(name, id, **fields):
    """GET of a node by its name and its id."""
    answer = 200, {**node(name, id, **fields), "endpoints": [], "room_names": ["my room"]}
    return {f"GET nodes/{name}": answer, f"GET nodes/{id}": answer}


def columns(answer, names):
    """A list as the table that was asked for."""
    fields = names.split(",")
    lists = {"nodes", "rooms"} & set(answer)
    rows = [[row.get(field) for field in fields] for key in lists for row in answer[key]]
    rest = {key: value for key, value in answer.items() if key not in lists}
    return {"fields": fields, "rows": rows, **rest} if lists else answer


class Admin(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests = []  # (method, path, authorization, body)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    always = None  # what everything is answered with, instead
    places = {"": FULL, "my room": PLACE}  # by room
    answers = {
        "GET nodes": (200, {"nodes": [NODE]}),
        **node_answers("node-a", "ND_1"),
        **node_answers("node-b", "ND_2"),
        **node_answers("full", "ND_3"),
        **node_answers("stuck", "ND_4", state="draining"),
        **node_answers("again", "ND_5"),
        "GET capacity": (200, CAPACITY),
        "GET rooms": (200, {"rooms": [ROOM]}),
        "GET snapshot": (200, SNAPSHOT),
        "GET rooms/my%20room": (200, ROOM),
        "POST drain_check": (200, {"possible": True, "text": ""}),
        "POST rebalance": (200, {"moves": [
            {"room": "my room", "from": "ND_1", "from_name": "node-a", "to": "ND_2",
             "to_name": "node-b", "participants": 3, "weight": 12, "cause": "cpu"}]}),
        "GET config": (200, {"orchestrator": "o-1", "orchestrator_id": "OR_1", "settings": [
            {"name": "region", "value": "eu", "origin": "orchestrator.yaml:3"}]}),
        "GET rooms/my%20room/explain": (200, WHY),
        "GET rooms/my%20room/participants": (200, {"participants": [PERSON]}),
        "GET rooms/my%20room/participants/eve": (200, PERSON),
        "GET rooms/my%20room/participants/eve/stats": (200, STATS),
        "GET rooms/my%20room/participants/new/stats": (200, SILENT),
        "POST rooms/my%20room/pin": (200, {**ROOM, "nodes": [
            {"id": "ND_1", "name": "node-a", "participants": 3},
            {"id": "ND_2", "name": "node-b", "participants": 1}], "pinned_node": "node-b"}),
        "POST rooms/my%20room/unpin": (200, ROOM),
        "POST rooms/my%20room/move": (200, {"room": "my room", "from": "ND_1", "to": "ND_2"}),
        "GET nodes/locked": (403, {"error": "forbidden", "message": "the token may not"}),
        "GET nodes/who": (401, {"error": "unauthorized", "message": "a token is needed"}),
        "POST rooms/there/move": (409, {"error": "conflict", "message": "it is there already"}),
        "GET nodes/broken": (500, None),
        "GET nodes/odd": (200, None),
        "POST nodes/ND_1/cordon": (200, {**NODE, "state": "cordoned"}),
        "POST nodes/ND_1/uncordon": (200, NODE),
        "POST nodes/ND_1/drain": (200, {**NODE, "state": "draining"}),
        "POST nodes/ND_3/drain": (409, {"error": "conflict", "message": "no place for them"}),
        "POST nodes/ND_4/drain": (200, node("stuck", "ND_4", state="draining")),
        "POST nodes/ND_5/drain": (200, node("again", "ND_5", state="draining")),
        "GET nodes/alone": (503, {"error": "unavailable", "message": "its owner does not answer"}),
    }

    def answer(self):
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        self.server.requests.append((self.command, self.path, self.headers["Authorization"], body))
        path, _, query = self.path.removeprefix("/admin/v1/").partition("?fields=")
        if path == "nodes/slow":
            time.sleep(3)
        if path == "place":
            asked = json.loads(body)
            self.answers["POST place"] = (200, self.places.get(asked.get("room", ""), PLACE))
        answer = self.answers.get(f"{self.command} {path}",
                                  (404, {"error": "not_found", "message": "no such thing"}))
        answer = self.always or answer
        status, answer = answer() if callable(answer) else answer
        if query and isinstance(answer, dict):
            answer = columns(answer, query)
        text = (b"<html>" if answer is None else answer.encode() if isinstance(answer, str)
                else json.dumps(answer).encode())
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        try:
            self.wfile.write(text)
        except (BrokenPipeError, ConnectionResetError):
            pass  # whoever asked had no more time

    do_GET = do_POST = answer

    def log_message(self, *arguments):
        pass


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.admin = Admin()

    def setUp(self):
        self.admin.requests.clear()

    def run_it(self, *arguments, exit_code=OK, env=None, server=True, data=False):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SPILLWAY_")}
        if server:
            environment["SPILLWAY_SERVER"] = self.admin.url
        environment.update(env or {})
        done = subprocess.run([SPILLCTL, *arguments], capture_output=True, text=True, timeout=30,
                              env=environment)
        self.assertEqual(done.returncode, exit_code, (arguments, done.stdout, done.stderr))
        if exit_code != OK:
            self.assertEqual(done.stdout != "", data, "talk belongs on stderr")
            self.assertNotEqual(done.stderr, "")
        return done

    def key(self):
        return {"SPILLWAY_API_KEY": "devkey", "SPILLWAY_API_SECRET": "secret"}
