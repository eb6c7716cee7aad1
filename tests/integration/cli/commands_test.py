# SPDX-License-Identifier: Apache-2.0
"""What each command of spillctl asks, prints where, and how it exits.

    commands_test.py PATH_OF_SPILLCTL [unittest arguments]
"""
import base64
import hashlib
import hmac
import json
import os
import socket
import stat
import subprocess
import tempfile
import threading
import time
import unittest
import unittest.mock

from admin import (EVIL, FAILED, NODE, NOT_FOUND, OK, PERSON, PLACE, REFUSED, ROOM, SNAPSHOT,
                   SPILLCTL, STATS, TIMEOUT, UNREACHABLE, USAGE, Case, Handler, free_port)


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def claims_of(token, secret=b"secret"):
    head, payload, signature = token.split(".")
    expected = hmac.new(secret, f"{head}.{payload}".encode(), hashlib.sha256).digest()
    assert decoded(signature) == expected, "bad signature"
    assert json.loads(decoded(head))["alg"] == "HS256"
    return json.loads(decoded(payload))


class Lists(Case):
    def test_nodes(self):
        lines = self.run_it("get", "nodes").stdout.splitlines()
        self.assertEqual(lines[0].split(), ["NAME", "STATE", "REGION", "ZONE", "ROOMS", "PEERS",
                                            "WEIGHT", "CAPACITY", "CPU", "IN", "OUT", "AGE"])
        self.assertIn("node-a", lines[1])
        self.assertIn("12 %", lines[1])
        self.assertIn("1.5 Mbit/s", lines[1])
        self.assertEqual(lines[0].index("STATE"), lines[1].index("ready"))
        wide = self.run_it("get", "nodes", "-o", "wide", "--no-headers").stdout
        self.assertIn("ND_1", wide)
        self.assertNotIn("NAME", wide)

    def test_json_and_name(self):
        self.assertEqual(json.loads(self.run_it("get", "nodes", "-o", "json").stdout),
                         {"nodes": [NODE]})
        self.assertEqual(self.run_it("-o", "name", "get", exit_code=USAGE).stdout, "")
        self.assertEqual(self.run_it("get", "rooms", "-o=name", exit_code=USAGE).stdout, "")
        self.assertEqual(self.run_it("get", "rooms", "--output=name").stdout, "my room\n")

    def test_parts_of_the_snapshot(self):
        head, row = self.run_it("get", "regions").stdout.splitlines()
        self.assertEqual(head.split()[:3] + row.split()[:3],
                         ["REGION", "ORCHESTRATORS", "NODES", "eu", "1", "1"])
        self.assertEqual(self.run_it("get", "orchestrators", "-o", "name").stdout, "or-1\n")
        said = json.loads(self.run_it("get", "orchestrators", "-o", "json").stdout)
        self.assertEqual(said, {"orchestrators": SNAPSHOT["orchestrators"]})
        silent = 200, {**SNAPSHOT, "unanswered": ["or-2"]}
        with unittest.mock.patch.dict(Handler.answers, {"GET snapshot": silent}):
            told = self.run_it("get", "regions", exit_code=TIMEOUT, data=True).stderr
        self.assertIn("or-2 does not answer", told)

    def test_participants(self):
        for arguments in (("--room", "my room"), ()):
            out = self.run_it("get", "participants", *arguments).stdout
            self.assertEqual(len(out.splitlines()), 2)
            self.assertIn("my room", out)
            self.assertIn("Eve?[2J??Gr\u00fc\u00dfe", out)
            self.assertNotIn("\x1b", out)
        listed = json.loads(self.run_it("get", "participants", "-o", "json").stdout)
        self.assertEqual(listed["participants"][0]["name"], EVIL)
        self.assertEqual(listed["participants"][0]["room"], "my room")

    def test_describe(self):
        out = self.run_it("describe", "participant", "eve", "--room", "my room").stdout
        self.assertRegex(out, r"identity +eve")
        self.assertIn("tracks (1)", out)
        self.assertRegex(out, r"  source +camera")
        self.assertNotIn("\x1b", out)
        self.assertRegex(self.run_it("describe", "room", "my room").stdout, r"epoch +7")
        node = json.loads(self.run_it("describe", "node", "node-a", "-o", "json").stdout)
        self.assertEqual(node["room_names"], ["my room"])

    def test_place(self):
        done = self.run_it("place", "explain", "my room", "--region", "eu", "--identity", "eve")
        self.assertIn("node-a: the room's own node in the asked region eu", done.stderr)
        self.assertIn("3 people are expected, as before under its name", done.stderr)
        lines = done.stdout.splitlines()
        self.assertEqual(lines[0].split(), ["NODE", "REGION", "WEIGHT", "RESERVED", "CAPACITY",
                                            "REASON", "WHY"])
        self.assertRegex(lines[1], r"^node-a +eu +12 +3 +1000 +kept +chosen: holds the room")
        method, path, _, body = self.admin.requests[-1]
        self.assertEqual((method, path), ("POST", "/admin/v1/place"))
        self.assertEqual(json.loads(body), {"room": "my room", "participants": 0,
                                            "identity": "eve", "region": "eu"})
        self.assertEqual(json.loads(self.run_it("place", "explain", "my room", "-o",
                                                "json").stdout), PLACE)
        self.assertEqual(self.run_it("place", "explain", "my room", "-o", "name").stdout,
                         "node-a\n")
        one = {**PLACE, "expected_participants": 1}
        with unittest.mock.patch.dict(Handler.places, {"my room": one}):
            self.assertIn("1 person is expected", self.run_it("place", "explain", "my room").stderr)

    def test_place_of_a_room_that_nobody_knows(self):
        with unittest.mock.patch.dict(Handler.places, {"nowhere": {**PLACE, "room": ""}}):
            told = self.run_it("place", "explain", "nowhere", exit_code=NOT_FOUND).stderr
        self.assertIn('no room is called "nowhere" now', told)

    def test_place_refused(self):
        """The answer and its reasons are data all the same."""
        done = subprocess.run([SPILLCTL, "place", "--dry-run", "--participants", "7", "--server",
                               self.admin.url], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, REFUSED)
        self.assertIn("no node: the media nodes are full, try again in 12 s", done.stderr)
        self.assertIn("node-a", done.stdout)
        self.assertEqual(json.loads(self.admin.requests[-1][3])["participants"], 7)


