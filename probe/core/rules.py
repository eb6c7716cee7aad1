# SPDX-License-Identifier: Apache-2.0
"""What a region is in, by the calls that were made there in a round and by what its orchestrators
say of themselves. Pure: no clock, no network. The rules, as docs/operations/status-page.md tells
them:

    down         every call of the round failed
    degraded     a call failed and its repetition did not; or a figure is above its limit; or an
                 orchestrator of the region is not ready, or too few of its media nodes are
    unknown      the probe itself could not make a call: no result
    operational  otherwise

Reasons are public: they name no address, room or node.
"""
from dataclasses import dataclass

OPERATIONAL, DEGRADED, DOWN, UNKNOWN = "operational", "degraded", "down", "unknown"
BAD = (DEGRADED, DOWN)  # from better to worse

# Why a call failed, with the words for it.
UNREACHABLE = "unreachable"
FAILURES = {
    UNREACHABLE: "No server answers.",
    "refused": "The servers refuse calls.",
    "full": "The servers have no place for a call.",
    "elsewhere": "Calls are carried by another region.",
    "media": "Calls connect, but no media path comes up.",
    "picture": "Calls connect, but no picture arrives.",
    "round_trip": "Media flow, but their reports do not come back.",
    "probe": "The probe could not make its call.",
}

FIGURES = {
    "join_ms": "joining",
    "first_frame_ms": "the first picture",
    "round_trip_ms": "the way there and back",
}


@dataclass(frozen=True)
class Call:
    """One test call. failure: a key of FAILURES, or "" and then all figures are there."""
    failure: str = ""
    join_ms: float | None = None
    first_frame_ms: float | None = None
    round_trip_ms: float | None = None


@dataclass(frozen=True)
class Said:
    """What a region's orchestrators answered for themselves, and any of the cluster for its media
    nodes. nodes None: nobody did."""
    orchestrators: int = 0
    orchestrators_ready: int = 0
    nodes: int | None = None
    nodes_ready: int = 0


@dataclass(frozen=True)
class Limits:
    join_ms: float = 3000
    first_frame_ms: float = 3000
    round_trip_ms: float = 400
    nodes_ready_percent: float = 50


@dataclass(frozen=True)
class Verdict:
    state: str
    code: str = ""  # one stable word; "" where there is nothing to say
    reason: str = ""
    call: Call | None = None  # whose figures count
    said: Said = Said()


def duration(ms):
    """12 ms, 1.4 s."""
    return f"{ms:.0f} ms" if ms < 999.5 else f"{ms / 1000:.1f} s"


def _slow(call, limits):
    for name, words in FIGURES.items():
        value, limit = getattr(call, name), getattr(limits, name)
        if value > limit:
            yield (f"slow_{name.removesuffix('_ms')}",
                   f"{words[0].upper()}{words[1:]} takes {duration(value)}, "
                   f"more than {duration(limit)}.")


def _short(said, limits):
    missing = said.orchestrators - said.orchestrators_ready
    if missing > 0:
        verb = "is" if missing == 1 else "are"
        yield "orchestrators", f"{missing} of {said.orchestrators} orchestrators {verb} not ready."
    if said.nodes and said.nodes_ready * 100 < said.nodes * limits.nodes_ready_percent:
        yield "nodes", f"{said.nodes_ready} of {said.nodes} media nodes are in service."


def judge(calls, said, limits):
    """calls: of this round, in order, at least one; the last one that did not fail counts."""
    made = [call for call in calls if call.failure != "probe"]
    if not made:
        return Verdict(UNKNOWN, "probe", FAILURES["probe"], None, said)
    good = [call for call in made if not call.failure]
    failed = [call for call in made if call.failure]
    if not good:
        code = failed[-1].failure
        return Verdict(DOWN, code, FAILURES[code], None, said)
    flaws = [(call.failure, f"{len(failed)} of {len(made)} calls failed. {FAILURES[call.failure]}")
             for call in failed[-1:]]
    flaws += [*_slow(good[-1], limits), *_short(said, limits)]
    if flaws:
        return Verdict(DEGRADED, *flaws[0], good[-1], said)
    return Verdict(OPERATIONAL, call=good[-1], said=said)
