# SPDX-License-Identifier: Apache-2.0
"""How every command of spillctl exits, whatever it was told, and whoever answers.

    exits_test.py PATH_OF_SPILLCTL [unittest arguments]
"""
import contextlib
import json
import socket
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

from admin import (FAILED, NODE, NOT_FOUND, REFUSED, ROOM, TIMEOUT, UNREACHABLE, USAGE, Admin, Case,
                   Handler, free_port, node, node_answers)

# Every command that asks an orchestrator.
ASKING = [("get", "nodes"), ("get", "rooms"), ("get", "participants"),
          ("get", "participants", "--room", "my room"), ("describe", "node", "node-a"),
          ("describe", "room", "my room"), ("describe", "participant", "eve", "--room", "my room"),
          ("stats", "eve"), ("stats", "eve", "--room", "my room"),
          ("move", "--room", "my room", "--to", "node-b"),
          ("move", "eve", "--room", "my room", "--to", "node-b"), ("cordon", "node-a"),
          ("uncordon", "node-a"), ("drain", "node-a", "--detach"), ("place", "explain", "my room"),
          ("place", "--dry-run"), ("explain", "room", "my room"),
          ("pin", "my room", "--region", "eu"), ("rebalance",), ("rollout", "nodes", "--yes")]
ALONE = [("version",), ("help",), ("token", "create", "--room", "r", "--identity", "i",
                                   "--api-key", "k", "--api-secret", "s")]
NAMING_NODES = [("describe", "node"), ("cordon",), ("uncordon",),
                ("drain", "--detach", "--yes"), ("move", "--yes", "--room", "my room", "--to")]


def error(status, text="as the test wants it"):
    return status, {"error": "some", "message": text}


class Every(Case):
    def all_exit(self, exit_code, *arguments, commands=ASKING, **how):
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(lambda command: self.run_it(
                *command, *arguments, exit_code=exit_code, **how), commands))

    def test_status(self):
        """The orchestrator's word is told, and its status counts."""
        for status, exit_code in ((400, USAGE), (401, REFUSED), (403, REFUSED), (404, NOT_FOUND),
                                  (405, FAILED), (409, REFUSED), (500, FAILED), (503, TIMEOUT)):
            with patch.object(Handler, "always", error(status)):
                commands = [each for each in ASKING if status != 404 or each[0] not in (
                    "get", "place", "rollout", "config", "rebalance")]  # which name nothing
                for done in self.all_exit(exit_code, commands=commands, env=self.key()):
                    if status != 404:
                        self.assertEqual(done.stderr, "spillctl: as the test wants it\n")

    def test_something_else_listens(self):
        for status, text, exit_code, told in (
                (200, None, FAILED, "does not answer like an orchestrator"),
                (200, "[]", FAILED, "does not answer like an orchestrator"),
                (404, None, FAILED, "answered with status 404\n"),
                (404, "404 page not found\n", FAILED, "status 404: 404 page not found\n"),
                (502, None, FAILED, "answered with status 502\n"),
                (503, "the room's orchestrator \x1b does not answer", TIMEOUT,
                 "status 503: the room's orchestrator ? does not answer\n")):
            with patch.object(Handler, "always", (status, text)):
                for done in self.all_exit(exit_code):
                    self.assertIn(told, done.stderr)

    def test_unreached(self):
        """Nothing listens, no name, or connections are not taken."""
        for server in (f"http://127.0.0.1:{free_port()}", "http://no.such.host.invalid"):
            self.all_exit(UNREACHABLE, "--server", server, server=False)
        with self.silent() as url:
            self.all_exit(UNREACHABLE, "--server", url, "--timeout", "1s", server=False)

    def test_half_dead(self):
        """Takes connections and never answers; or begins to, and goes no further."""
        with socket.create_server(("127.0.0.1", 0), backlog=64) as hung:
            url = f"http://127.0.0.1:{hung.getsockname()[1]}"
            self.all_exit(TIMEOUT, "--server", url, "--timeout", "1s", server=False)
        begun = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"
        with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor() as pool:
            url = f"http://127.0.0.1:{server.getsockname()[1]}"
            done = pool.submit(self.run_it, "get", "nodes", "--server", url, "--timeout", "1s",
                               exit_code=TIMEOUT, server=False)
            connection, _ = server.accept()
            with connection:
                connection.sendall(begun)
                done.result()

    @contextlib.contextmanager
    def silent(self):
        """One whose queue of connections is full: as a host that drops what comes."""
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
            for _ in range(3):
                client = stack.enter_context(socket.socket())
                client.setblocking(False)
                client.connect_ex(server.getsockname())
            yield f"http://127.0.0.1:{server.getsockname()[1]}"

    def test_alone(self):
        """What asks nobody does not mind."""
        self.all_exit(0, "--server", f"http://127.0.0.1:{free_port()}", commands=ALONE,
                      server=False)

    def test_changes_are_asked_for_once(self):
        """What may have been done is not asked of another one; what was never sent is."""
        def late():
            time.sleep(2)
            return 200, NODE

        other = Admin()
        both = f"{self.admin.url},{other.url}"
        with patch.dict(Handler.answers, {"POST nodes/ND_1/cordon": late}):
            self.run_it("cordon", "node-a", "--server", both, "--timeout", "1s", server=False,
                        exit_code=TIMEOUT)
        self.assertEqual(other.requests, [])
        with self.silent() as url:
            self.run_it("cordon", "node-a", "--server", f"{url},{other.url}", "--timeout", "1s",
                        server=False)
        self.assertEqual([method for method, *_ in other.requests], ["GET", "POST"])
        other.shutdown()
        other.server_close()

    def test_partial(self):
        """An orchestrator did not say its part: what there is is printed."""
        partial = {"unanswered": ["orchestrator-2"]}
        answers = {f"POST nodes/ND_1/{verb}": (200, {**NODE, **partial})
                   for verb in ("cordon", "uncordon", "drain")}
        answers["GET nodes/node-a"] = (200, {**NODE, **partial})
        for what, row in (("nodes", NODE), ("rooms", ROOM)):
            answers[f"GET {what}"] = (200, {what: [row], **partial})
        with patch.dict(Handler.answers, answers):
            for command in (("get", "nodes"), ("get", "rooms"), ("get", "participants"),
                            ("describe", "node", "node-a"), ("cordon", "node-a"),
                            ("uncordon", "node-a"), ("drain", "node-a", "--detach")):
                done = self.run_it(*command, "-o", "json", exit_code=TIMEOUT, data=True)
                self.assertIn("orchestrator-2 does not answer", done.stderr)
                json.loads(done.stdout)


