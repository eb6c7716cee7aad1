# SPDX-License-Identifier: Apache-2.0
"""What is kept of all rounds: the content of status.json, which is at once what the page shows and
what a probe that starts again goes on with. Pure: every function is given the time, in whole
seconds since 1970.

A series is a list of rows, oldest first, with the columns ROW: how many rounds the slot had, how
many of them found the region degraded or down, and the mean figures of those that could measure.
A slot without rounds has no row. Rounds without a result (rules.UNKNOWN) leave no trace in series
and end no incident.

    minutes   the last 24 hours by five minutes
    days      the last 90 days, by days of UTC

An incident begins with the first of its bad rounds: at once where the region is down, from
INCIDENT_ROUNDS bad ones in a row on where it is degraded. It ends with the first good one. What
comes within REOPEN_S after that belongs to it.
"""
import json
import math

from probe.core import rules

VERSION = 1
MINUTES_STEP_S, MINUTES_KEPT = 300, 288
DAYS_STEP_S, DAYS_KEPT = 86400, 90
INCIDENTS_MAX = 200
INCIDENT_ROUNDS = 3
REOPEN_S = 300
REGIONS_MAX = 64
TEXT_MAX = 200  # characters
FILE_MAX = 8 << 20  # bytes
TIME_MAX = 1 << 40

ROW = ("at", "rounds", "degraded", "down", "measured", "join_ms", "first_frame_ms",
       "round_trip_ms")
AT, ROUNDS, DEGRADED, DOWN, MEASURED, FIGURES = 0, 1, 2, 3, 4, 5
SERIES = {"minutes": (MINUTES_STEP_S, MINUTES_KEPT), "days": (DAYS_STEP_S, DAYS_KEPT)}


class Damaged(Exception):
    """Not what this module writes, with why."""


# ---- Adding a round ------------------------------------------------------------------------------


def new():
    return {"version": VERSION, "columns": list(ROW), "regions": [], "incidents": []}


def _new_region(name):
    return {"name": name, "title": name, "state": rules.UNKNOWN, "code": "", "reason": "",
            "since": 0, "checked_at": 0, "bad_since": 0, "bad_rounds": 0, "join_ms": None,
            "first_frame_ms": None, "round_trip_ms": None, "orchestrators": None, "nodes": None,
            "minutes": [], "days": []}


def _count(rows, step_s, kept, at, verdict):
    slot = at - at % step_s
    if not rows or rows[-1][AT] < slot:
        rows.append([slot] + [0] * (len(ROW) - 1))
    row = rows[-1]  # of a later slot, where the clock was set back
    row[ROUNDS] += 1
    row[DEGRADED] += verdict.state == rules.DEGRADED
    row[DOWN] += verdict.state == rules.DOWN
    if verdict.call:
        for i, name in enumerate(rules.FIGURES, FIGURES):
            mean = (row[i] * row[MEASURED] + getattr(verdict.call, name)) / (row[MEASURED] + 1)
            row[i] = round(mean, 2)
        row[MEASURED] += 1
    oldest = rows[-1][AT] - (kept - 1) * step_s
    rows[:] = [row for row in rows if row[AT] >= oldest]


def _note(incidents, region, at):
    """The region has its new state: does an incident begin, end, or go on?"""
    mine = next((each for each in incidents if each["region"] == region["name"]), None)
    if mine and mine["end"] is not None and at - mine["end"] > REOPEN_S:
        mine = None
    if region["state"] not in rules.BAD:
        if mine and mine["end"] is None:
            mine["end"] = at
    elif mine:
        mine["end"] = None
        if region["state"] == rules.DOWN and mine["state"] != rules.DOWN:
            mine.update(state=rules.DOWN, code=region["code"], reason=region["reason"])
    elif region["state"] == rules.DOWN or region["bad_rounds"] >= INCIDENT_ROUNDS:
        incidents.insert(0, {"region": region["name"], "state": region["state"],
                             "code": region["code"], "reason": region["reason"],
                             "begin": region["bad_since"], "end": None})


def _add_verdict(status, region, at, verdict):
    if verdict.state != region["state"]:
        region["since"] = at
    region.update(state=verdict.state, code=verdict.code, reason=verdict.reason[:TEXT_MAX],
                  checked_at=at)
    said = verdict.said
    region["orchestrators"] = [said.orchestrators_ready, said.orchestrators]
    region["nodes"] = None if said.nodes is None else [said.nodes_ready, said.nodes]
    for name in rules.FIGURES:
        value = getattr(verdict.call, name) if verdict.call else None
        region[name] = None if value is None else round(value, 2)
    if verdict.state == rules.UNKNOWN:
        return
    if verdict.state not in rules.BAD:
        region.update(bad_since=0, bad_rounds=0)
    else:
        region["bad_rounds"] += 1
        region["bad_since"] = region["bad_since"] or at
    for name, (step_s, kept) in SERIES.items():
        _count(region[name], step_s, kept, at, verdict)
    _note(status["incidents"], region, at)