class Stats(Case):
    def test_table(self):
        out = self.run_it("stats", "eve", "--room", "my room").stdout
        person, layers, subscriptions = out.split("\n\n")
        lines = person.splitlines()
        self.assertEqual(lines[0].split(), ["IDENTITY", "ROOM", "NODE", "QUALITY", "RTT_MS",
                                            "ESTIMATE", "REMB", "AGE_MS"])
        self.assertRegex(lines[1], r"^eve +my room +node-a +good +24.5 +1.5 Mbit/s +- +1200$")
        lines = layers.splitlines()
        self.assertEqual(lines[0], "publishes")
        self.assertEqual(lines[1].split(), ["TRACK", "SOURCE", "CODEC", "MUTED", "SCORE", "LAYER",
                                            "RATE", "FPS", "LOST", "JITTER_MS"])
        self.assertRegex(lines[2], r"^TR_1 +camera +video/VP8 +no +93 +0 +160.0 kbit/s +29.9 +"
                                   r"1.2 % +1.25$")
        self.assertRegex(lines[3], r"^TR_1 +camera +video/VP8 +no +93 +1 +- +- +- +-$")
        lines = subscriptions.splitlines()
        self.assertEqual(lines[0], "is subscribed to")
        self.assertEqual(lines[1].split(), ["FROM", "TRACK", "SOURCE", "CODEC", "MUTED", "SCORE",
                                            "PAUSED", "LAYER", "WANTED", "RATE", "LOST",
                                            "JITTER_MS"])
        self.assertRegex(lines[2], r"^Eve\?\[2J\?\?Gr\u00fc\u00dfe +TR_2 +camera +video/VP8 +no +"
                                   r"- +bandwidth +- +2 +- +- +-$")
        wide = self.run_it("stats", "eve", "--room", "my room", "-o", "wide").stdout
        self.assertIn("1234567890123", wide)
        self.assertRegex(wide, r"NACKED +REPAIRED +KEY_REQUESTS\n.* 4321 +5 +6\n")
        self.assertNotIn("\x1b", wide)

    def test_json_and_name(self):
        out = self.run_it("stats", "eve", "--room", "my room", "-o", "json").stdout
        self.assertEqual(json.loads(out), STATS)
        self.assertIn('"jitter_ms": 1.25,', out)
        self.assertEqual(self.run_it("stats", "--room=my room", "eve", "--output=name").stdout,
                         "TR_1\nTR_2\n")

    def test_nothing_reported(self):
        done = self.run_it("stats", "new", "--room", "my room")
        self.assertEqual(len(done.stdout.splitlines()), 2)
        self.assertRegex(done.stdout, r"new +my room +node-a +- +24.5 .* -\n")
        self.assertIn("has not reported yet", done.stderr)

    def test_whichever_room(self):
        """Without a room: the one he is in, unless it is several."""
        self.assertEqual(self.run_it("stats", "eve").stdout,
                         self.run_it("stats", "eve", "--room", "my room").stdout)
        self.run_it("stats", "nobody", exit_code=NOT_FOUND)
        self.run_it("stats", "nobody", "--room", "my room", exit_code=NOT_FOUND)
        self.run_it("stats", "eve", "--room", "nowhere", exit_code=NOT_FOUND)
        more = {"GET rooms": (200, {"rooms": [ROOM, {**ROOM, "name": "b"}]}),
                "GET rooms/b/participants": (200, {"participants": [PERSON]})}
        with unittest.mock.patch.dict(Handler.answers, more):
            self.assertIn("eve is in 2 rooms",
                          self.run_it("stats", "eve", exit_code=USAGE).stderr)
            self.run_it("stats", "eve", "--room", "my room")
        with unittest.mock.patch.dict(Handler.answers, {"GET rooms": (403, {
                "error": "forbidden", "message": "the token may not"})}):
            self.run_it("stats", "eve", exit_code=REFUSED)