class Names(Case):
    """Nodes by id, by name, or by a beginning of one."""

    def with_nodes(self, *nodes):
        answers = {key: error(404) for key in Handler.answers if key.startswith("GET nodes/")}
        answers["GET nodes"] = 200, {"nodes": list(nodes)}
        for each in nodes:
            answers |= node_answers(**each)
            for verb in ("cordon", "uncordon", "drain"):
                answers[f"POST nodes/{each['id']}/{verb}"] = 200, each
        return patch.dict(Handler.answers, answers)

    def asked(self):
        """The nodes in what was asked last, but for where a move was from."""
        requests = self.admin.requests
        moved = len(requests) > 1 and requests[-2][1].endswith("move")
        _, path, _, body = requests[-2 if moved else -1]
        return json.loads(body)["to"] if path.endswith("move") else path.split("/")[4]

    def test_beginnings(self):
        with self.with_nodes(node("node-1", "ND_ab"), node("node-10", "ND_ac"),
                             node("east", "ND_node"), node("eager", "ND_x", state="gone")):
            for command in NAMING_NODES:
                for text, wanted in (("node-1", "ND_ab"), ("node-10", "ND_ac"), ("ND_ab", "ND_ab"),
                                     ("ea", "ND_node"), ("ND_n", "ND_node"), ("east", "ND_node")):
                    self.run_it(*command, text)
                    self.assertIn(self.asked(), (wanted, text))

    def test_ambiguous(self):
        with self.with_nodes(node("node-1", "ND_ab"), node("node-10", "ND_ac")):
            for command in NAMING_NODES:
                for text in ("n", "node-", "ND_a"):
                    done = self.run_it(*command, text, exit_code=USAGE)
                    self.assertIn("any of 2 nodes: node-1, node-10", done.stderr)
        many = [node(f"node-{i:05}", f"ND_{i}") for i in range(10000)]
        with self.with_nodes(*many):
            told = self.run_it("cordon", "node-", exit_code=USAGE).stderr
        self.assertIn("10000 nodes: node-00000, node-00001", told)
        self.assertLess(len(told), 200)

    def test_unknown(self):
        for command in NAMING_NODES:
            done = self.run_it(*command, "nobody", exit_code=NOT_FOUND)
            self.assertIn('no live node has the id or name "nobody"', done.stderr)
            self.run_it(*command, "", exit_code=USAGE)
            self.run_it(*command, "../rooms", exit_code=NOT_FOUND)
        self.assertNotIn("POST", {method for method, *_ in self.admin.requests})

    def test_unknown_of_others(self):
        for command in (("describe", "room", "x"), ("get", "participants", "--room", "x"),
                        ("describe", "participant", "x", "--room", "my room"),
                        ("describe", "participant", "eve", "--room", "x"),
                        ("stats", "x"), ("stats", "x", "--room", "my room"),
                        ("move", "--room", "x", "--to", "node-b")):
            self.run_it(*command, exit_code=NOT_FOUND)


if __name__ == "__main__":
    unittest.main(verbosity=2, warnings="ignore")
