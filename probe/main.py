# SPDX-License-Identifier: Apache-2.0
"""spillway-probe: each minute a test call in every region, and a folder of static files that says
how they went."""
import argparse
import asyncio
import logging
import os
import signal
import sys
import time
from pathlib import Path

from probe.core import history, metrics, rules
from probe.shell import call, files, said, settings
from probe.shell.api import Api

VERSION = "0.1.0"
LOG = logging.getLogger("probe")
AT_ONCE = 16  # regions


async def calls(api, region, timeout_s, gate):
    """One, and if it fails another one."""
    made = []
    async with gate:
        while len(made) < settings.CALLS and (not made or made[-1].failure):
            made.append(await call.make(api, region.name, region.servers, timeout_s))
    return made


async def play(options, status):
    """A round: takes its result into status and publishes it."""
    at = int(time.time())
    gate = asyncio.Semaphore(AT_ONCE)
    async with Api(options.api_key, options.api_secret) as api:
        told, *made = await asyncio.gather(
            said.ask(api, options.regions),
            *(calls(api, region, options.timeout, gate) for region in options.regions))
    verdicts = {}
    for region, each in zip(options.regions, made):
        verdict = rules.judge(each, told[region.name], options.limits)
        verdicts[region.name] = verdict
        LOG.info('round region=%s state=%s code=%s', region.name, verdict.state, verdict.code)
    history.add(status, at, verdicts, {each.name: each.title for each in options.regions})
    directory = Path(options.dir)
    files.publish(directory, status, options.title, int(options.interval))
    if options.metrics_file:
        files.put(Path(options.metrics_file), metrics.text(status))


async def run(options, once):
    status = files.read_back(Path(options.dir), int(time.time()))
    this = asyncio.current_task()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, this.cancel)
    while True:
        await play(options, status)
        if once:
            return
        await asyncio.sleep(options.interval - time.time() % options.interval)


def arguments():
    parser = argparse.ArgumentParser(
        prog="spillway-probe", description=__doc__,
        epilog="Exit status: 0 after a stop, 1 if it can't run, 2 for wrong settings.")
    parser.add_argument("--config", metavar="FILE", default="probe.yaml",
                        help="read settings from FILE (YAML; default probe.yaml)")
    parser.add_argument("--once", action="store_true", help="one round, and exit")
    parser.add_argument("--check", action="store_true", help="check the settings and exit")
    parser.add_argument("--version", action="version", version=f"spillway-probe {VERSION}")
    return parser.parse_args()


def main():
    given = arguments()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr,
                        format="%(levelname)s %(message)s")
    for library in ("aiortc", "aioice", "libav"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    try:
        options = settings.load(given.config)
    except settings.Wrong as wrong:
        print(f"spillway-probe: {wrong}", file=sys.stderr)
        return 2
    if given.check:
        return 0
    os.umask(0o022)
    try:
        asyncio.run(run(options, given.once))
    except asyncio.CancelledError:
        pass  # told to stop
    except OSError as error:  # of the folder: nothing else lets one through
        print(f"spillway-probe: {error}", file=sys.stderr)
        return 1
    return 0