def add(status, at, verdicts, titles=None):
    """Takes a round into status. verdicts: {region: rules.Verdict}, in the order of the page.
    Regions that it does not name are forgotten, with their incidents."""
    before = {region["name"]: region for region in status["regions"]}
    status["regions"] = [before.get(name) or _new_region(name) for name in verdicts]
    status["incidents"] = [each for each in status["incidents"] if each["region"] in verdicts]
    for region in status["regions"]:
        region["title"] = (titles or {}).get(region["name"], region["name"])
        _add_verdict(status, region, at, verdicts[region["name"]])
    oldest = at - DAYS_KEPT * DAYS_STEP_S
    status["incidents"] = [each for each in status["incidents"]
                           if each["end"] is None or each["end"] >= oldest][:INCIDENTS_MAX]
    status["generated_at"] = at


# ---- Looking at it -------------------------------------------------------------------------------


def worst(status):
    """Of the present states. UNKNOWN only where no region has another one."""
    states = {region["state"] for region in status["regions"]}
    for state in (rules.DOWN, rules.DEGRADED, rules.OPERATIONAL):
        if state in states:
            return state
    return rules.UNKNOWN


def uptime(rows):
    """The share of rounds, 0 .. 1, that did not find the region down; None without any."""
    rounds = sum(row[ROUNDS] for row in rows)
    return 1 - sum(row[DOWN] for row in rows) / rounds if rounds else None


# ---- As a file -----------------------------------------------------------------------------------


def _integer(value, least=0, most=TIME_MAX):
    return type(value) is int and least <= value <= most


def _number(value):
    return type(value) in (int, float) and math.isfinite(value) and 0 <= value < 1e9


def _text(value):
    return type(value) is str and len(value) <= TEXT_MAX and value.isprintable()


def _pair(value):
    return value is None or (type(value) is list and len(value) == 2
                             and all(_integer(each) for each in value))


def _row(value):
    return (type(value) is list and len(value) == len(ROW)
            and all(_integer(each) for each in value[:FIGURES])
            and all(_number(each) for each in value[FIGURES:])
            and value[ROUNDS] > 0
            and value[DEGRADED] + value[DOWN] <= value[ROUNDS]
            and value[MEASURED] <= value[ROUNDS])


def _rows(value, step_s, kept):
    return (type(value) is list and len(value) <= kept and all(_row(row) for row in value)
            and all(row[AT] % step_s == 0 for row in value)
            and all(a[AT] < b[AT] for a, b in zip(value, value[1:])))


_STATES = (rules.OPERATIONAL, rules.DEGRADED, rules.DOWN, rules.UNKNOWN)
_REGION = {
    "name": _text, "title": _text, "state": lambda value: value in _STATES, "code": _text,
    "reason": _text, "since": _integer, "checked_at": _integer, "bad_since": _integer,
    "bad_rounds": _integer, "orchestrators": _pair, "nodes": _pair,
    **{name: lambda value: value is None or _number(value) for name in rules.FIGURES},
    **{name: lambda value, of=of: _rows(value, *of) for name, of in SERIES.items()},
}
_INCIDENT = {
    "region": _text, "state": lambda value: value in rules.BAD, "code": _text, "reason": _text,
    "begin": _integer, "end": lambda value: value is None or _integer(value),
}


def _check(value, table, what):
    if type(value) is not dict:
        raise Damaged(f"{what} is no object")
    for name, holds in table.items():
        if name not in value or not holds(value[name]):
            raise Damaged(f"{what} has no valid {name}")


def read(text):
    """Of a status.json: what add() takes. Damaged if this module did not write it so."""
    try:
        status = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"no JSON: {error}") from None
    _check(status, {
        "version": lambda value: value == VERSION and type(value) is int,
        "columns": lambda value: value == list(ROW),
        "generated_at": _integer,
        "regions": lambda value: type(value) is list and len(value) <= REGIONS_MAX,
        "incidents": lambda value: type(value) is list and len(value) <= INCIDENTS_MAX,
    }, "the whole")
    for region in status["regions"]:
        _check(region, _REGION, "a region")
    for incident in status["incidents"]:
        _check(incident, _INCIDENT, "an incident")
    return status


def write(status):
    return json.dumps(status, separators=(",", ":"), ensure_ascii=False) + "\n"
