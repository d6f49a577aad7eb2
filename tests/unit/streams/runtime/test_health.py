"""A stranger can hold little of the HTTP server that tells a stage's health, and the stage keeps its own signals."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pytest

from ocr_worker.http.connection_policy import ConnectionPolicy
from streams.config.settings import Settings
from streams.runtime.health import serve_health

POLICY = ConnectionPolicy(most=16, head_s=0.5, body_s=0.5, drain_s=0.5, drain_bytes=1_000_000)
#: Far above each deadline: a slow machine passes, a server without deadlines does not.
PATIENCE_S = 60


@dataclass
class Intake:
    """A stage's intake, as far as its health goes."""

    settled: asyncio.Event = field(default_factory=asyncio.Event)
    dead_because: str | None = None

    def zombie(self, _patience_s: float) -> str | None:
        return self.dead_because


@pytest.fixture
def intake() -> Intake:
    return Intake()


@pytest.fixture
async def port(intake) -> AsyncIterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    stop = await serve_health(Settings(health_port=free), intake, POLICY)
    yield free
    await stop()


async def rest_of(sent: bytes, port: int) -> bytes:
    """Send bytes, then read until the server closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        async with asyncio.timeout(PATIENCE_S):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_the_health_pages_answer_the_state_of_the_stage(port, intake):
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:

        async def answer(path: str) -> tuple[int, str]:
            response = await http.get(path)
            return response.status_code, response.text

        assert [await answer("/healthz"), await answer("/readyz")] == [(200, "ok"), (503, "no assignment yet")]
        intake.settled.set()
        intake.dead_because = "no heartbeat"
        assert [await answer("/healthz"), await answer("/readyz")] == [(503, "no heartbeat"), (200, "ready")]
        assert (await answer("/other"))[0] == 404
        assert "server" not in (await http.get("/healthz")).headers


async def test_endless_heads_block_no_other_client_and_are_closed(port):
    half = [asyncio.create_task(rest_of(b"GET /healthz HTTP/1.1\r\nHost: x\r\n", port)) for _ in range(60)]
    await asyncio.sleep(0)
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as http:
        assert (await http.get(f"http://127.0.0.1:{port}/healthz")).status_code == 200
    for closed in await asyncio.gather(*half):
        assert closed == b"" or closed.startswith(b"HTTP/1.1 503")


async def test_a_body_is_read_for_a_bounded_time_after_the_answer(port):
    head = b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc"
    answer = await rest_of(head, port)
    assert answer.startswith(b"HTTP/1.1 200")


async def test_a_length_beside_an_encoding_is_refused_and_requests_after_it_get_no_answer(port):
    answer = await rest_of(
        b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        port,
    )
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1") == 1


async def test_the_stage_keeps_its_own_signal_handlers(intake):
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    stop = await serve_health(Settings(health_port=free), intake)
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as http:
        await http.get(f"http://127.0.0.1:{free}/healthz")
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    await stop()


async def test_a_port_in_use_is_an_error_of_the_stage(intake):
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        await serve_health(Settings(health_port=taken.getsockname()[1]), intake)
