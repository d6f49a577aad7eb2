"""Every answer of a worker, or none, becomes one outcome."""

import pytest
from pool_world import Clock, answering, pool
from pydantic import SecretStr

from ocr_worker.config import OcrConfig
from ocr_worker.engines.scripted import ScriptedEngine
from ocr_worker.images.decode import Limits
from ocr_worker.result import Reading, Refused
from ocr_worker.server.app import create_app
from schemas.outcomes import Later, Misconfigured


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


async def test_a_worker_that_is_not_there_is_tried_later(draw, unused_port):
    clock = Clock()
    async with pool(f"http://127.0.0.1:{unused_port}", clock=clock, sleep=clock.sleep) as workers:
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
async def test_retry_after_counts_when_it_is_seconds(given: str | None, expected: float | None):
    outcome = await answering(503, headers={} if given is None else {"retry-after": given}).read(b"photo")

    assert isinstance(outcome, Later)
    assert outcome.retry_after == expected
