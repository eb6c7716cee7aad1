# SPDX-License-Identifier: Apache-2.0
"""The folder that is published. Each file is written beside itself and put in its place, so whoever
serves or copies the folder never sees half of one; index.html last, for it speaks of the others."""
import logging
import os
from pathlib import Path

from probe.core import history, page

LOG = logging.getLogger("files")
PAGE = Path(__file__).resolve().parents[1] / "page"
ASSETS = ("status.css", "status.js")
STALE_INTERVALS = 3


def put(path, text):
    """Atomically; OSError where that cannot be."""
    scratch = path.with_name(f".{path.name}.new")
    with open(scratch, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fchmod(file.fileno(), 0o644)  # it is public
        os.fsync(file.fileno())
    scratch.replace(path)


def read_back(directory, at):
    """What was kept of former rounds. A damaged file is set aside, under the time at. OSError also
    where the folder could not be written to later."""
    if not (directory.is_dir() and os.access(directory, os.W_OK | os.X_OK)):
        raise OSError(f"{directory}: not a folder that can be written to")
    path = directory / "status.json"
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read(history.FILE_MAX + 1)
    except FileNotFoundError:
        return history.new()
    try:
        if len(text) > history.FILE_MAX:
            raise history.Damaged("too large")
        return history.read(text)
    except history.Damaged as why:
        aside = path.with_name(f"status.json.damaged-{at}")
        path.rename(aside)
        LOG.error('history_damaged error="%s" kept_as="%s"', why, aside)
        return history.new()


def publish(directory, status, title, interval_s):
    put(directory / "status.json", history.write(status))
    for name in ASSETS:
        if not (directory / name).exists() or (
                (directory / name).read_bytes() != (PAGE / name).read_bytes()):
            put(directory / name, (PAGE / name).read_text(encoding="utf-8"))
    put(directory / "index.html",
        page.render(status, title, interval_s, STALE_INTERVALS * interval_s))
