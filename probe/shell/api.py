# SPDX-License-Identifier: Apache-2.0
"""HTTP to orchestrators: of several, the first that answers; tokens of the API key."""
import asyncio
import time
from dataclasses import dataclass

import aiohttp
import jwt

TOKEN_TTL_S = 120
TRY_S = 4  # for one server to answer
ANSWER_MAX = 16 << 20  # bytes: the list of 10,000 nodes is a third of that


class NoAnswer(Exception):
    """Of any server."""


@dataclass(frozen=True)
class Answer:
    server: str
    status: int
    headers: object
    body: bytes


class Api:
    """A context manager. key: (API key, its secret)."""

    def __init__(self, key, secret):
        self.key, self.secret = key, secret
        self.session = None

    async def __aenter__(self):
        # No proxies, cookies or redirects: what is measured is the way to the server named.
        self.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TRY_S),
                                             cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(self, *_):
        await self.session.close()

    def bearer(self, grants, identity="spillway-probe", **claims):
        now = int(time.time())
        token = jwt.encode({"iss": self.key, "sub": identity, "nbf": now - 5,
                            "exp": now + TOKEN_TTL_S, "video": grants, **claims},
                           self.secret, algorithm="HS256")
        return {"Authorization": f"Bearer {token}"}

    async def ask_one(self, server, method, path, headers=None, **more):
        """NoAnswer if it gives none. path: also a whole URL."""
        url = path if "://" in path else server + path
        try:
            async with self.session.request(method, url, headers=headers, allow_redirects=False,
                                            **more) as response:
                body = await response.content.read(ANSWER_MAX)
                return Answer(server, response.status, response.headers, body)
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
            raise NoAnswer(f"{server}: {type(error).__name__} {error}".strip()) from None

    async def ask(self, servers, method, path, headers=None, **more):
        """Of the first that answers with something else than a 5xx; else the last such answer."""
        last, why = None, []
        for server in servers:
            try:
                last = await self.ask_one(server, method, path, headers, **more)
                if last.status < 500:
                    return last
            except NoAnswer as error:
                why.append(str(error))
        if last is None:
            raise NoAnswer("; ".join(why))
        return last
