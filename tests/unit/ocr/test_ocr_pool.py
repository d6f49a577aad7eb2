"""Every answer of a worker, or none, becomes one outcome."""

import asyncio
import socket

import httpx
import pytest
from pydantic import SecretStr

from ocr_worker.config import OcrConfig
from ocr_worker.images import Limits
from ocr_worker.pool import OcrPool
from ocr_worker.reading import Reading, Refused
from ocr_worker.scripted import ScriptedEngine
from ocr_worker.server import create_app
from schemas.outcomes import Later, Misconfigured


def pool(*urls: str, token: str | None = None, timeout_s: float = 20, transport=None) -> OcrPool:
    return OcrPool(urls, SecretStr(token) if token else None, timeout_s, 16, transport)


def answering(status: int, **answer: object) -> OcrPool:
    return pool("http://worker", transport=httpx.MockTransport(lambda _: httpx.Response(status, **answer)))


async def test_a_real_worker_gives_a_reading(serve, draw):
    url = serve(create_app(OcrConfig(token=SecretStr("right")), ScriptedEngine()))
    async with pool(url, token="right") as workers:
        outcome = await workers.read(draw(), content_type="image/jpeg")

    assert isinstance(outcome, Reading)
    assert outcome.image.width == 800


async def test_a_real_worker_refuses_bad_photos(serve):
    url = serve(create_app(OcrConfig(limits=Limits(max_bytes=1_000_000)), ScriptedEngine()))
    async with pool(url) as workers:
        codes = []
        for photo in (b"", b"\xff\xd8\xff broken", b"a text file", bytes(50_000_000)):
            outcome = await workers.read(photo)
            assert isinstance(outcome, Refused)
            codes.append(outcome.code)

    assert codes == ["unreadable", "unreadable", "unsupported", "too_large"]


async def test_a_wrong_token_is_a_set_up_fault_even_with_a_large_photo(serve):
    url = serve(create_app(OcrConfig(token=SecretStr("right")), ScriptedEngine()))
    async with pool(url, token="wrong") as workers:
        outcome = await workers.read(bytes(15_000_000))

    assert isinstance(outcome, Misconfigured)
    assert "wrong" not in repr(outcome)


async def test_a_worker_whose_engine_is_down_is_tried_later_when_it_says(serve, draw):
    url = serve(create_app(OcrConfig(), ScriptedEngine(failure=Later("down", "down", retry_after=9))))
    async with pool(url) as workers:
        outcome = await workers.read(draw())

    assert isinstance(outcome, Later)
    assert outcome.retry_after == 9
    assert outcome.tries is None


async def test_a_worker_that_is_not_there_is_tried_later(draw):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with pool(f"http://127.0.0.1:{port}") as workers:
        outcome = await workers.read(draw())

    assert isinstance(outcome, Later)
    assert outcome.reason == "ocr-unreachable"
    assert outcome.tries is None


async def test_a_worker_that_takes_too_long_is_tried_later(serve, draw):
    url = serve(create_app(OcrConfig(), ScriptedEngine(seconds=1)))
    async with pool(url, timeout_s=0.3) as workers:
        outcome = await workers.read(draw())

    assert isinstance(outcome, Later)
    assert outcome.reason == "ocr-timeout"


@pytest.mark.parametrize("content", [b"", b"not json", b"{}", b'{"texts": [{"text": "planted"}]}', b"[1]"])
async def test_an_answer_that_is_no_reading_is_tried_a_few_times_and_never_quoted(content: bytes):
    outcome = await answering(200, content=content).read(b"photo")

    assert isinstance(outcome, Later)
    assert outcome.tries == 5
    assert "planted" not in repr(outcome)


@pytest.mark.parametrize(
    ("status", "kind", "tries"),
    [
        (400, Refused, None),
        (413, Refused, None),
        (415, Refused, None),
        (401, Misconfigured, None),
        (403, Misconfigured, None),
        (404, Misconfigured, None),
        (408, Later, 5),
        (422, Later, 5),
        (302, Later, 5),
        (500, Later, 5),
        (502, Later, None),
        (503, Later, None),
        (504, Later, None),
    ],
)
async def test_every_status_is_one_outcome(status: int, kind: type, tries: int | None):
    outcome = await answering(status, text="whatever").read(b"photo")

    assert type(outcome) is kind
    assert getattr(outcome, "tries", None) == tries


@pytest.mark.parametrize(("given", "expected"), [("3", 3.0), ("soon", None), ("-1", None), (None, None)])
async def test_retry_after_is_taken_when_it_is_seconds(given: str | None, expected: float | None):
    outcome = await answering(503, headers={} if given is None else {"retry-after": given}).read(b"photo")

    assert isinstance(outcome, Later)
    assert outcome.retry_after == expected


async def test_photos_go_to_the_worker_with_the_fewest_under_way():
    started, busy = asyncio.Event(), asyncio.Event()
    asked: list[str] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        if request.url.host == "slow":
            started.set()
            await busy.wait()
        return httpx.Response(503)

    async with pool("http://slow", "http://quick/", transport=httpx.MockTransport(answer)) as workers:
        stuck = asyncio.create_task(workers.read(b"photo"))
        await started.wait()
        for _ in range(4):
            await workers.read(b"photo")
        busy.set()
        await stuck

    assert asked == ["slow", "quick", "quick", "quick", "quick"]


async def test_idle_workers_take_turns():
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(503)

    async with pool("http://a", "http://b", transport=httpx.MockTransport(answer)) as workers:
        for _ in range(4):
            await workers.read(b"photo")

    assert asked == ["a", "b", "a", "b"]


async def test_the_trace_goes_along():
    seen: list[httpx.Headers] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return httpx.Response(503)

    async with pool("http://a", token="right", transport=httpx.MockTransport(answer)) as workers:
        await workers.read(b"photo", trace={"traceparent": "00-1-2-01"})

    assert seen[0]["traceparent"] == "00-1-2-01"
    assert seen[0]["authorization"] == "Bearer right"


def test_a_pool_of_no_workers_cannot_be_made():
    with pytest.raises(ValueError, match="at least one"):
        pool()
