# SPDX-License-Identifier: Apache-2.0
"""The settings of probe.yaml: a table of keys, each with what reads it. Unknown keys, values out of
range and what does not fit together raise Wrong, which names the key."""
import os
import re
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import yaml

from probe.core.history import MINUTES_STEP_S, REGIONS_MAX, TEXT_MAX
from probe.core.rules import Limits

ENVIRONMENT = "SPILLWAY_PROBE_"  # API_KEY, API_SECRET: better there than in the file
REQUIRED = object()
CALLS = 2  # of a round and region: the second one if the first fails


class Wrong(Exception):
    """Settings that will not do, in words for whoever wrote them."""


def _fail(key, expected):
    raise Wrong(f"{key}: {expected}")


def _text(key, value):
    if type(value) is not str or len(value) > TEXT_MAX or not value.isprintable():
        _fail(key, f"expected a text of at most {TEXT_MAX} characters on one line")
    return value


def _label(key, value):
    if type(value) is not str or not re.fullmatch(r"[a-z0-9-]{1,32}", value):
        _fail(key, "expected 1 to 32 of a-z, 0-9 and '-'")
    return value


def _url(key, value):
    if type(value) is str:
        parts = urlsplit(value)
        if (parts.scheme in ("http", "https") and parts.hostname and parts.path in ("", "/")
                and not parts.query):
            return value.rstrip("/")
    return _fail(key, "expected http://HOST[:PORT] or https://HOST[:PORT]")


def _duration(least_s, most_s):
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}

    def read(key, value):
        match = re.fullmatch(r"(\d{1,9})(ms|s|m|h)", value) if type(value) is str else None
        seconds = int(match[1]) * units[match[2]] if match else -1
        if not least_s <= seconds <= most_s:
            _fail(key, f"expected a duration from {least_s}s to {most_s}s")
        return seconds
    return read


def _number(least, most):
    def read(key, value):
        if type(value) not in (int, float) or not least <= value <= most:
            _fail(key, f"expected a number from {least} to {most}")
        return value
    return read


def _list(item, most):
    def read(key, value):
        if type(value) is not list or len(value) > most:
            _fail(key, f"expected a list of at most {most}")
        return [item(f"{key}.{i}", each) for i, each in enumerate(value)]
    return read


def _table(keys):
    def read(key, value):
        if type(value) is not dict:
            _fail(key or "the file", "expected keys and values")
        prefix = f"{key}." if key else ""
        for name in value:
            if name not in keys:
                _fail(f"{prefix}{name}", "no such key")
        out = SimpleNamespace()
        for name, (reader, default) in keys.items():
            given = value.get(name)
            if given is None and default is REQUIRED:
                _fail(f"{prefix}{name}", "is needed")
            setattr(out, name, reader(f"{prefix}{name}", default if given is None else given))
        return out
    return read


_SERVERS = _list(_url, 32)
_REGION = _table({"name": (_label, REQUIRED), "title": (_text, ""), "servers": (_SERVERS, [])})
_LIMITS = _table({name: (_number(0, 100 if name.endswith("percent") else 60000), default)
                  for name, default in vars(Limits()).items()})
_KEYS = {
    "title": (_text, "Status"),
    "interval": (_duration(5, MINUTES_STEP_S), "60s"),
    "timeout": (_duration(1, 60), "15s"),
    "dir": (_text, REQUIRED),
    "metrics_file": (_text, ""),
    "api_key": (_text, REQUIRED),
    "api_secret": (_text, REQUIRED),
    "servers": (_SERVERS, []),
    "regions": (_list(_REGION, REGIONS_MAX), REQUIRED),
    "limits": (_LIMITS, {}),
}


def parse(text, environment):
    """Settings out of YAML; each region has title and servers filled in."""
    try:
        given = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise Wrong(f"no YAML: {error}") from None
    given = {} if given is None else given
    if type(given) is dict:
        for name in ("api_key", "api_secret"):
            given[name] = environment.get(ENVIRONMENT + name.upper()) or given.get(name)
    settings = _table(_KEYS)("", given)
    names = [region.name for region in settings.regions]
    if not names or len(set(names)) < len(names):
        _fail("regions", "expected one or more, each with a name of its own")
    for i, region in enumerate(settings.regions):
        region.title = region.title or region.name
        region.own = list(region.servers)
        region.servers += [url for url in settings.servers if url not in region.servers]
        if not region.servers:
            _fail(f"regions.{i}.servers", "needed where there are no servers for all")
    if CALLS * settings.timeout >= settings.interval:
        _fail("timeout", f"{CALLS} calls have to fit into an interval")
    settings.limits = Limits(**vars(settings.limits))
    return settings


def load(path):
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Wrong(str(error)) from None
    try:
        return parse(text, os.environ)
    except Wrong as wrong:
        raise Wrong(f"{path}: {wrong}") from None
