# SPDX-License-Identifier: Apache-2.0
"""Goal: what a round says of a region is what docs/operations/status-page.md promises."""
import unittest

from probe.core import rules
from probe.core.rules import Call, Limits, Said

GOOD = Call("", 300, 400, 20)
SAID = Said(2, 2, 4, 4)
LIMITS = Limits(join_ms=3000, first_frame_ms=3000, round_trip_ms=400, nodes_ready_percent=50)

TABLE = [  # calls, said, state, code
    ([GOOD], SAID, rules.OPERATIONAL, ""),
    ([Call("", 3000, 3000, 400)], SAID, rules.OPERATIONAL, ""),
    ([Call("", 3001, 400, 20)], SAID, rules.DEGRADED, "slow_join"),
    ([Call("", 300, 3001, 20)], SAID, rules.DEGRADED, "slow_first_frame"),
    ([Call("", 300, 400, 401)], SAID, rules.DEGRADED, "slow_round_trip"),
    ([Call("media"), GOOD], SAID, rules.DEGRADED, "media"),
    ([Call("media"), Call("full")], SAID, rules.DOWN, "full"),
    ([Call("elsewhere")], SAID, rules.DOWN, "elsewhere"),
    ([Call("probe"), Call("probe")], SAID, rules.UNKNOWN, "probe"),
    ([Call("probe"), GOOD], SAID, rules.OPERATIONAL, ""),
    ([Call("probe"), Call("media")], SAID, rules.DOWN, "media"),
    ([GOOD], Said(2, 1, 4, 4), rules.DEGRADED, "orchestrators"),
    ([GOOD], Said(2, 2, 4, 2), rules.OPERATIONAL, ""),
    ([GOOD], Said(2, 2, 4, 1), rules.DEGRADED, "nodes"),
    ([GOOD], Said(2, 2, None, 0), rules.OPERATIONAL, ""),  # nobody said
    ([GOOD], Said(2, 2, 0, 0), rules.OPERATIONAL, ""),
]


class Judge(unittest.TestCase):
    def test_table(self):
        for calls, said, state, code in TABLE:
            verdict = rules.judge(calls, said, LIMITS)
            self.assertEqual((verdict.state, verdict.code), (state, code), (calls, said))
            self.assertEqual(bool(verdict.reason), bool(code))
            self.assertEqual(verdict.said, said)

    def test_figures_are_those_of_the_call_that_did_not_fail(self):
        self.assertIs(rules.judge([Call("media"), GOOD], SAID, LIMITS).call, GOOD)
        self.assertIsNone(rules.judge([Call("media")], SAID, LIMITS).call)

    def test_words(self):
        def reason(calls, said=SAID):
            return rules.judge(calls, said, LIMITS).reason
        self.assertEqual(reason([Call("", 4230, 400, 20)]),
                         "Joining takes 4.2 s, more than 3.0 s.")
        self.assertEqual(reason([Call("", 300, 400, 999.4)]),
                         "The way there and back takes 999 ms, more than 400 ms.")
        self.assertEqual(reason([Call("picture"), GOOD]),
                         "1 of 2 calls failed. Calls connect, but no picture arrives.")
        self.assertEqual(reason([GOOD], Said(3, 1, 4, 4)), "2 of 3 orchestrators are not ready.")
        self.assertEqual(reason([GOOD], Said(1, 1, 9, 2)), "2 of 9 media nodes are in service.")


if __name__ == "__main__":
    unittest.main()
