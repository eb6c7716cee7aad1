# SPDX-License-Identifier: Apache-2.0
"""The last round for Prometheus, in the text form that node_exporter's textfile collector reads.
Pure. Seconds, as Prometheus wants them; a figure that could not be measured has no sample."""
from probe.core import rules

PREFIX = "spillway_probe_"
STATES = (rules.OPERATIONAL, rules.DEGRADED, rules.DOWN, rules.UNKNOWN)
FIGURES = {
    "join_ms": ("join_seconds", "From the request to a working media path."),
    "first_frame_ms": ("first_frame_seconds", "From a viewer's request to his first picture."),
    "round_trip_ms": ("round_trip_seconds", "To the media node and back, by RTCP."),
}


def _family(name, words, samples):
    return [f"# HELP {PREFIX}{name} {words}", f"# TYPE {PREFIX}{name} gauge",
            *(f"{PREFIX}{name}{labels} {value:g}" for labels, value in samples)]


def text(status):
    """Of a status that has rounds. Names of regions are labels, so nothing has to be escaped."""
    regions = status["regions"]
    lines = [f"# HELP {PREFIX}last_round_timestamp_seconds When the last round began.",
             f"# TYPE {PREFIX}last_round_timestamp_seconds gauge",
             f"{PREFIX}last_round_timestamp_seconds {status['generated_at']}"]
    lines += _family("state", "1 for the state that the region is in, 0 for the others.", [
        (f'{{region="{region["name"]}",state="{state}"}}', region["state"] == state)
        for region in regions for state in STATES])
    for figure, (name, words) in FIGURES.items():
        lines += _family(name, words, [(f'{{region="{region["name"]}"}}', region[figure] / 1000)
                                       for region in regions if region[figure] is not None])
    return "\n".join(lines) + "\n"
