"""Concurrent requests have a connection each, later ones reuse one, and connections to unused workers close."""

import asyncio
import socket
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from ocr_worker.http.connections import KEEP_ALIVE_S, Connections

MANY = 40


class Gate:
    """A worker that answers once all who should be there are there, and knows who called from which port."""

    def __init__(self, together: int = 1) -> None:
        self.callers: set[int] = set()
        self._here, self._together, self._open = 0, together, asyncio.Event()
        self._app = FastAPI()
        self._app.add_api_route("/", self._answer)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            self.callers.add(scope["client"][1])
        await self._app(scope, receive, send)

    async def _answer(self) -> str:
        self._here += 1
        if self._here >= self._together:
            self._open.set()
        await self._open.wait()
        return "here"


def client_of(connections: Connections) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=connections, timeout=10, trust_env=False)


async def test_many_requests_are_on_their_way_at_once_and_the_next_ones_use_their_connections(serve):
    gate = Gate(MANY)
    url = serve(gate)
    async with client_of(Connections()) as client:
        for _ in range(3):
            answers = await asyncio.gather(*(client.get(url) for _ in range(MANY)))
            assert [answer.json() for answer in answers] == ["here"] * MANY
    assert len(gate.callers) == MANY


async def test_requests_one_after_the_other_use_one_connection(serve):
    gate = Gate()
    url = serve(gate)
    async with client_of(Connections()) as client:
        for _ in range(MANY):
            await client.get(url)
    assert len(gate.callers) == 1


async def test_failed_and_cancelled_requests_leave_no_connection_in_use():
    connections = Connections()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        never = f"http://127.0.0.1:{silent.getsockname()[1]}"
        async with client_of(connections) as client:
            for _ in range(3):
                with pytest.raises(httpx.ConnectError):
                    await client.get("http://127.0.0.1:9/")
                with pytest.raises(httpx.ReadTimeout):
                    await client.get(never, timeout=0.1)
                given_up = asyncio.create_task(client.get(never))
                await asyncio.sleep(0)
                given_up.cancel()
                await asyncio.gather(given_up, return_exceptions=True)
            assert [(place.in_use, len(place.free)) for place in connections._origins.values()] == [(0, 1), (0, 1)]


@pytest.mark.parametrize("keep_alive_s", [KEEP_ALIVE_S, 4.0])
async def test_unused_connections_of_a_burst_close_while_a_trickle_continues(serve, keep_alive_s):
    now = [0.0]
    url = serve(Gate(MANY))
    connections = Connections(clock=lambda: now[0], keep_alive_s=keep_alive_s)
    async with client_of(connections) as client:
        await asyncio.gather(*(client.get(url) for _ in range(MANY)))
        for _ in range(3):
            now[0] += keep_alive_s * 0.6
            await client.get(url)
        [place] = connections._origins.values()
        assert (place.in_use, len(place.free)) == (0, 1)


async def test_a_request_under_way_at_the_end_closes_its_connection_itself(serve):
    url = serve(Gate(2))
    connections = Connections()
    async with client_of(connections) as client, client_of(Connections()) as other:
        first = asyncio.create_task(client.get(url))
        while not connections._origins:
            await asyncio.sleep(0.01)
        [place] = connections._origins.values()
        await connections.aclose()
        await other.get(url)
        assert (await first).json() == "here"
        assert (place.in_use, place.free) == (0, [])


async def test_connections_to_unused_workers_are_closed(serve):
    now = [0.0]
    old, new = serve(Gate()), serve(Gate())
    connections = Connections(clock=lambda: now[0])
    async with client_of(connections) as client:
        await client.get(old)
        now[0] += KEEP_ALIVE_S + 1
        await client.get(new)
        assert [port for _, _, port in connections._origins] == [httpx.URL(new).port]