class Usage(Case):
    def test_usage(self):
        for arguments in ((), ("fly",), ("get",), ("get", "clouds"), ("get", "nodes", "rooms"),
                          ("get", "nodes", "--color"), ("get", "nodes", "-o", "xml"),
                          ("get", "nodes", "--room", "x"), ("get", "nodes", "--server"),
                          ("describe", "node"), ("describe", "participant", "x"),
                          ("describe", "cloud", "x"), ("stats",), ("stats", "a", "b"),
                          ("stats", "a", "-o", "xml"), ("stats", "--room", "x"),
                          ("move", "--room", "x"),
                          ("cordon",), ("drain",), ("uncordon",),
                          ("drain", "a", "--deadline", "soon"), ("drain", "a", "--yes=perhaps"),
                          ("place",), ("place", "explain"), ("place", "explain", ""),
                          ("place", "x", "y"),
                          ("place", "explain", "x", "--dry-run"), ("place", "--dry-run", "x"),
                          ("place", "--dry-run", "--participants", "many"),
                          ("keys", "name"), ("keys", "--out", "/nowhere"), ("token",),
                          ("token", "create", "--room", "x"), ("token", "create"),
                          ("token", "create", "--room", "x", "--identity", "y", "--ttl", "soon"),
                          ("get", "nodes", "--timeout", "0"), ("--quiet",), ("-o", "json"),
                          ("--server", "x"), ("--frob", "get", "nodes"),
                          ("get", "nodes", "--server", "gopher://127.0.0.1"),
                          ("get", "nodes", "--server", "https://")):
            self.run_it(*arguments, exit_code=USAGE)

    def test_options_before_the_command(self):
        for words in (("--server", self.admin.url), (f"--server={self.admin.url}",)):
            done = self.run_it(*words, "-o", "name", "--quiet", "get", "nodes", server=False)
            self.assertEqual(done.stdout, "node-a\n")

    def test_help_and_version(self):
        self.assertIn("exit codes", self.run_it("help").stdout)
        self.assertIn("--can-publish", self.run_it("help", "token").stdout)
        self.assertIn("--room", self.run_it("get", "--help").stdout)
        self.assertRegex(self.run_it("version").stdout, r"^spillctl \d+\.\d+\.\d+\n$")
        self.assertIn("version", json.loads(self.run_it("--version", "-o", "json").stdout))


