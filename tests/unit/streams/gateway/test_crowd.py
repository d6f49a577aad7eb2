"""Thirty shoppers upload at once to a gateway with two places: each reads an answer, and none a reset."""

import asyncio

import httpx
import uvicorn
from gateway_world import JPEG, TOKEN, World, app_of, form

from ocr_worker.http.bounded_http import bounded_http
from ocr_worker.http.connection_policy import ConnectionPolicy

#: A photo is larger than what the buffers of its sockets hold: there a reset loses the answer.
SHOPPERS, PHOTO_BYTES, PLACES = 30, 16_000_000, 2


def request_of(photo: bytes) -> bytes:
    """Write an upload as bytes, so that the test sees what a client sees that sends everything before it reads."""
    request = httpx.Request("POST", "http://gateway/uploads", headers=TOKEN | {"Connection": "close"}, **form(photo))
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    return f"POST /uploads HTTP/1.1\r\n{head}\r\n".encode() + request.read()


async def upload(port: int, request: bytes, all_connected: asyncio.Barrier) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request[: len(request) // 2])
        await writer.drain()
        await all_connected.wait()
        writer.write(request[len(request) // 2 :])
        await writer.drain()
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()


async def test_a_client_that_sends_everything_reads_202_or_503():
    world = World(gate=asyncio.Event())
    app = app_of(world, photo_bytes=PHOTO_BYTES + 1000)
    protocol = bounded_http(ConnectionPolicy(most=4 * SHOPPERS))
    server = uvicorn.Server(uvicorn.Config(app, port=0, http=protocol, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    request, all_connected = request_of(JPEG + bytes(PHOTO_BYTES)), asyncio.Barrier(SHOPPERS)
    try:
        async with asyncio.timeout(120):
            uploads = [asyncio.create_task(upload(port, request, all_connected)) for _ in range(SHOPPERS)]
            answered = asyncio.as_completed(uploads)
            refused = {await next(answered) for _ in range(SHOPPERS - PLACES)}
            world.gate.set()
            taken = [await one for one in answered]
    finally:
        server.should_exit = True
        await serving
    assert refused == {503}
    assert taken == [202] * PLACES
    assert len(world.events) == PLACES
