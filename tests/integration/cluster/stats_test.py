# SPDX-License-Identifier: Apache-2.0
"""What the admin API and spillctl say of media that flow, whichever of three orchestrators is
asked.

    stats_test.py BUILD_DIRECTORY [unittest arguments]
"""
import json
import subprocess
import time
import unittest
import urllib.parse

from cluster import API_KEY, API_SECRET, SPILLCTL, http, token, wait
from load_test import command
from orchestrators_test import Three

BEARER = {"Authorization": "Bearer " + token({"roomList": True})}
SETTLE_MS = 120000  # the load client goes on until it is stopped
LOST_PERMILLE = 50


class Stats(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Three()
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.start()
        load = subprocess.Popen(
            command(cls.cluster, "a room", "--publishers", 1, "--receivers", 2, "--settle",
                    SETTLE_MS, "--loss", LOST_PERMILLE, "--progress"),
            text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        cls.addClassCleanup(load.stderr.close)
        cls.addClassCleanup(load.wait)
        cls.addClassCleanup(load.kill)
        while "settling" not in (line := load.stderr.readline()):
            assert line, "ended before that"
        cls.settled_s = time.monotonic()

    def ask(self, identity, orchestrator=None):
        url = (orchestrator or self.cluster.orchestrators[0]).url
        path = urllib.parse.quote(f"a room/participants/{identity}/stats")
        status, text = http(f"{url}/admin/v1/rooms/{path}", **BEARER)
        return status, json.loads(text)

    def stats(self, identity):
        """By a report all of whose interval everything flowed."""
        def asked():
            passed_ms = 1000 * (time.monotonic() - self.settled_s)
            status, stats = self.ask(identity)
            self.assertEqual(status, 200, stats)
            covers = stats["interval_ms"] is not None and (
                stats["age_ms"] + stats["interval_ms"] < passed_ms)
            return stats if covers else None
        return wait("a report", asked)

    def test_published(self):
        stats = self.stats("load-publisher-0")
        self.assertEqual((stats["room"], stats["identity"], stats["subscriptions"]),
                         ("a room", "load-publisher-0", []))
        tracks = {track["kind"]: track for track in stats["tracks"]}
        self.assertEqual(set(tracks), {"audio", "video"})
        sound, = tracks["audio"]["layers"]
        self.assertTrue(10 < sound["packets_per_second"] < 100, sound)  # 50 are sent
        self.assertEqual([layer["layer"] for layer in tracks["video"]["layers"]], [0, 1, 2])
        rates = [layer["bits_per_second"] for layer in tracks["video"]["layers"]]
        self.assertTrue(0 < rates[0] < rates[1] < rates[2], rates)
        for layer in [sound, *tracks["video"]["layers"]]:
            self.assertGreater(layer["frames_per_second"], 0)
            self.assertGreater(layer["packets"], layer["packets_per_second"])
        self.assertGreater(sound["lost_packets"], 0)
        best = tracks["video"]["layers"][2]  # losses are asked for, and come
        self.assertGreater(best["repaired_packets"], 0)
        self.assertGreaterEqual(best["nacked_packets"], best["repaired_packets"])
        self.assertGreater(best["key_frame_requests"], 0)

    def test_subscribed(self):
        stats = self.stats("load-receiver-1")
        self.assertEqual(stats["tracks"], [])
        self.assertIsNotNone(stats["quality"])
        self.assertGreater(stats["rtt_ms"], 0)
        kinds = {each["kind"]: each for each in stats["subscriptions"]}
        self.assertEqual(set(kinds), {"audio", "video"})
        for each in kinds.values():
            self.assertEqual((each["publisher"], each["paused"]), ("load-publisher-0", ""))
            self.assertGreater(each["bits_per_second"], 0)
        self.assertEqual((kinds["video"]["layer"], kinds["video"]["layer_max"]), (2, 2))
        self.assertTrue(10 < kinds["audio"]["packets_per_second"] < 100)
        self.assertGreater(kinds["video"]["repaired_packets"], 0)

    def test_whoever_is_asked(self):
        """Who does not own the room says the same, of the same report."""
        def asked():
            all_say = []
            for each in self.cluster.orchestrators:
                status, said = self.ask("load-receiver-1", each)
                self.assertEqual(status, 200, said)
                said.pop("age_ms")
                all_say.append(said)
            return all_say if all_say[0]["interval_ms"] is not None and all_say[0] == all_say[
                -1] else None
        first, second, third = wait("no report between the questions", asked)
        self.assertEqual(first, second)
        self.assertEqual(first, third)
        answers = [self.ask("nobody", each) for each in self.cluster.orchestrators]
        self.assertEqual([status for status, _ in answers], [404] * 3)
        self.assertEqual(answers[0][1]["error"], "not_found")

    def test_spillctl(self):
        """The same as the API, of whoever is in one room alone."""
        self.stats("load-receiver-1")
        for each in self.cluster.orchestrators:
            told = self.spillctl(each, "stats", "load-receiver-1", "-o", "json")
            status, asked = self.ask("load-receiver-1", each)
            self.assertEqual((status, list(json.loads(told))), (200, list(asked)))
            self.assertEqual(json.loads(told)["sid"], asked["sid"])
        table = self.spillctl(self.cluster.orchestrators[2], "stats", "load-publisher-0", "--room",
                              "a room")
        self.assertRegex(table, r"microphone +audio/opus +no +\d+ +0 +\d+\.\d kbit/s +\d")

    def spillctl(self, orchestrator, *arguments):
        return subprocess.run([SPILLCTL, *arguments, "--server", orchestrator.url],
                              capture_output=True, text=True, check=True,
                              env={"SPILLWAY_API_KEY": API_KEY,
                                   "SPILLWAY_API_SECRET": API_SECRET}).stdout

    def test_sums_go_on(self):
        before = self.stats("load-receiver-1")
        sums = [each["packets"] for each in before["subscriptions"]]
        wait("another report", lambda: all(
            each["packets"] > then for each, then in
            zip(self.stats("load-receiver-1")["subscriptions"], sums)))


if __name__ == "__main__":
    unittest.main()