class Failover(Case):
    """Several orchestrators: one after the other until one answers."""

    def setUp(self):
        super().setUp()
        self.dead, self.live = f"http://127.0.0.1:{free_port()}", self.admin.url

    def listed(self, *arguments, env=None):
        done = self.run_it("get", "nodes", "-o", "name", *arguments, env=env, server=False)
        self.assertEqual(done.stdout, "node-a\n")
        return done.stderr

    def cluster_file(self, rows):
        file = tempfile.NamedTemporaryFile("w", suffix=".json")
        self.addCleanup(file.close)
        file.write(rows if isinstance(rows, str) else json.dumps(rows))
        file.flush()
        return file.name

    def test_where_they_come_from(self):
        rows = [{"role": "node", "url": "http://127.0.0.1:1"},
                {"role": "orchestrator", "url": self.dead.replace("http:", "ws:")},
                {"role": "orchestrator", "url": self.live.replace("http:", "ws:")}]
        file = self.cluster_file({"processes": rows})
        both = f"{self.dead},{self.live}"
        nobody = {"SPILLWAY_SERVER": self.dead, "SPILLWAY_CLUSTER": "/nowhere"}
        for arguments, env in (
                (("--server", both), nobody),
                (("--server", self.dead, "--server", self.live), nobody),
                (("--cluster", file), nobody),
                ((), {"SPILLWAY_SERVER": both, "SPILLWAY_CLUSTER": "/nowhere"}),
                (("--server", both.replace("http:", "ws:")), nobody),
                ((), {"SPILLWAY_CLUSTER": file})):
            self.assertIn(self.dead, self.listed(*arguments, env=env), "says who does not answer")
            self.assertEqual(len(self.admin.requests), 1)
            self.admin.requests.clear()
        self.assertEqual(self.listed("--server", f"{self.live},{self.dead}"), "", "in this order")

    def test_files_that_are_none(self):
        for rows in ("no JSON", {}, [], {"processes": []}, {"processes": 7},
                     {"processes": [{"role": "node", "url": self.live}]}):
            self.run_it("get", "nodes", "--cluster", self.cluster_file(rows), server=False,
                        exit_code=USAGE)
        self.run_it("get", "nodes", "--cluster", "/nowhere", server=False, exit_code=USAGE)
        self.run_it("get", "nodes", "--server", ",", server=False, exit_code=USAGE)
        self.run_it("get", "nodes", "--server", ",".join([self.live] * 17), server=False,
                    exit_code=USAGE)

    def test_nobody_answers(self):
        other = f"http://127.0.0.1:{free_port()}"
        done = self.run_it("get", "nodes", "--server", f"{self.dead},{other}", server=False,
                           exit_code=UNREACHABLE)
        self.assertTrue(self.dead in done.stderr and other in done.stderr)

    def test_hung(self):
        """One that takes connections and says nothing."""
        with socket.create_server(("127.0.0.1", 0)) as hung:
            url = f"http://127.0.0.1:{hung.getsockname()[1]}"
            self.listed("--server", url, "--server", self.live, "--timeout", "1s")
            hung.setblocking(False)
            hung.accept()[0].close()
            self.run_it("get", "participants", "--timeout", "1s", "--server", f"{url},{self.live}",
                        server=False)
            hung.accept()[0].close()
            self.assertRaises(BlockingIOError, hung.accept)  # its time is lost once

    def test_answers_count(self):
        """Only silence sends us on, or one that is cut off: not a refusal."""
        servers = f"{self.live},{self.dead}"
        self.run_it("describe", "node", "x", "--server", servers, server=False,
                    exit_code=NOT_FOUND)
        self.run_it("describe", "node", "locked", "--server", servers, server=False,
                    exit_code=REFUSED)
        self.run_it("describe", "node", "alone", "--server", servers, server=False,
                    exit_code=UNREACHABLE)
        moved = self.run_it("move", "--to", "ND_2", "--room", "my room", "--server",
                            f"{self.dead},{self.live}", server=False)
        self.assertIn("from node-a to node-b", moved.stderr)


