# SPDX-License-Identifier: Apache-2.0
"""Prometheus' text format, and the list of metrics in docs/reference/metrics.md."""
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
REFERENCE = ROOT / "docs/reference/metrics.md"


class Family:
    """A metric with its help, type, the values of its labels in order, and a histogram's bounds."""

    def __init__(self, name, text):
        self.name, self.help = name, text
        self.kind, self.labels, self.buckets = None, {}, []

    def add(self, labels):
        for name, value in re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or ""):
            known = self.buckets if name == "le" else self.labels.setdefault(name, [])
            if value not in known and value != "+Inf":
                known.append(value)


def read(text):
    """Families in the order of the text; fails on a sample that none has announced."""
    families = []
    for line in text.splitlines():
        if line.startswith("# HELP "):
            families.append(Family(*line.split(" ", 3)[2:]))
        elif line.startswith("# TYPE "):
            name, families[-1].kind = line.split(" ", 3)[2:]
            assert name == families[-1].name, line
        else:
            name, labels = re.fullmatch(r"(\w+)(?:{(.*)})? \S+", line).groups()
            assert re.sub(r"_(bucket|sum|count)$", "", name) == families[-1].name or (
                name == families[-1].name), line
            families[-1].add(labels)
    return families


def listed():
    """(name, type, {label: [values]}) of each metric of the page."""
    for line in REFERENCE.read_text().splitlines():
        if line.startswith("| `"):
            name, kind, labels = line.strip("| ").split(" | ", 3)[:3]
            yield name.strip("`"), kind, {
                label: values.split(", ") if values else []
                for label, values in re.findall(r"`(\w+)`(?:=([^;]*))?", labels)}


def names():
    """Of all series, a histogram's each by its own."""
    return {name + suffix for name, kind, _ in listed()
            for suffix in (("_bucket", "_sum", "_count") if kind == "histogram" else ("",))}


def named_in(expression):
    """What a PromQL expression of ours names: metrics, and what rules record."""
    return set(re.findall(r"\b(?:\w+:)?spillway_\w+(?::\w+)?|\bup\b|\bALERTS\b", expression))
