"""A worker under load, before it is ready, and when its engine fails: its answers to callers, and its recovery."""

import asyncio

import httpx
import pytest
from structlog.testing import capture_logs
from worker_http import problem, until, upload

from ocr_worker.config import OcrConfig
from ocr_worker.engines.scripted import ScriptedEngine
from ocr_worker.server.app import create_app
from schemas.outcomes import Later


async def test_a_full_worker_answers_503_with_retry_after_and_recovers(worker, draw):
    gate, announced = asyncio.Event(), asyncio.Event()
    gate.set()

    async with worker(ScriptedEngine(gate=gate), OcrConfig(slots=1, queue=2), announced.set) as client:

        async def full() -> bool:
            return "hangtag_ocr_in_flight 3.0" in (await client.get("/metrics")).text

        await asyncio.wait_for(announced.wait(), 10)
        gate.clear()
        photo = draw()
        held = [asyncio.create_task(client.post("/ocr", **upload(photo))) for _ in range(3)]
        await until(full)

        refused = await client.post("/ocr", **upload(photo))
        gate.set()
        answered = await asyncio.gather(*held)
        after = await client.post("/ocr", **upload(photo))

    assert problem(refused, 503) == "ocr-busy"
    assert int(refused.headers["retry-after"]) >= 1
    assert [answer.status_code for answer in (*answered, after)] == [200] * 4


@pytest.mark.parametrize(("wait", "told"), [(7, "7"), (2.1, "3"), (0.1, "1")])
async def test_an_engine_that_is_down_is_a_503_and_never_ready(worker, draw, wait, told):
    engine = ScriptedEngine(failure=Later("engine-down", "the engine is down", retry_after=wait))
    async with worker(engine) as client:
        answer = await client.post("/ocr", **upload(draw()))
        readiness = await client.get("/readyz")
        health = await client.get("/healthz")

    assert problem(answer, 503) == "engine-down"
    assert answer.headers["retry-after"] == told
    assert problem(readiness, 503) == "not-ready"
    assert health.status_code == 200


async def test_ready_means_that_one_photo_was_read(worker):
    gate = asyncio.Event()
    announced = asyncio.Event()
    async with worker(ScriptedEngine(gate=gate), on_ready=announced.set) as client:
        assert problem(await client.get("/readyz"), 503) == "not-ready"
        assert not announced.is_set()
        gate.set()
        await asyncio.wait_for(announced.wait(), 10)
        assert (await client.get("/readyz")).status_code == 200


async def test_a_caller_who_leaves_gives_up_the_place_in_the_queue(serve, draw):
    """Over real sockets: three photos are in flight, two callers hang up, and the worker has free places again."""
    gate = asyncio.Event()
    url = serve(create_app(OcrConfig(slots=1, queue=3), ScriptedEngine(gate=gate)))
    photo = draw((80, 60), ())

    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:

        async def in_flight() -> float:
            text = (await client.get("/metrics")).text
            return float(text.partition("\nhangtag_ocr_in_flight ")[2].partition("\n")[0])

        async def held() -> bool:
            return await in_flight() == 3

        async def left() -> bool:
            return await in_flight() == 1

        posts = [asyncio.create_task(client.post("/ocr", **upload(photo), timeout=30)) for _ in range(3)]
        await until(held)
        for post in posts[:2]:
            post.cancel()
        await asyncio.gather(*posts[:2], return_exceptions=True)
        await until(left)
        gate._loop.call_soon_threadsafe(gate.set)
        answered = await posts[2]
        text = (await client.get("/metrics")).text

    assert answered.status_code == 200
    assert 'hangtag_ocr_answers_total{status="499"} 2.0' in text


async def test_an_engine_that_fails_on_this_photo_is_a_500_that_ends(worker, draw):
    async with worker(ScriptedEngine(failure=Later("engine-failed", "failed", tries=3))) as client:
        answer = await client.post("/ocr", **upload(draw()))

    assert problem(answer, 500) == "engine-failed"


class Broken(ScriptedEngine):
    def prepare(self, photo):
        raise ZeroDivisionError(photo.width)


async def test_a_bug_in_an_engine_is_a_500_and_the_worker_asks_to_be_restarted(worker, draw):
    async with worker(Broken()) as client:

        async def unwell() -> bool:
            return (await client.get("/healthz")).status_code != 200

        with capture_logs() as logs:
            answer = await client.post("/ocr", **upload(draw()))
        await until(unwell)
        health = await client.get("/healthz")

    assert problem(answer, 500) == "bug"
    assert [(one["log_level"], one["exception"]) for one in logs if "request" in one["event"]] == [
        ("error", "ZeroDivisionError")
    ]
    assert problem(health, 500) == "warm-up-failed"


async def test_many_photos_at_once_each_get_their_own_lines(worker, draw):
    photos = [draw(lines=(f"no {at}",)) for at in range(12)]
    async with worker(ScriptedEngine(), OcrConfig(slots=4)) as client:
        answers = await asyncio.gather(*(client.post("/ocr", **upload(photo)) for photo in photos))

    read = [answer.json() for answer in answers]
    assert all(body["texts"][0]["text"] == f"photo {body['image']['sha256'][:16]}" for body in read)
    assert len({body["image"]["sha256"] for body in read}) == len(photos)
