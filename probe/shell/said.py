# SPDX-License-Identifier: Apache-2.0
"""What orchestrators say of themselves (/readyz) and of the media nodes (/admin/v1/nodes)."""
import asyncio
import json
import logging

from probe.core.rules import Said
from probe.shell.api import NoAnswer

LOG = logging.getLogger("said")


async def _is_ready(api, server):
    try:
        return (await api.ask_one(server, "GET", "/readyz")).status == 200
    except NoAnswer as why:
        LOG.warning('no_answer error="%s"', why)
        return False


async def _nodes(api, servers):
    """{region: [whether each node is in service]}, None if nobody says."""
    try:
        answer = await api.ask(servers, "GET", "/admin/v1/nodes", api.bearer({"roomList": True}))
        regions = {}
        for node in json.loads(answer.body)["nodes"]:
            in_service = node["state"] == "ready" and not node["suspect"]
            regions.setdefault(node["region"], []).append(in_service)
        return regions
    except (NoAnswer, ValueError, LookupError, TypeError) as why:
        LOG.warning('no_nodes error="%s %s"', type(why).__name__, why)
        return None


async def ask(api, regions):
    """{name of region: Said}"""
    everybody = list(dict.fromkeys(url for region in regions for url in region.servers))
    nodes, *ready = await asyncio.gather(_nodes(api, everybody),
                                         *(_is_ready(api, url) for url in everybody))
    ready = dict(zip(everybody, ready))
    out = {}
    for region in regions:
        own = None if nodes is None else nodes.get(region.name, [])
        asked = region.own or region.servers
        out[region.name] = Said(len(asked), sum(ready[url] for url in asked),
                                None if own is None else len(own), sum(own or []))
    return out
