#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: between two namespaces, the emulated link has the round trip, the jitter, the loss and the
rate it was told, each direction by itself, and takes changes while it runs.

Run under tests/link/in_regions. Without an argument the test; with one, an end of it in a region.
"""
import json
import os
import select
import socket
import subprocess
import sys
import time
import unittest

PORT = 9000
US = "192.0.2.2"


def echo():
    """In us: answers every datagram with itself."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((US, PORT))
    print("ready", flush=True)
    while True:
        data, sender = s.recvfrom(2048)
        s.sendto(data, sender)


def pings(count, interval_s, size):
    """In eu: prints how many were answered, their round trips in ms, sorted, and how long after the
    first ping the last one was sent and the last answer came."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((US, PORT))
    sent, came, trips = [], [], []
    end = None
    while end is None or time.monotonic() < end:
        now = time.monotonic()
        if len(sent) < count and (not sent or now >= sent[0] + len(sent) * interval_s):
            s.send(len(sent).to_bytes(4, "big") + bytes(size - 4))
            sent.append(now)
            end = now + 1 if len(sent) == count else None
        wait_s = interval_s / 4 if end is None else max(end - now, 0)
        if select.select([s], [], [], wait_s)[0]:
            number = int.from_bytes(s.recv(2048)[:4], "big")
            came.append(time.monotonic())
            trips.append((came[-1] - sent[number]) * 1000)
    print(json.dumps({"sent": count, "came": len(trips), "ms": sorted(trips),
                      "sending_s": sent[-1] - sent[0],
                      "answered_s": came[-1] - sent[0] if came else 0}))


def in_region(region, *arguments, **options):
    return subprocess.Popen(["nsenter", f"--net=/run/netns/{region}", sys.executable, __file__,
                             *map(str, arguments)], stdout=subprocess.PIPE, text=True, **options)


def measure(count=500, interval_s=0.002, size=100):
    with in_region("eu", "pings", count, interval_s, size) as process:
        return json.load(process.stdout)


def change(line):
    with open(os.environ["SPILLWAY_LINK_CONTROL"], "w", encoding="ascii") as control:
        control.write(line + "\n")
    time.sleep(0.05)


class Link(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.echo = in_region("us", "echo")
        assert cls.echo.stdout.readline() == "ready\n"

    @classmethod
    def tearDownClass(cls):
        cls.echo.kill()
        cls.echo.communicate()

    def middle(self, trips, share=0.5):
        return trips["ms"][int(len(trips["ms"]) * share)]

    def tell(self, what, trips):
        print(f"{what}: {trips['came']} of {trips['sent']}, ms min {trips['ms'][0]:.2f} "
              f"median {self.middle(trips):.2f} p99 {self.middle(trips, 0.99):.2f}")

    # Lower bounds are exact. Upper ones leave 4 ms to a busy machine.

    def test_1_delay_jitter_loss(self):
        change("delay 40ms jitter 0ms loss 0%")
        measure(10)  # who has which address is found out
        plain = measure()
        self.tell("80 ms", plain)
        self.assertEqual(plain["came"], 500)
        self.assertGreaterEqual(plain["ms"][0], 80)
        self.assertLess(self.middle(plain), 84)

        change("jitter 5ms order free")
        jitter = measure()
        self.tell("80 ms +- 10", jitter)
        self.assertEqual(jitter["came"], 500)
        self.assertGreaterEqual(jitter["ms"][0], 70)
        self.assertLess(jitter["ms"][0], 76)
        self.assertTrue(79 < self.middle(jitter) < 85)
        self.assertGreater(self.middle(jitter, 0.99), 86)

        change("loss 10%")
        lossy = measure()
        self.tell("10 % each way", lossy)
        self.assertTrue(370 <= lossy["came"] <= 440, lossy["came"])  # 81 %, four deviations

    def test_2_each_direction_by_itself(self):
        change("delay 10ms jitter 0ms loss 0%")
        change("us delay 30ms")
        self.assertGreaterEqual(measure(100)["ms"][0], 40)
        change("eu loss 100%")
        self.assertEqual(measure(100)["came"], 0)
        change("eu loss 0%")
        self.assertEqual(measure(100)["came"], 100)

    def test_3_rate(self):
        change("delay 5ms jitter 0ms loss 0%")
        change("eu rate 1mbit queue 64kb")
        full = measure(300, 0.001, 958)  # 1,000 bytes with headers: 8 ms each
        self.tell("1 Mbit/s", full)
        # As many as the queue takes, and what leaves meanwhile: another queue or rate than told
        # shows in how many came. How late the last one came is also the machine's doing.
        passed = full["sending_s"] / 0.008 + 65
        self.assertTrue(0.9 * passed < full["came"] < 1.15 * passed, (full["came"], passed))
        self.assertGreater(full["ms"][-1], 480)  # 64 KB are 524 ms
        self.assertGreater(full["answered_s"], full["came"] * 0.008)
        change("eu rate none")


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] == "echo":
        echo()
    elif len(sys.argv) > 1 and sys.argv[1] == "pings":
        pings(int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
    else:
        unittest.main()
