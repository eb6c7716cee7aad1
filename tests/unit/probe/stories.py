# SPDX-License-Identifier: Apache-2.0
"""Histories made of rounds, for tests of what is kept and shown of them."""
from probe.core import history, rules

START = 1_790_000_040  # a full minute
MINUTE = 60
CALL = rules.Call("", 240, 410, 12.5)
OK = rules.Verdict(rules.OPERATIONAL, call=CALL, said=rules.Said(2, 2, 4, 4))
SLOW = rules.Verdict(rules.DEGRADED, "slow_join", "Joining takes 4.0 s, more than 3.0 s.",
                     rules.Call("", 4000, 410, 12.5), rules.Said(2, 2, 4, 4))
LOST = rules.Verdict(rules.DOWN, "media", rules.FAILURES["media"], None, rules.Said(2, 2, 4, 0))
NONE = rules.Verdict(rules.UNKNOWN, "probe", rules.FAILURES["probe"])


def told(verdicts, region="eu", start=START, status=None, step_s=MINUTE):
    """The status after these rounds, a minute apart."""
    status = status or history.new()
    for i, verdict in enumerate(verdicts):
        history.add(status, start + i * step_s, {region: verdict}, {region: "Europe"})
    return status
