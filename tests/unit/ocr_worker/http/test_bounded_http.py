"""A client without a token can use little of a server, and each request has its own body and deadline."""

import asyncio

import pytest
from http_world import Served, Wire, settled

from ocr_worker.http.connection_policy import ConnectionPolicy

POLICY = ConnectionPolicy(most=16, head_s=10, body_s=20, drain_s=30, drain_bytes=1_000_000)
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
SLOW = b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
HEAD = b"POST /photos HTTP/1.1\r\nHost: x\r\n"


class App:
    """`/size` answers with the size of its body; `/slow` waits for the gate; others answer 401 before their body."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.paths: list[str] = []

    async def __call__(self, scope, receive, send) -> None:
        self.paths.append(scope["path"])
        size = 0
        if scope["path"] == "/size":
            more = True
            while more:
                message = await receive()
                size += len(message.get("body", b""))
                more = message.get("more_body", False)
        if scope["path"] == "/slow":
            await self.gate.wait()
        status, body = (200, b"%d" % size) if scope["path"] == "/size" else (401, b"no")
        await send(
            {"type": "http.response.start", "status": status, "headers": [(b"content-length", b"%d" % len(body))]}
        )
        await send({"type": "http.response.body", "body": body})


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def served(app: App) -> Served:
    return Served(app, POLICY)


async def asked(served: Served, request: bytes) -> Wire:
    wire = await served.connect()
    await wire.send(request)
    return wire


async def answers(served: Served) -> bool:
    wire = await served.connect("10.0.0.2")
    await wire.send(LAST)
    return wire.sent.startswith(b"HTTP/1.1 401") and wire.closed


async def test_endless_heads_block_no_other_client_and_are_closed(served: Served):
    half = [await served.connect() for _ in range(60)]
    for wire in half:
        await wire.send(HEAD)
    assert await answers(served)
    served.clock.turn(POLICY.head_s)
    assert all(wire.closed and not wire.sent for wire in half)


async def test_a_connection_that_sends_nothing_is_closed(served: Served):
    wire = await served.connect()
    served.clock.turn(POLICY.head_s - 1)
    assert not wire.closed
    served.clock.turn(1)
    assert wire.closed


async def test_a_second_head_has_a_deadline_too(served: Served):
    wire = await served.connect()
    await wire.send(GET)
    await wire.send(GET[:10])
    served.clock.turn(POLICY.head_s - 1)
    assert not wire.closed
    served.clock.turn(1)
    assert wire.closed
    assert wire.answers == 1


async def test_a_body_that_never_ends_is_closed(served: Served):
    wire = await served.connect()
    await wire.send(b"POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc")
    served.clock.turn(POLICY.body_s - 1)
    assert not wire.closed
    served.clock.turn(1)
    await settled()
    assert wire.closed
    assert wire.sent == b""


async def test_a_slow_response_is_waited_for(app: App, served: Served):
    wire = await served.connect()
    await wire.send(SLOW)
    served.clock.turn(3600)
    assert not wire.closed
    app.gate.set()
    await settled()
    assert wire.sent.startswith(b"HTTP/1.1 401")


async def test_after_the_response_a_body_is_read_for_a_limited_time(served: Served):
    wire = await served.connect()
    await wire.send(HEAD + b"Content-Length: 100000\r\n\r\nabc")
    assert wire.sent.startswith(b"HTTP/1.1 401")
    served.clock.turn(POLICY.drain_s - 1)
    assert not wire.closed
    served.clock.turn(1)
    assert wire.closed


@pytest.mark.parametrize("more", [b"", b"Connection: close\r\n"])
async def test_after_the_response_a_body_is_read_up_to_a_limited_size(served: Served, more: bytes):
    wire = await served.connect()
    await wire.send(HEAD + more + b"Transfer-Encoding: chunked\r\n\r\n")
    chunk, sent = b"10000\r\n" + b"a" * 65536 + b"\r\n", 0
    while not wire.closed:
        await wire.send(chunk)
        sent += len(chunk)
    assert POLICY.drain_bytes < sent < POLICY.drain_bytes + 2 * len(chunk)


@pytest.mark.parametrize("first", [b"/photos", b"/size"])
async def test_a_request_behind_anothers_body_gets_its_own_body(first: bytes):
    """Wherever the network cuts the two requests, and whether or not the first one's body was read."""
    one = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nabcd" % first
    two = b"POST /size HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 6\r\n\r\nefghij"
    stream = one + two
    for cut in range(1, len(stream)):
        wire = await Served(App(), POLICY).connect()
        await wire.send(stream[:cut])
        for at in range(cut, len(stream), 2):
            await wire.send(stream[at : at + 2])
        assert wire.answers == 2, cut
        assert wire.sent.endswith(b"\r\n\r\n6"), cut
        assert wire.closed


async def test_a_request_behind_a_dropped_body_has_its_own_deadline(served: Served):
    wire = await served.connect()
    await wire.send(HEAD + b"Content-Length: 4\r\n\r\nab")
    served.clock.turn(POLICY.drain_s - 1)
    await wire.send(b"cdPOST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nef")
    served.clock.turn(POLICY.body_s - 1)
    assert not wire.closed
    await wire.send(b"gh")
    await wire.send(b"ij")
    assert wire.sent.endswith(b"\r\n\r\n6")


async def test_a_length_beside_an_encoding_is_refused_and_nothing_behind_it_is_read(app: App, served: Served):
    wire = await served.connect()
    await wire.send(
        b"POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    )
    served.clock.turn(1)
    assert wire.sent.startswith(b"HTTP/1.1 400")
    assert wire.answers == 1
    assert wire.closed
    assert "/smuggled" not in app.paths


async def test_more_connections_at_work_than_there_may_be_get_a_readable_503(app: App):
    served = Served(app, ConnectionPolicy(most=4))
    busy = [await asked(served, SLOW) for _ in range(4)]
    late = await served.connect()
    await late.send(GET)
    assert late.sent.startswith(b"HTTP/1.1 503")
    served.clock.turn(1)
    assert late.closed
    app.gate.set()
    await settled()
    assert all(wire.sent.startswith(b"HTTP/1.1 401") for wire in busy)


@pytest.mark.parametrize("request_", [GET, HEAD + b"Content-Length: 4\r\n\r\nabcd"], ids=["no body", "dropped body"])
async def test_a_connection_between_two_requests_gives_way_to_a_new_one(app: App, request_: bytes):
    served = Served(app, ConnectionPolicy(most=4))
    resting = [await asked(served, request_) for _ in range(4)]
    assert not any(wire.closed for wire in resting)
    assert await answers(served)
    assert [wire.closed for wire in resting] == [True, False, False, False]


async def test_a_connection_that_sends_its_next_request_is_no_longer_resting(app: App):
    served = Served(app, ConnectionPolicy(most=4))
    wires = [await asked(served, GET) for _ in range(4)]
    await wires[0].send(SLOW)
    await wires[1].send(GET[:10])
    assert await answers(served)
    assert [wire.closed for wire in wires] == [False, False, True, False]
