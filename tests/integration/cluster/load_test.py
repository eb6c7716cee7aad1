# SPDX-License-Identifier: Apache-2.0
"""Media from end to end by the load client: everybody gets everything, a move is followed, and the
load client notices when somebody does not get what was sent.

    load_test.py BUILD_DIRECTORY [unittest arguments]
"""
import json
import signal
import subprocess
import time
import unittest

from cluster import API_KEY, API_SECRET, BUILD, Cluster, free_ports, wait

LOAD = BUILD / "tests/bench/load/spillway-load"
USAGE = 2
HUNG_S = 0.2    # of a node: with the 0.25 since its last word less than makes it dead
STILL_S = 0.65  # of the orchestrator: more than a node may take to hand over


def command(cluster, room, *options, secret=API_SECRET):
    url = cluster.orchestrator.url.replace("http", "ws")
    return [str(word) for word in (LOAD, "--url", url, "--key", API_KEY, "--secret", secret,
                                   "--room", room, "-o", "json", *options)]


class Load(unittest.TestCase):
    def start(self, *args, **kwargs):
        process = subprocess.Popen(command(*args, **kwargs), stdout=subprocess.PIPE)
        self.addCleanup(process.kill)
        return process

    def start_measuring(self, *args, stage="measuring"):
        """Returns when everybody gets everything, and it is measured (or settling)."""
        process = subprocess.Popen(command(*args, "--progress"), text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        while stage not in (line := process.stderr.readline()):
            self.assertNotEqual(line, "", "ended before that")
        return process

    def finish(self, process, status=0):
        out, _ = process.communicate(timeout=100)
        result = json.loads(out)
        self.assertEqual(process.returncode, status, result["failures"])
        return result

    def check_flow(self, result, tracks):
        self.assertEqual(result["connected"], result["participants"])
        for kind in ("audio", "video"):
            self.assertEqual(result[kind]["tracks"], tracks, kind)
            self.assertEqual(result[kind]["delay_us"]["count"], result[kind]["received"], kind)
        for name in ("strange", "misrouted", "undecodable", "rejected", "replayed"):
            self.assertEqual(result["counts"][name], 0, name)

    def check_complete(self, result, tracks):
        self.check_flow(result, tracks)
        for kind in ("audio", "video"):
            got = result[kind]
            self.assertEqual(got["received"], got["expected"], kind)
            self.assertEqual((got["lost"], got["duplicated"]), (0, 0), kind)


class Meeting(Load):
    def test_everybody_gets_everything(self):
        with Cluster(nodes=1) as cluster:
            cluster.start()
            for quality, packets in (("low", 20), ("medium", 60), ("high", 210)):
                with self.subTest(quality):
                    result = self.finish(self.start(
                        cluster, quality, "--publishers", 2, "--receivers", 6, "--seconds", 2,
                        "--quality", quality, "--join-rate", 20))
                    self.check_complete(result, tracks=12)
                    # 12 tracks for 2 s; a key frame is five times as large
                    self.assertGreater(result["audio"]["expected"], 12 * 2 * 50 * 0.5)
                    self.assertGreater(result["video"]["expected"], 12 * 2 * packets * 0.5)
                    self.assertLess(result["video"]["expected"], 12 * 2 * packets * 1.5)

    def test_tiles(self):
        """Who shows a video in a tile gets the smallest layer that covers it."""
        with Cluster(nodes=1) as cluster:
            cluster.start()
            for tile, packets in (("160x90", 20), ("640x360", 60)):
                with self.subTest(tile):
                    result = self.finish(self.start(
                        cluster, tile, "--receivers", 2, "--seconds", 2, "--tile", tile))
                    self.check_complete(result, tracks=2)
                    self.assertAlmostEqual(result["video"]["expected"], 2 * 2 * packets,
                                           delta=packets)

    def test_receivers_at_several_nodes(self):
        """What they get is told by the node that they are at."""
        with Cluster(nodes=2) as cluster:
            cluster.start()
            load = self.start_measuring(cluster, "two", "--receivers", 3, "--seconds", 1,
                                        "--settle", 2000, stage="settling")
            here = cluster.rooms()["two"]
            there = next(node.name for node in cluster.nodes if node.name != here)
            cluster.admin("rooms/two/move", {"participant": "load-receiver-1", "to": there})
            result = self.finish(load)
            self.check_complete(result, tracks=3)
            receivers = {node.name: 0 for node in cluster.nodes}
            for at in result["nodes"]:
                port = int(at["address"].rpartition(":")[2])
                name = next(node.name for node in cluster.nodes if port in node.ports)
                receivers[name] += at["receivers"]
                self.assertEqual(at["received"], at["expected"])
                self.assertEqual(at["received"], at["audio_delay_us"]["count"] +
                                 at["video_delay_us"]["count"])
            self.assertEqual(receivers, {here: 2, there: 1})
            self.assertEqual(sum(at["received"] for at in result["nodes"]),
                             result["audio"]["received"] + result["video"]["received"])

    def test_publishers_elsewhere(self):
        """Publishers may have another address than receivers."""
        with Cluster(nodes=1) as cluster:
            cluster.start()
            url = cluster.orchestrator.url.replace("http", "ws")
            result = self.finish(self.start(cluster, "r", "--seconds", 1, "--publisher-url", url))
            self.check_complete(result, tracks=1)
            result = self.finish(self.start(cluster, "r", "--seconds", 1, "--publisher-url",
                                            f"ws://127.0.0.1:{free_ports(1)}"), 1)
            self.assertEqual((result["joined"], result["failed"]), (1, 2))

    def test_cost(self):
        """The CPU time of a cluster's processes, for each packet that they forwarded."""
        with Cluster(nodes=1) as cluster:
            cluster.start()
            rows = [{"role": role, "pid": program.process.pid} for role, program in
                    (("orchestrator", cluster.orchestrator), ("node", cluster.nodes[0]))]
            path = cluster.dir / "cluster.json"
            path.write_text(json.dumps({"processes": rows}))
            result = self.finish(self.start(cluster, "r", "--seconds", 1, "--cluster", path))
            node = result["cpu"]["processes"][1]
            self.assertEqual((node["role"], node["pid"]), ("node", rows[1]["pid"]))
            self.assertGreater(node["used_us"], 0)
            self.assertAlmostEqual(result["cpu"]["node_ns_per_packet"],
                                   1000 * node["used_us"] / result["forwarded"])

    def test_more_tracks_than_sections(self):
        """A client prepares three sections of each kind and is asked for the rest."""
        with Cluster(nodes=1) as cluster:
            cluster.start()
            result = self.finish(self.start(
                cluster, "many", "--publishers", 5, "--receivers", 2, "--seconds", 1,
                "--layers", 1, "--join-rate", 20))
            self.check_complete(result, tracks=10)

    def test_losses_are_repaired(self):
        """Lost packets of video are sent again, to the node and by it; audio has no NACK."""
        with Cluster(nodes=1) as cluster:
            cluster.start()
            result = self.finish(self.start(
                cluster, "lossy", "--receivers", 4, "--seconds", 3, "--loss", 20,
                "--lost-max", 30))
            self.check_flow(result, tracks=4)
            self.assertGreater(result["audio"]["lost"], 0)
            self.assertEqual((result["video"]["lost"], result["video"]["duplicated"]), (0, 0))
            self.assertGreater(result["video"]["reordered"], 0)
            self.assertGreater(result["counts"]["repeated"], 0)
            self.assertGreater(result["counts"]["repaired"], 0)

    def test_a_move_is_followed(self):
        """Everybody's media are at the other node within a second."""
        with Cluster(nodes=2) as cluster:
            cluster.start()
            load = self.start_measuring(cluster, "moving", "--publishers", 2, "--receivers", 6,
                                        "--seconds", 3, "--join-rate", 20, "--ice-tick", 330,
                                        "--pause-max", 1000, "--lost-max", 210)
            here = cluster.rooms()["moving"]
            there = next(node.name for node in cluster.nodes if node.name != here)
            cluster.admin("rooms/moving/move", {"to": there})
            result = self.finish(load)
            self.assertEqual(result["counts"]["moves"], 8)
            self.check_flow(result, tracks=12)


class Drain(Load):
    def test_orchestrator_stands_still(self):
        """Between a node's word where it stopped and the next one's going on, for longer than such
        words may take: they came in time, and lie in a queue. No packet is lost."""
        with Cluster(nodes=2) as cluster:
            cluster.start()
            load = self.start_measuring(cluster, "moving", "--publishers", 1, "--receivers", 40,
                                        "--audio", "--seconds", 4, "--join-rate", 40)
            here = cluster.rooms()["moving"]
            node = next(node for node in cluster.nodes if node.name == here)
            node.signal(signal.SIGSTOP)
            cluster.admin(f"nodes/{here}/drain", {})
            time.sleep(HUNG_S)  # some arrive at the other node, and it is told to stop for them
            cluster.orchestrator.signal(signal.SIGSTOP)
            node.signal(signal.SIGCONT)
            time.sleep(STILL_S)
            cluster.orchestrator.signal(signal.SIGCONT)
            result = self.finish(load)
            wait("all have moved", lambda: cluster.node(here)["transports"] == 0)
            log = cluster.orchestrator
            self.assertEqual((log.log_lines("participant_taken_over"), log.log_lines("node_dead")),
                             ([], []))
            self.assertEqual(len(log.log_lines("participant_moved")), 41)
            audio = result["audio"]
            self.assertEqual((audio["tracks"], audio["lost"], audio["duplicated"]), (40, 0, 0))


class Notices(Load):
    def test_what_is_not_received(self):
        with Cluster(nodes=1) as cluster:
            cluster.start()
            load = self.start_measuring(cluster, "dying", "--receivers", 3, "--seconds", 1)
            cluster.nodes[0].kill()
            result = self.finish(load, 1)
            self.assertEqual(result["failed"], 3)
            self.assertGreater(result["audio"]["lost"], 0)

    def test_a_pause(self):
        with Cluster(nodes=1) as cluster:
            cluster.start()
            done = self.finish(self.start(cluster, "r", "--receivers", 1, "--audio", "--seconds", 1,
                                          "--pause-max", 1), 1)
            self.assertIn("paused for", done["failures"][0])

    def test_who_does_not_get_in(self):
        with Cluster(nodes=1) as cluster:
            cluster.start()
            result = self.finish(self.start(cluster, "r", "--publishers", 0, "--seconds", 1,
                                            secret="wrong"), 1)
            self.assertEqual((result["joined"], result["failed"]), (0, 1))
            self.assertIn("401", result["failures"][0])
            result = self.finish(self.start(cluster, "r", "--publishers", 0, "--seconds", 1), 1)
            self.assertIn("nothing was published", result["failures"][0])

    def test_bad_arguments(self):
        rows = [[], ["--room", ""], ["--room", "r", "--receivers", "many"],
                ["--room", "r", "--receivers", "5001"], ["--room", "r", "--publishers", "65"],
                ["--room", "r", "--publishers", "0", "--receivers", "0"],
                ["--room", "r", "--layers", "4"], ["--room", "r", "--quality", "best"],
                ["--room", "r", "--seconds", "0"], ["--room", "r", "--join-rate", "0"],
                ["--room", "r", "--url", "http://127.0.0.1:7880"],
                ["--room", "r", "--url", "ws://127.0.0.1"],
                ["--room", "r", "--url", "ws://127.0.0.1:99999"],
                ["--room", "r", "--publisher-url", "127.0.0.1:7880"],
                ["--room", "r", "--tile", "640"], ["--room", "r", "--tile", "640x0"],
                ["--room", "r", "--tile", "640x360p"], ["--room", "r", "--settle", "-1"],
                ["--room", "r", "--cluster", "/nowhere"], ["--room", "r", "-o", "yaml"],
                ["--room", "r", "--unknown"], ["--room", "r", "more"]]
        for row in rows:
            with self.subTest(row):
                done = subprocess.run([LOAD, *row], capture_output=True, text=True, check=False)
                self.assertEqual(done.returncode, USAGE)
                self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
                self.assertEqual(done.stdout, "")


if __name__ == "__main__":
    unittest.main()
