# SPDX-License-Identifier: Apache-2.0
"""One test call in a region: a participant that publishes a picture by WHIP, one that plays it by
WHEP, and a room that nobody else knows the name of, gone with the call.

    join         the publisher's POST until its peer connection is connected: placement, ICE, DTLS
                 through the media node to the orchestrator, keys
    first frame  the player's POST until its first decoded picture: a key frame through the cluster
    round trip   the publisher's, by receiver reports of its media node (RFC 3550 section 6.4.1)

Tokens with the attribute "region" ask for the region; that it was given is looked up.
"""
import asyncio
import json
import logging
import secrets
import time
from urllib.parse import quote, urljoin

from aiortc import (RTCConfiguration, RTCPeerConnection, RTCSessionDescription,
                    VideoStreamTrack)

from probe.core.rules import UNREACHABLE, Call
from probe.shell.api import NoAnswer

LOG = logging.getLogger("call")
AGAIN_S = 0.1  # between questions whose answer comes a moment later
END_S = 5
PUBLISHER, PLAYER = "publisher", "player"


class Failed(Exception):
    """code: a key of rules.FAILURES."""

    def __init__(self, code, detail):
        super().__init__(detail)
        self.code = code


class Side:
    """A participant: its peer connection, and its session at an orchestrator."""

    def __init__(self, call, identity, path, grants):
        self.call, self.path = call, path
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.headers = call.api.bearer(
            {"roomJoin": True, "room": call.room, **grants}, identity,
            attributes={"region": call.region},
            # Should the room outlive us, not for long.
            roomConfig={"emptyTimeout": 10, "departureTimeout": 1, "maxParticipants": 2})
        self.session = None
        self.asking = None  # the POST that makes it
        self.connected = asyncio.get_running_loop().create_future()
        self.pc.on("connectionstatechange", self._changed)

    def _changed(self):
        state = self.pc.connectionState
        if self.connected.done() or state not in ("connected", "failed"):
            return
        if state == "connected":
            self.connected.set_result(time.monotonic())
        else:
            self.connected.set_exception(Failed("media", "the peer connection failed"))

    async def open(self):
        """Joins. Returns when the request was sent; the candidates were gathered before."""
        await self.pc.setLocalDescription(await self.pc.createOffer())
        while True:
            begun = time.monotonic()
            self.asking = asyncio.ensure_future(self.call.api.ask(
                self.call.servers, "POST", self.path, {**self.headers,
                                                       "Content-Type": "application/sdp"},
                data=self.pc.localDescription.sdp))
            answer = await asyncio.shield(self.asking)  # or close() has to know what came of it
            if answer.status != 409:  # nothing to play yet
                break
            await asyncio.sleep(AGAIN_S)
        if answer.status != 201:
            raise Failed("full" if answer.status == 503 else "refused",
                         f"{answer.server}: {answer.status} {answer.body[:200]!r}")
        self._has_session(answer)
        await self.pc.setRemoteDescription(RTCSessionDescription(answer.body.decode(), "answer"))
        return begun

    def _has_session(self, answer):
        self.call.servers.sort(key=lambda url: url != answer.server)  # it has the sessions
        self.session = urljoin(answer.server, answer.headers.get("Location", ""))

    async def _wait_for_session(self):
        """Of a call that was given up while it was asked for one."""
        if self.session is None and self.asking is not None:
            try:
                answer = await self.asking
            except NoAnswer:
                return
            if answer.status == 201:
                self._has_session(answer)

    async def close(self):
        await self._wait_for_session()
        if not self.connected.cancel() and not self.connected.cancelled():
            self.connected.exception()  # looked at: asyncio need not tell of it
        if self.session:
            try:
                await self.call.api.ask_one(self.call.servers[0], "DELETE", self.session,
                                            self.headers)
            except NoAnswer:
                pass  # the room is deleted as well
        await self.pc.close()


class _OneCall:
    def __init__(self, api, region, servers):
        self.api, self.region, self.servers = api, region, list(servers)
        self.room = f"spillway-probe-{region}-{secrets.token_hex(8)}"
        self.sides = []
        self.stage = UNREACHABLE  # what has failed if time runs out now

    def side(self, *words):
        self.sides.append(Side(self, *words))
        return self.sides[-1]

    async def look_up(self, path):
        answer = await self.api.ask(self.servers, "GET", f"/admin/v1/{path}",
                                    self.api.bearer({"roomList": True}))
        if answer.status != 200:
            raise Failed("refused", f"{path}: {answer.status} {answer.body[:200]!r}")
        return json.loads(answer.body)

    async def check_region(self, identity):
        who = await self.look_up(f"rooms/{self.room}/participants/{identity}")
        node = await self.look_up(f"nodes/{quote(who['node'], safe='')}")
        if node["region"] != self.region:
            raise Failed("elsewhere", f"{identity} is on a node of {node['region']!r}")

    async def round_trip_s(self, sender):
        while True:
            for each in (await sender.getStats()).values():
                if each.type == "remote-inbound-rtp" and each.roundTripTime is not None:
                    return max(each.roundTripTime, 0)
            await asyncio.sleep(AGAIN_S)

    async def make(self):
        publisher = self.side(PUBLISHER, "/whip/v1", {"canSubscribe": False})
        sender = publisher.pc.addTransceiver(VideoStreamTrack(), "sendonly").sender
        begun = await publisher.open()
        self.stage = "media"
        await self.check_region(PUBLISHER)
        join_s = await publisher.connected - begun

        player = self.side(PLAYER, f"/whep/v1?participant={PUBLISHER}", {"canPublish": False})
        receiver = player.pc.addTransceiver("video", "recvonly").receiver
        begun = await player.open()
        await player.connected
        self.stage = "picture"
        await receiver.track.recv()
        first_frame_s = time.monotonic() - begun
        await self.check_region(PLAYER)

        self.stage = "round_trip"
        round_trip_s = await self.round_trip_s(sender)
        return Call("", join_s * 1000, first_frame_s * 1000, round_trip_s * 1000)

    async def end(self):
        await asyncio.gather(*(side.close() for side in self.sides), return_exceptions=True)
        try:
            await self.api.ask(self.servers, "POST", "/twirp/livekit.RoomService/DeleteRoom",
                               self.api.bearer({"roomCreate": True}), json={"room": self.room})
        except NoAnswer:
            pass  # it goes by itself: departureTimeout


async def _surely(task):
    """Waits for it to the end; whoever is cancelled meanwhile, is so then."""
    cancelled = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as why:
            cancelled = why
    task.exception()
    if cancelled:
        raise cancelled


async def make(api, region, servers, timeout_s):
    """The rules.Call of one test call, which ends within timeout_s and what ending it takes."""
    call = _OneCall(api, region, servers)
    try:
        async with asyncio.timeout(timeout_s):
            return await call.make()
    except Failed as why:
        code, detail = why.code, why
    except NoAnswer as why:
        code, detail = UNREACHABLE, why
    except TimeoutError:
        code, detail = call.stage, f"not within {timeout_s:g} s"
    except Exception as why:  # of a library: it must not pass for an outage of the region
        code, detail = "probe", f"{type(why).__name__}: {why}"
    finally:
        await _surely(asyncio.ensure_future(asyncio.wait_for(call.end(), END_S)))
    LOG.warning('call_failed region=%s code=%s detail="%s"', region, code, detail)
    return Call(code)
