# SPDX-License-Identifier: Apache-2.0
"""Goal: rounds become series, states and incidents; all of it is bounded; and what was written is
read back as it was, or refused."""
import copy
import json
import random
import unittest

from probe.core import history, metrics, page, rules
from stories import CALL, LOST, MINUTE, NONE, OK, SLOW, START, told

DAY = history.DAYS_STEP_S


def region(status):
    return status["regions"][0]


def spans(status):
    """Of incidents, newest first: minutes from START to begin and end, and the state."""
    return [((each["begin"] - START) // MINUTE,
             each["end"] and (each["end"] - START) // MINUTE, each["state"])
            for each in status["incidents"]]


class Series(unittest.TestCase):
    def test_a_slot_has_counts_and_means(self):
        status = told([OK, SLOW, LOST], start=START - START % 300)
        rows = region(status)["minutes"]
        self.assertEqual(rows, [[START - START % 300, 3, 1, 1, 2, 2120, 410, 12.5]])
        self.assertEqual(region(status)["days"], [[START - START % DAY, *rows[0][1:]]])
        self.assertAlmostEqual(history.uptime(rows), 2 / 3)

    def test_old_slots_go(self):
        status = told([OK] * (history.MINUTES_KEPT + 50), step_s=history.MINUTES_STEP_S)
        rows = region(status)["minutes"]
        self.assertEqual(len(rows), history.MINUTES_KEPT)
        self.assertEqual(rows[-1][0] - rows[0][0],
                         (history.MINUTES_KEPT - 1) * history.MINUTES_STEP_S)
        status = told([OK] * 100, step_s=DAY)
        self.assertEqual(len(region(status)["days"]), history.DAYS_KEPT)

    def test_a_gap_is_a_gap(self):
        status = told([OK], start=START)
        told([OK], start=START + 3600, status=status)
        self.assertEqual(len(region(status)["minutes"]), 2)

    def test_no_result_leaves_no_trace(self):
        status = told([OK, NONE])
        self.assertEqual(region(status)["minutes"][0][history.ROUNDS], 1)
        self.assertEqual(region(status)["state"], rules.UNKNOWN)
        self.assertIsNone(region(status)["join_ms"])

    def test_a_clock_set_back(self):
        status = told([OK, OK])
        told([OK], start=START - 3 * DAY, status=status)
        rows = region(status)["days"]
        self.assertEqual([row[history.ROUNDS] for row in rows], [3])
        history.read(history.write(status))

    def test_bounded(self):
        """A region that flaps for ever."""
        status = history.new()
        for i in range(3000):
            verdict = LOST if i % 2 else OK
            history.add(status, START + i * 700, {"eu": verdict})
        self.assertEqual(len(status["incidents"]), history.INCIDENTS_MAX)
        self.assertLess(len(history.write(status)), 80_000)


class State(unittest.TestCase):
    def test_since(self):
        status = told([OK, OK, LOST, LOST])
        self.assertEqual((region(status)["state"], region(status)["since"]),
                         (rules.DOWN, START + 2 * MINUTE))
        self.assertEqual(region(status)["nodes"], [0, 4])

    def test_worst(self):
        for verdicts, worst in (((OK, OK), rules.OPERATIONAL), ((OK, SLOW), rules.DEGRADED),
                                ((SLOW, LOST), rules.DOWN), ((NONE, OK), rules.OPERATIONAL),
                                ((NONE, NONE), rules.UNKNOWN)):
            status = history.new()
            history.add(status, START, dict(zip("ab", verdicts)))
            self.assertEqual(history.worst(status), worst)


class Incidents(unittest.TestCase):
    def test_down_is_one_at_once(self):
        self.assertEqual(spans(told([OK, LOST])), [(1, None, rules.DOWN)])
        self.assertEqual(spans(told([OK, LOST, LOST, OK])), [(1, 3, rules.DOWN)])

    def test_degraded_is_one_when_it_lasts(self):
        self.assertEqual(spans(told([OK, SLOW, SLOW, OK, SLOW, SLOW])), [])
        self.assertEqual(spans(told([OK, SLOW, SLOW, SLOW])), [(1, None, rules.DEGRADED)])

    def test_it_gets_worse_and_stays_so(self):
        status = told([OK, SLOW, SLOW, SLOW, LOST, SLOW, OK])
        self.assertEqual(spans(status), [(1, 6, rules.DOWN)])
        self.assertEqual(status["incidents"][0]["reason"], LOST.reason)

    def test_slow_before_the_fall_belongs_to_it(self):
        self.assertEqual(spans(told([OK, SLOW, LOST])), [(1, None, rules.DOWN)])

    def test_what_comes_soon_after_belongs_to_it(self):
        self.assertEqual(spans(told([LOST, OK, OK, LOST, OK])), [(0, 4, rules.DOWN)])
        self.assertEqual(spans(told([LOST] + [OK] * 7 + [LOST, OK])),
                         [(8, 9, rules.DOWN), (0, 1, rules.DOWN)])

    def test_no_result_ends_nothing(self):
        self.assertEqual(spans(told([LOST, NONE, LOST, NONE])), [(0, None, rules.DOWN)])

    def test_old_ones_go(self):
        status = told([LOST, OK])
        told([OK], start=START + 91 * DAY, status=status)
        self.assertEqual(status["incidents"], [])
        status = told([LOST])
        told([LOST], start=START + 91 * DAY, status=status)
        self.assertEqual(len(status["incidents"]), 1, "one that goes on does not")

    def test_of_a_region_that_was_taken_out(self):
        status = told([LOST, OK])
        told([OK], region="us", status=status)
        self.assertEqual((len(status["regions"]), status["incidents"]), (1, []))


class ReadBack(unittest.TestCase):
    STORY = [OK, SLOW, LOST, NONE, OK, OK, OK]

    def test_goes_on_where_it_was(self):
        whole = told(self.STORY)
        half = history.read(history.write(told(self.STORY[:3])))
        told(self.STORY[3:], start=START + 3 * MINUTE, status=half)
        self.assertEqual(half, whole)

    def test_refused(self):
        good = json.loads(history.write(told(self.STORY)))
        row = good["regions"][0]["minutes"][0]
        wrong = [("version", 2), ("version", True), ("regions", {}), ("generated_at", -1),
                 ("generated_at", 1.5), ("columns", []), ("incidents", [{}]), ("regions", [7])]
        for key, value in wrong:
            with self.assertRaises(history.Damaged, msg=(key, value)):
                history.read(json.dumps({**good, key: value}))
        for i, value in ((0, row[0] + 1), (1, 0), (2, 99), (4, 99), (5, "x"), (5, float("nan"))):
            bad = copy.deepcopy(good)
            bad["regions"][0]["minutes"][0][i] = value
            with self.assertRaises(history.Damaged, msg=(i, value)):
                history.read(json.dumps(bad))
        for text in ("", "{", "[]", "7", "[" * 100_000, "\0"):
            with self.assertRaises(history.Damaged):
                history.read(text)

    def test_whatever_is_read_can_be_gone_on_with(self):
        """Any value anywhere replaced by another: refused, or all that uses it holds."""
        values = (None, 0, -1, 1, 10**12, 10**30, 0.5, float("inf"), "", "x", "x" * 300, [], {},
                  True, [1, 2], "down")
        draw = random.Random(1)
        text = history.write(told(self.STORY))
        accepted = 0
        for _ in range(2000):
            status = json.loads(text)
            at = status
            while True:
                key = draw.choice(list(at) if isinstance(at, dict) else range(len(at)))
                if not at[key] or not isinstance(at[key], (dict, list)) or draw.random() < 0.2:
                    break
                at = at[key]
            at[key] = draw.choice(values)
            try:
                status = history.read(json.dumps(status))
            except history.Damaged:
                continue
            accepted += 1
            told([SLOW, LOST, OK], start=START + 3600, status=status)
            page.render(status, "Status", 60, 180)
            metrics.text(status)
            history.read(history.write(status))
        self.assertGreater(accepted, 100, "else this shows nothing")


class Metrics(unittest.TestCase):
    def test_text(self):
        lines = metrics.text(told([OK])).splitlines()
        for line in ('spillway_probe_state{region="eu",state="operational"} 1',
                     'spillway_probe_state{region="eu",state="down"} 0',
                     f'spillway_probe_join_seconds{{region="eu"}} {CALL.join_ms / 1000}',
                     f"spillway_probe_last_round_timestamp_seconds {START}"):
            self.assertIn(line, lines)
        self.assertNotIn("join_seconds{", metrics.text(told([LOST])))


if __name__ == "__main__":
    unittest.main()
