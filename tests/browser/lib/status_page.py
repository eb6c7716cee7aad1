# SPDX-License-Identifier: Apache-2.0
"""Publishes a status page of made-up rounds, as the probe would: for tests and for its picture.

    status_page.py DIRECTORY STORY [AT]

AT: when the last round was, in seconds since 1970; now if it is left out.
"""
import math
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from probe.core import history, rules  # noqa: E402
from probe.shell import files  # noqa: E402

REGIONS = {"eu": ("Europe", 118, 14), "us": ("North America", 171, 38),
           "ap": ("Asia Pacific", 246, 86)}  # title, join and round trip in ms
LIMITS = rules.Limits()
FULL = rules.Said(2, 2, 6, 6)
HOUR, DAY = 3600, 86400

# Region, from, to (seconds before the end), and how: failures of calls, or how much slower.
OUTAGES = {
    "whole": [],
    "mixed": [
        ("eu", 62 * DAY, 62 * DAY - 4 * HOUR, ("media", "media")),
        ("us", 31 * DAY, 31 * DAY - 4 * HOUR, ("full", "")),
        ("ap", 9 * DAY, 9 * DAY - 2 * HOUR, ("elsewhere", "elsewhere")),
        ("us", 25 * 60, -1, 28),
        ("ap", 10 * 60, -1, ("elsewhere", "elsewhere")),
    ],
}


def call(draw, join_ms, round_trip_ms, at):
    busy = 1 + 0.25 * math.sin(at / DAY * math.tau)
    return rules.Call("", join_ms * busy * draw.uniform(0.9, 1.25),
                      1.3 * join_ms * busy * draw.uniform(0.9, 1.4),
                      round_trip_ms * draw.uniform(0.97, 1.08))


def verdict(draw, story, region, at, before_s):
    _, join_ms, round_trip_ms = REGIONS[region]
    calls = [call(draw, join_ms, round_trip_ms, at)]
    for where, begin, end, how in OUTAGES[story]:
        if where != region or not end < before_s <= begin:
            continue
        if isinstance(how, tuple):
            calls = [rules.Call(failure) if failure else calls[0] for failure in how]
        else:
            calls = [call(draw, how * join_ms, round_trip_ms, at)]
    return rules.judge(calls, FULL, LIMITS)


def main():
    directory, story = Path(sys.argv[1]), sys.argv[2]
    end = int(sys.argv[3]) if len(sys.argv) > 3 else int(time.time())
    draw = random.Random(7)
    status = history.new()
    befores = [*range(89 * DAY, DAY, -2 * HOUR), *range(DAY - 300, HOUR, -300),
               *range(HOUR, -1, -60)]
    for before_s in befores:
        history.add(status, end - before_s,
                    {region: verdict(draw, story, region, end - before_s, before_s)
                     for region in REGIONS},
                    {region: words[0] for region, words in REGIONS.items()})
    files.publish(directory, status, "Status of meet.example.org", 60)


if __name__ == "__main__":
    main()