class Tokens(Case):
    def sent(self):
        return self.admin.requests[-1][2]

    def test_without_a_token(self):
        """What would make one is said; a file that holds none is not gone past."""
        refused = 401, {"error": "unauthorized", "message": "no bearer token"}
        with unittest.mock.patch.dict(Handler.answers, {"GET nodes": refused}):
            told = self.run_it("get", "nodes", exit_code=REFUSED).stderr
            self.assertIn("a token is made of SPILLWAY_API_KEY, and SPILLWAY_API_SECRET", told)
            told = self.run_it("get", "nodes", exit_code=REFUSED, env=self.key()).stderr
            self.assertNotIn("SPILLWAY_API_KEY", told)
        self.admin.requests.clear()
        for option in ("--token-file", "--api-secret-file"):
            for path, why in (("/nowhere", "No such file or directory"),
                              ("/dev/null", "it is empty")):
                told = self.run_it("get", "nodes", option, path, exit_code=USAGE,
                                   env=self.key()).stderr
                self.assertEqual((told, self.admin.requests),
                                 (f"spillctl: cannot read {path}: {why}\n", []))

    def test_where_the_admin_token_comes_from(self):
        self.run_it("get", "nodes")
        self.assertIsNone(self.sent())
        self.run_it("get", "nodes", env=self.key())
        claims = claims_of(self.sent().removeprefix("Bearer "))
        self.assertEqual(claims["iss"], "devkey")
        self.assertTrue(claims["video"]["roomList"] and claims["video"]["roomCreate"])
        self.assertLess(claims["exp"], time.time() + 120)
        self.run_it("get", "nodes", env={**self.key(), "SPILLWAY_TOKEN": "from-env"})
        self.assertEqual(self.sent(), "Bearer from-env")
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("from-file\n")
            file.flush()
            self.run_it("get", "nodes", "--token-file", file.name,
                        env={"SPILLWAY_TOKEN": "from-env"})
        self.assertEqual(self.sent(), "Bearer from-file")
        self.run_it("get", "nodes", env={**self.key(), "SPILLWAY_TOKEN": ""})
        self.assertEqual(self.issuer(), "devkey", "what is set to nothing is not set")

    def issuer(self, secret=b"secret"):
        return claims_of(self.sent().removeprefix("Bearer "), secret)["iss"]

    def test_where_the_secret_comes_from(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("of a file\n")
            file.flush()
            path, other = file.name, {"SPILLWAY_TOKEN": "x", "SPILLWAY_API_SECRET": "other"}
            key = {"SPILLWAY_API_KEY": "devkey"}
            for arguments, env, secret in (
                    (("--api-key", "devkey", "--api-secret-file", path), other, b"of a file"),
                    (("--api-secret-file", path), {**key, **other}, b"of a file"),
                    ((), {**key, "SPILLWAY_API_SECRET_FILE": path}, b"of a file"),
                    (("--api-key", "devkey"), {"SPILLWAY_API_SECRET_FILE": path}, b"of a file"),
                    (("--api-key", "devkey"), other, b"other")):
                done = self.run_it("get", "nodes", *arguments, env=env)
                self.assertEqual((self.issuer(secret), done.stderr), ("devkey", ""))

    def test_secrets_out_of_pipes(self):
        """They can be read once, for however many requests."""
        for options, wanted in ((("--token-file",), "Bearer of a pipe"),
                                (("--api-key", "k", "--api-secret-file"), None)):
            out, into = os.pipe()
            os.write(into, b"of a pipe\n")
            os.close(into)
            self.admin.requests.clear()
            with os.fdopen(out):
                subprocess.run([SPILLCTL, "cordon", "node-a", "--server", self.admin.url, *options,
                                f"/dev/fd/{out}"], check=True, pass_fds=(out,), timeout=30)
            sent = {authorization for _, _, authorization, _ in self.admin.requests}
            self.assertEqual([method for method, *_ in self.admin.requests], ["GET", "POST"])
            if wanted is None:
                self.assertEqual(self.issuer(b"of a pipe"), "k")
            else:
                self.assertEqual(sent, {wanted})

    def test_a_secret_on_the_command_line(self):
        """It is taken, and told of; ps does not show it for long."""
        words = ("--api-key", "k", "--api-secret", "of-argv")
        self.assertIn("others see a secret on a command line",
                      self.run_it("get", "nodes", *words).stderr)
        self.assertEqual(self.issuer(b"of-argv"), "k")
        self.assertEqual(self.run_it("get", "nodes", "--quiet", *words).stderr, "")
        asked, started = [], threading.Event()

        def shown():
            started.wait(30)
            with open(f"/proc/{process.pid}/cmdline", "rb") as file:
                asked.append(file.read())
            return 200, {"nodes": [NODE]}

        with unittest.mock.patch.dict(Handler.answers, {"GET nodes": shown}):
            process = subprocess.Popen([SPILLCTL, "get", "nodes", "-q", *words, "--server",
                                        self.admin.url], stdout=subprocess.DEVNULL)
            started.set()
            self.assertEqual(process.wait(30), 0)
        self.assertIn(b"--api-secret", asked[0])
        self.assertNotIn(b"of-argv", asked[0])

    def test_create(self):
        done = self.run_it("token", "create", "--room", "r", "--identity", "i", "--name", "N",
                           "--can-publish=false", "--can-subscribe", "--ttl", "90m", "--hidden",
                           "--waits-if-locked", "--can-publish-sources", "camera,screen_share",
                           "--attributes", "a=1,b=x=y", env=self.key(), server=False)
        claims = claims_of(done.stdout.strip())
        self.assertEqual((claims["iss"], claims["sub"], claims["name"]), ("devkey", "i", "N"))
        self.assertEqual(claims["attributes"], {"a": "1", "b": "x=y"})
        video = claims["video"]
        self.assertEqual((video["room"], video["roomJoin"]), ("r", True))
        self.assertEqual((video["hidden"], video["waitsIfLocked"]), (True, True))
        self.assertEqual((video["canPublish"], video["canSubscribe"]), (False, True))
        self.assertNotIn("canPublishData", video)
        self.assertEqual(sorted(video["canPublishSources"]), ["camera", "screen_share"])
        self.assertAlmostEqual(claims["exp"], time.time() + 5400, delta=10)
        self.assertIn("valid until", done.stderr)

    def test_create_as_json_with_key_options(self):
        done = self.run_it("token", "create", "--room=r", "--identity=i", "--api-key", "k",
                           "--api-secret", "s", "-o", "json", server=False)
        answer = json.loads(done.stdout)
        self.assertEqual(claims_of(answer["token"], b"s")["iss"], "k")
        self.assertEqual((answer["room"], answer["identity"]), ("r", "i"))
        self.run_it("token", "create", "--room=r", "--identity=i", "--api-key", "k",
                    "--api-secret-file", "/nowhere", exit_code=USAGE)

    def test_create_for_an_operator(self):
        for role in ("read", "operate", "admin"):
            done = self.run_it("token", "create", "--role", role, env=self.key(), server=False)
            claims = claims_of(done.stdout.strip())
            self.assertEqual((claims["spillway"], claims["video"]), ({"role": role}, {}))
        done = self.run_it("token", "create", "--role", "root", exit_code=USAGE, env=self.key())
        self.assertIn("read, operate, admin", done.stderr)

    def test_create_without_a_key(self):
        self.run_it("token", "create", "--room", "r", "--identity", "i", exit_code=USAGE)
        self.run_it("token", "create", "--room", "r", "--identity", "i", exit_code=USAGE,
                    env={"SPILLWAY_API_KEY": "k"})
        self.run_it("token", "create", "--room", "r", "--identity", "i", "--can-publish=maybe",
                    exit_code=USAGE, env=self.key())


class Keys(Case):
    def test_keys(self):
        with tempfile.TemporaryDirectory() as root:
            out = os.path.join(root, "keys")
            done = self.run_it("keys", "--out", out, "orchestrator", "node-1", server=False)
            self.assertEqual(stat.S_IMODE(os.stat(out).st_mode), 0o700)
            for name in ("orchestrator", "node-1"):
                secret = os.path.join(out, name + ".key")
                self.assertEqual(stat.S_IMODE(os.stat(secret).st_mode), 0o600)
                with open(os.path.join(out, name + ".pub")) as file:
                    public = file.read().strip()
                self.assertEqual(len(public), 40)
                self.assertIn(public, done.stdout)
                with open(secret) as file:
                    text = file.read().strip()
                self.assertEqual(len(text), 40)
                self.assertNotIn(text, done.stdout + done.stderr)
            with open(os.path.join(out, "node-1.key")) as file:
                before = file.read()
            self.run_it("keys", "--out", out, "node-1", exit_code=REFUSED)
            with open(os.path.join(out, "node-1.key")) as file:
                self.assertEqual(file.read(), before)
            self.run_it("keys", "--out", out, "../escape", exit_code=USAGE)
            self.run_it("keys", "--out", os.path.join(root, "no/such"), "x", exit_code=FAILED)
            made = json.loads(self.run_it("keys", "--out", out, "b", "-o", "json").stdout)
            self.assertEqual(made["keys"][0]["name"], "b")


class Config(Case):
    def test_show(self):
        done = self.run_it("config", "show")
        self.assertIn("settings of o-1", done.stderr)
        self.assertEqual([line.split() for line in done.stdout.splitlines()],
                         [["NAME", "VALUE", "ORIGIN"], ["region", "eu", "orchestrator.yaml:3"]])
        self.assertEqual(self.run_it("config", "show", "-o", "name").stdout, "region\n")

    def test_check(self):
        """The service's own word of it, whichever it is."""
        with tempfile.TemporaryDirectory() as directory:
            for name in ("spillway-orchestrator", "spillway-node"):
                program = os.path.join(directory, name)
                with open(program, "w", encoding="ascii") as script:
                    script.write('#!/bin/sh\ntest "$*" = "--config good.yaml --check" ||'
                                 ' { echo "$0: $2:7: no" >&2; exit 2; }\n')
                os.chmod(program, 0o755)
            path = {"PATH": f"{directory}:{os.environ['PATH']}"}
            for words, name in (((), "spillway-orchestrator"), (("--node",), "spillway-node")):
                done = self.run_it("config", "check", "good.yaml", *words, env=path)
                self.assertEqual((done.stdout, done.stderr), ("", "spillctl: good.yaml is fine\n"))
                done = self.run_it("config", "check", "bad.yaml", *words, env=path,
                                   exit_code=FAILED)
                self.assertEqual(done.stderr, f"{directory}/{name}: bad.yaml:7: no\n")
            done = self.run_it("config", "check", "x", env={"PATH": directory + "/none"},
                               exit_code=FAILED)
            self.assertIn("No such file", done.stderr)

    def test_usage(self):
        for words in ((), ("show", "x"), ("check",), ("check", "a", "b"), ("show", "--node"),
                      ("paint",)):
            self.run_it("config", *words, exit_code=USAGE)


if __name__ == "__main__":
    unittest.main(verbosity=2, warnings="ignore")
