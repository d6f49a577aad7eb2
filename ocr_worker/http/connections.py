"""
An httpx transport with one connection per pool, for many concurrent requests to few servers.

On each request httpcore's pool compares every connection with every idle one. At 80 connections that costs ten times
the CPU of sending the photo. With one connection per pool the cost stays constant. Knows neither photos nor responses.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

import httpx

#: Seconds. Less than the worker's own keep-alive, so that no request uses a connection that the worker is closing.
KEEP_ALIVE_S: Final = 30.0


@dataclass(slots=True)
class _Origin:
    """Connections to one origin: the idle ones with their last use, oldest first, and the number of busy ones."""

    used_at: float
    free: list[tuple[httpx.AsyncHTTPTransport, float]] = field(default_factory=list)
    in_use: int = 0


class Connections(httpx.AsyncBaseTransport):
    """
    Opens a new connection when all connections to a server are busy. The caller limits the concurrent requests.

    `keep_alive_s`: seconds that an idle connection stays open; must be less than the server's keep-alive.
    """

    def __init__(
        self,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
        *,
        keep_alive_s: float = KEEP_ALIVE_S,
    ) -> None:
        self._tls = tls or httpx.create_ssl_context(trust_env=False)
        self._clock = clock
        self._keep_alive_s = keep_alive_s
        self._limits = httpx.Limits(max_connections=1, keepalive_expiry=keep_alive_s)
        self._origins: dict[tuple[str, str, int | None], _Origin] = {}
        self._closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request. Raises the same errors as httpx."""
        now = self._clock()
        origin = self._origins.setdefault((request.url.scheme, request.url.host, request.url.port), _Origin(now))
        origin.used_at, origin.in_use = now, origin.in_use + 1
        try:
            await self._close_unused(now)
            # Use the connection that was used last, so that the others become old enough to close when load falls.
            one = origin.free.pop()[0] if origin.free else self._open()
        except BaseException:
            origin.in_use -= 1
            raise
        try:
            answer = await one.handle_async_request(request)
        except BaseException:
            await self._put_back(origin, one)
            raise
        assert isinstance(answer.stream, httpx.AsyncByteStream)  # noqa: S101 - an asynchronous transport's is
        answer.stream = _Body(answer.stream, lambda: self._put_back(origin, one))
        return answer

    async def aclose(self) -> None:
        """Close every connection."""
        self._closed = True
        origins, self._origins = self._origins, {}
        await _close(one for origin in origins.values() for one, _ in origin.free)

    def _open(self) -> httpx.AsyncHTTPTransport:
        return httpx.AsyncHTTPTransport(verify=self._tls, limits=self._limits, trust_env=False)

    async def _close_unused(self, now: float) -> None:
        """Close connections that were idle too long, which httpcore would only notice at the next use."""
        old: list[httpx.AsyncHTTPTransport] = []
        for key, origin in list(self._origins.items()):
            while origin.free and now - origin.free[0][1] > self._keep_alive_s:
                old.append(origin.free.pop(0)[0])
            if not origin.free and not origin.in_use and now - origin.used_at > self._keep_alive_s:
                del self._origins[key]
        if old:
            await _close(old)

    async def _put_back(self, origin: _Origin, one: httpx.AsyncHTTPTransport) -> None:
        origin.in_use -= 1
        if self._closed:
            await one.aclose()
        else:
            origin.free.append((one, self._clock()))


class _Body(httpx.AsyncByteStream):
    """The body of a response. Closing it makes the connection idle again."""

    def __init__(self, body: httpx.AsyncByteStream, put_back: Callable[[], Awaitable[None]]) -> None:
        self._body, self._put_back, self._open = body, put_back, True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._body:
            yield part

    async def aclose(self) -> None:
        try:
            await self._body.aclose()
        finally:
            if self._open:
                self._open = False
                await self._put_back()


async def _close(these: Iterable[httpx.AsyncHTTPTransport]) -> None:
    await asyncio.gather(*(one.aclose() for one in these))
