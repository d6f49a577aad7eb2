"""
HTTP connections, each in a pool of its own: an httpx transport for many requests at once to few workers.

httpcore's pool looks at every connection for every idle one on each request: at 80 connections that costs ten times
the CPU of sending the photo. Pools of one connection keep it flat. Knows neither photos nor answers.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

import httpx

#: Seconds; less than the worker's own keep-alive, so that no request meets a connection that is being closed.
KEEP_ALIVE_S: Final = 30.0
_ONE: Final = httpx.Limits(max_connections=1, keepalive_expiry=KEEP_ALIVE_S)


@dataclass(slots=True)
class _Place:
    """One scheme, host and port: the connections nobody uses just now, and the number of the others."""

    used_at: float
    free: list[httpx.AsyncHTTPTransport] = field(default_factory=list)
    in_use: int = 0


class Connections(httpx.AsyncBaseTransport):
    """Opens a further connection where all to a worker are in use. Whoever calls bounds the requests at once."""

    def __init__(self, tls: ssl.SSLContext | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._tls = tls or httpx.create_ssl_context(trust_env=False)
        self._clock = clock
        self._places: dict[tuple[str, str, int | None], _Place] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request. Raises what httpx raises."""
        now = self._clock()
        place = self._places.setdefault((request.url.scheme, request.url.host, request.url.port), _Place(now))
        place.used_at, place.in_use = now, place.in_use + 1
        try:
            await self._close_unused(now)
            # The one used last: the others may then expire when there is less to do.
            one = place.free.pop() if place.free else self._open()
        except BaseException:
            place.in_use -= 1
            raise
        try:
            answer = await one.handle_async_request(request)
        except BaseException:
            _put_back(place, one)
            raise
        assert isinstance(answer.stream, httpx.AsyncByteStream)  # noqa: S101 - an asynchronous transport's is
        answer.stream = _Body(answer.stream, lambda: _put_back(place, one))
        return answer

    async def aclose(self) -> None:
        """Close every connection."""
        places, self._places = self._places, {}
        await _close(places.values())

    def _open(self) -> httpx.AsyncHTTPTransport:
        return httpx.AsyncHTTPTransport(verify=self._tls, limits=_ONE, trust_env=False)

    async def _close_unused(self, now: float) -> None:
        """Let go of workers that are no longer asked: their connections would stay half open."""
        unused = [key for key, place in self._places.items() if not place.in_use and now - place.used_at > KEEP_ALIVE_S]
        if unused:
            await _close([self._places.pop(key) for key in unused])


class _Body(httpx.AsyncByteStream):
    """An answer's body; its connection is free again once it is closed."""

    def __init__(self, body: httpx.AsyncByteStream, put_back: Callable[[], None]) -> None:
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
                self._put_back()


def _put_back(place: _Place, one: httpx.AsyncHTTPTransport) -> None:
    place.free.append(one)
    place.in_use -= 1


async def _close(places: Iterable[_Place]) -> None:
    await asyncio.gather(*(one.aclose() for place in places for one in place.free))
