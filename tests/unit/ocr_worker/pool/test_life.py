"""Names that change, callers that go, and every promise at once."""

import asyncio

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pool_world import Clock, pool, reading, scripted

from ocr_worker.config import OcrConfig
from ocr_worker.engines.scripted import ScriptedEngine
from ocr_worker.pool.pool import Sent, WorkerStatus
from ocr_worker.result import Reading
from ocr_worker.server.app import create_app
from schemas.outcomes import Later


async def test_addresses_of_a_name_join_and_leave():
    clock = Clock()
    asked: list[str] = []
    addresses = ["10.0.0.1", "10.0.0.2"]
    hosts: set[str] = set()

    async def resolve(host: str) -> list[str]:
        assert host == "ocr"
        return addresses

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.url.host}:{request.url.port}")
        hosts.add(request.headers["host"])
        return httpx.Response(200, json=reading())

    around = {"transport": httpx.MockTransport(answer), "clock": clock, "resolve": resolve}
    async with pool("dns+http://ocr:8000/", **around) as workers:
        await workers.read(b"photo")
        await workers.read(b"photo")
        addresses[:] = ["10.0.0.2", "fd00::3"]
        await workers.read(b"photo")
        clock.now += 11
        for _ in range(3):
            await workers.read(b"photo")

    assert asked[:3] == ["10.0.0.1:8000", "10.0.0.2:8000", "10.0.0.1:8000"]
    assert set(asked[3:]) == {"10.0.0.2:8000", "fd00::3:8000"}
    assert hosts == {"ocr:8000"}


async def test_a_name_that_cannot_be_looked_up_keeps_its_workers_or_is_tried_later():
    clock = Clock()
    works = False

    async def resolve(_: str) -> list[str]:
        if not works:
            raise OSError("no such name")
        return ["10.0.0.1"]

    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=reading()))
    async with pool("dns+http://ocr", transport=transport, clock=clock, sleep=clock.sleep, resolve=resolve) as workers:
        before = await workers.read(b"photo")
        works = True
        clock.now += 2
        known = await workers.read(b"photo")
        works = False
        clock.now += 11
        still = await workers.read(b"photo")

    assert isinstance(before, Later)
    assert before.reason == "ocr-no-worker"
    assert isinstance(known, Reading)
    assert isinstance(still, Reading)


async def test_a_real_name_is_looked_up(serve, draw):
    url = serve(create_app(OcrConfig(), ScriptedEngine()))
    async with pool(url.replace("http://127.0.0.1", "dns+http://localhost")) as workers:
        outcomes = [await workers.read(draw()) for _ in range(3)]

    assert all(isinstance(outcome, Reading) for outcome in outcomes)


async def test_the_pool_reports_every_send_with_its_worker():
    sends: list[Sent] = []
    answers = {"a": 502, "b": 200}
    async with scripted(Clock(), answers, [], on_sent=sends.append) as workers:
        await workers.read(b"photo")
        assert workers.status() == (WorkerStatus("http://a", "ready", 0), WorkerStatus("http://b", "ready", 0))

    assert [(sent.worker, sent.outcome) for sent in sends] == [("http://a", "ocr-unavailable"), ("http://b", "read")]


async def test_a_caller_that_gives_up_leaves_no_trace():
    started = asyncio.Event()

    async def answer(_: httpx.Request) -> httpx.Response:
        started.set()
        await asyncio.Event().wait()
        return httpx.Response(200)

    async with pool("http://a", most=1, transport=httpx.MockTransport(answer)) as workers:
        task = asyncio.create_task(workers.read(b"photo"))
        await started.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        assert workers.status()[0].in_flight == 0
        assert not workers._places.locked()


STEPS = st.sampled_from([200, 400, 500, 502, 503, "gone", "broke"])


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(STEPS, max_size=6), min_size=1, max_size=3))
def test_with_any_behaviour_of_workers_every_photo_ends_in_time_and_none_is_read_twice(scripts):
    """Each worker follows its script and then answers well for ever."""

    async def scenario() -> None:
        clock = Clock()
        read = 0
        queues = {f"w{at}": iter(script) for at, script in enumerate(scripts)}

        def play(host: str):
            nonlocal read
            step = next(queues[host], 200)
            read += step == 200
            return {"gone": httpx.ConnectError("refused"), "broke": httpx.ReadError("died")}.get(step, step)

        answers = {host: (lambda host=host: play(host)) for host in queues}
        async with scripted(clock, answers, [], timeout_s=5) as workers:
            for at in range(30):
                started, before = clock.now, read
                outcome = await workers.read(b"photo")
                assert clock.now - started <= 5
                assert (read - before) == isinstance(outcome, Reading)
                clock.now += 0.5 if at < 10 else 31
            # Each read takes a step at least: by now every script is over, and every worker back.
            assert isinstance(outcome, Reading)
            assert all(one.in_flight == 0 for one in workers.status())

    asyncio.run(scenario())


async def test_the_trace_goes_along():
    seen: list[httpx.Headers] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return httpx.Response(400)

    async with pool("http://a", token="right", transport=httpx.MockTransport(answer)) as workers:
        await workers.read(b"photo", trace={"traceparent": "00-1-2-01"})

    assert seen[0]["traceparent"] == "00-1-2-01"
    assert seen[0]["authorization"] == "Bearer right"


def test_a_pool_of_no_workers_cannot_be_made():
    with pytest.raises(ValueError, match="at least one"):
        pool()
