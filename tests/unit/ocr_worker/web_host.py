"""A web server and a name server for tests of photos by their address: real sockets on loopback addresses."""

import asyncio
import socket
from contextlib import ExitStack, asynccontextmanager, contextmanager

from ocr_worker.server.web_photos import WebLimits

LIMITS = WebLimits(max_bytes=100_000, seconds=5)
OK = b"HTTP/1.1 200 OK\r\n"


@asynccontextmanager
async def host(answer, address="127.0.0.1", port=0, tls=None):
    """A web server with one answer for every request (bytes, or a coroutine that writes it). Records the requests."""
    seen: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        try:
            seen.append((await reader.readuntil(b"\r\n\r\n")).decode())
            if callable(answer):
                await answer(writer)
            else:
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            seen.append("gone")
        finally:
            writer.close()

    server = await asyncio.start_server(serve, address, port, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1], seen


@contextmanager
def black_hole(address: str, port: int):
    """An address that drops every packet: nothing accepts there, and its queue of one is full."""
    with ExitStack() as held:
        held.enter_context(socket.create_server((address, port), backlog=0))
        for _ in range(4):
            caller = held.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex((address, port))
        yield


def whole(photo: bytes, *headers: bytes) -> bytes:
    return (
        OK + b"".join(b"%b\r\n" % header for header in (*headers, b"Content-Length: %d" % len(photo))) + b"\r\n" + photo
    )


def pointing(*addresses: str, calls: list[str] | None = None):
    """A name server with fixed addresses. Records the names that it looked up."""

    async def resolve(name: str, _: int):
        if calls is not None:
            calls.append(name)
        return addresses

    return resolve


def loopback(address: str) -> bool:
    return address.startswith("127.")
