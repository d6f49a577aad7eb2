"""Over real sockets, a client that is refused early can read why, and cannot send for ever."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
import uvicorn

from ocr_worker.http.bounded_http import bounded_http
from ocr_worker.http.connection_policy import ConnectionPolicy

HEAD = b"POST /photos HTTP/1.1\r\nHost: x\r\n"
#: Deadlines that no test reaches.
POLICY = ConnectionPolicy(most=16, head_s=300, body_s=300, drain_s=300, drain_bytes=4_000_000)


async def refuse(_scope, _receive, send) -> None:
    """Answer before the body is read, as without a token."""
    await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"no"})


class Server(uvicorn.Server):
    """Says when it accepts connections."""

    ready: threading.Event

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@pytest.fixture
def client() -> Iterator[socket.socket]:
    server = Server(
        uvicorn.Config(refuse, http=bounded_http(POLICY), log_config=None, lifespan="off", access_log=False)
    )
    server.ready = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    assert server.ready.wait(60)
    with socket.create_connection(listener.getsockname(), timeout=60) as connection:
        yield connection
    server.should_exit = server.force_exit = True
    thread.join(60)


def rest(connection: socket.socket) -> bytes:
    """Read until the other side closes."""
    read = b""
    while part := connection.recv(65536):
        read += part
    return read


@pytest.mark.parametrize("more", [b"", b"Connection: close\r\n"])
def test_an_endless_body_is_not_read_for_ever_after_the_response(client: socket.socket, more: bytes):
    chunk, sent = b"10000\r\n" + b"a" * 65536 + b"\r\n", 0
    client.sendall(HEAD + more + b"Transfer-Encoding: chunked\r\n\r\n")
    with suppress(OSError):
        while sent < 100_000_000:
            client.sendall(chunk)
            sent += len(chunk)
    assert sent < 20_000_000


@pytest.mark.parametrize("more", [b"", b"Connection: close\r\n"])
def test_a_client_that_writes_everything_first_can_read_the_refusal(client: socket.socket, more: bytes):
    size = 3_000_000
    client.sendall(HEAD + more + b"Content-Length: %d\r\n\r\n" % size)
    # The refusal is there before the body is.
    assert client.recv(1000, socket.MSG_PEEK).startswith(b"HTTP/1.1 401")
    client.sendall(bytes(size))
    if not more:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert rest(client).count(b"HTTP/1.1 401") == (1 if more else 2)
