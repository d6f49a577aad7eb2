"""Whoever shows no token can hold little of a server of ours, and whoever is refused can read why."""

import asyncio
import socket
import threading
import time
from contextlib import suppress

import pytest
import uvicorn

from ocr_worker.http.bounded_http import bounded_http
from ocr_worker.http.connection_policy import ConnectionPolicy, Connections, policy_for

HEAD = b"POST /photos HTTP/1.1\r\nHost: x\r\n"
POLICY = ConnectionPolicy(most=16, head_s=0.5, body_s=0.7, drain_s=0.7, drain_bytes=4_000_000)
SEEN: list[str] = []


async def app(scope, receive, send) -> None:
    """/wait reads its body, anything else is refused before its body is read, as without a token."""
    SEEN.append(scope["path"])
    if scope["path"] == "/wait":
        while (message := await receive())["type"] == "http.request" and message.get("more_body"):
            pass
    if scope["path"] == "/slow":
        await asyncio.sleep(1.5)
    await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"no"})


@pytest.fixture
def served():
    running = []

    def start(policy: ConnectionPolicy = POLICY) -> tuple[str, int]:
        config = uvicorn.Config(app, http=bounded_http(policy), log_config=None, lifespan="off", access_log=False)
        server = uvicorn.Server(config)
        listener = socket.create_server(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        running.append((server, thread))
        while not server.started:
            time.sleep(0.01)
        return listener.getsockname()

    yield start
    for server, thread in running:
        server.should_exit = server.force_exit = True
        thread.join(10)


OPEN: list[socket.socket] = []


@pytest.fixture(autouse=True)
def close_all():
    yield
    while OPEN:
        OPEN.pop().close()


def connect(address: tuple[str, int]) -> socket.socket:
    OPEN.append(socket.create_connection(address, timeout=5))
    return OPEN[-1]


def rest(connection: socket.socket) -> bytes:
    """Read until the other side closes."""
    read = b""
    while part := connection.recv(65536):
        read += part
    return read


def ended(connection: socket.socket) -> bool:
    try:
        return rest(connection) is not None
    except ConnectionResetError:
        return True


def answers(address: tuple[str, int]) -> bool:
    with connect(address) as one:
        one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return rest(one).startswith(b"HTTP/1.1 401")


def test_heads_that_never_end_keep_nobody_out_and_are_closed(served):
    address = served()
    half = [connect(address) for _ in range(60)]
    for one in half:
        try:
            one.sendall(HEAD)
        except OSError:
            continue
    assert answers(address)
    began = time.monotonic()
    assert all(map(ended, half))
    assert time.monotonic() - began < 4


def test_a_connection_that_says_nothing_is_closed(served):
    with connect(served()) as silent:
        assert rest(silent) == b""


def test_a_second_head_has_a_deadline_too(served):
    with connect(served()) as one:
        one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert one.recv(1000).startswith(b"HTTP/1.1 401")
        one.sendall(b"GET / HT")
        assert rest(one) in {b"", b"no"}


def test_a_body_that_never_ends_is_closed(served):
    with connect(served()) as one:
        one.sendall(b"POST /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc")
        assert rest(one) == b""


def test_a_slow_answer_is_waited_for(served):
    with connect(served()) as one:
        one.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert rest(one).startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize("more", [b"", b"Connection: close\r\n"])
def test_an_endless_body_is_not_taken_for_ever_after_the_answer(served, more):
    chunk, sent = b"10000\r\n" + b"a" * 65536 + b"\r\n", 0
    with connect(served()) as one:
        one.sendall(HEAD + more + b"Transfer-Encoding: chunked\r\n\r\n")
        with suppress(OSError):
            while sent < 100_000_000:
                one.sendall(chunk)
                sent += len(chunk)
    assert sent < 20_000_000


@pytest.mark.parametrize("more", [b"", b"Connection: close\r\n"])
def test_who_wrote_everything_first_can_read_the_refusal(served, more):
    size = 3_000_000
    with connect(served()) as one:
        one.sendall(HEAD + more + b"Content-Length: %d\r\n\r\n" % size)
        for _ in range(30):
            one.sendall(bytes(size // 30))
            time.sleep(0.005)
        assert one.recv(1000).startswith(b"HTTP/1.1 401")
        if more:
            assert rest(one) in {b"", b"no"}
        else:
            one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert b"HTTP/1.1 401" in rest(one)


def test_a_length_beside_an_encoding_is_refused_and_nothing_behind_it_answered(served):
    SEEN.clear()
    with connect(served()) as one:
        one.sendall(
            b"POST /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        answer = rest(one)
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1") == 1
    assert "/smuggled" not in SEEN


def test_more_connections_at_work_than_there_may_be_get_a_readable_503(served):
    address = served(ConnectionPolicy(most=4, head_s=5))
    SEEN.clear()
    busy = []
    for at in range(4):
        busy.append(connect(address))
        busy[at].sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        while len(SEEN) <= at:
            time.sleep(0.005)
    with connect(address) as one:
        one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert rest(one).startswith(b"HTTP/1.1 503")
    assert all(rest(one).startswith(b"HTTP/1.1 401") for one in busy)


def test_the_longest_waiting_of_the_busiest_address_gives_way():
    connections = Connections(ConnectionPolicy(most=16))
    assert [connections.opened(at, "a") for at in range(4)] == [None] * 4
    connections.asked(1)
    assert connections.opened(4, "a") is None
    assert connections.opened(5, "a") == 0
    assert connections.opened(6, "b") is None


def test_limits_follow_from_the_files_that_may_be_open():
    assert (policy_for(256).most, policy_for(10**6).most, policy_for(8).most) == (128, 4096, 16)
