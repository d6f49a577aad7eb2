"""Which worker a photo goes to, and how often and when it is sent again."""

import asyncio

import httpx
import pytest
from pool_world import Clock, pool, reading, scripted

from ocr_worker.result import Reading
from schemas.outcomes import Later


async def test_photos_go_to_the_worker_with_the_fewest_under_way():
    started, busy = asyncio.Event(), asyncio.Event()
    asked: list[str] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        if request.url.host == "slow":
            started.set()
            await busy.wait()
        return httpx.Response(200, json=reading())

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
    async with scripted(Clock(), {"a": 200, "b": 200}, asked) as workers:
        for _ in range(4):
            await workers.read(b"photo")

    assert asked == ["a", "b", "a", "b"]


async def test_never_more_photos_under_way_than_allowed():
    inside = most = 0

    async def answer(_: httpx.Request) -> httpx.Response:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0)
        inside -= 1
        return httpx.Response(200, json=reading())

    async with pool("http://a", "http://b", most=3, transport=httpx.MockTransport(answer)) as workers:
        outcomes = await asyncio.gather(*(workers.read(b"photo") for _ in range(20)))

    assert most == 3
    assert all(isinstance(outcome, Reading) for outcome in outcomes)


async def test_waiting_for_a_turn_does_not_use_up_a_photo_s_time():
    async def answer(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.1)
        return httpx.Response(200, json=reading())

    async with pool("http://a", most=1, timeout_s=0.4, transport=httpx.MockTransport(answer)) as workers:
        outcomes = await asyncio.gather(*(workers.read(b"photo") for _ in range(6)))

    assert all(isinstance(outcome, Reading) for outcome in outcomes)


@pytest.mark.parametrize("failure", [httpx.ConnectError("refused"), 502, 503, 504])
async def test_a_photo_that_no_worker_read_goes_to_another_worker(failure):
    asked: list[str] = []
    async with scripted(Clock(), {"bad": failure, "good": 200}, asked) as workers:
        outcome = await workers.read(b"photo")

    assert isinstance(outcome, Reading)
    assert asked == ["bad", "good"]


@pytest.mark.parametrize(
    "final", [200, 400, 401, 413, 415, 500, httpx.ReadError("died"), httpx.Response(200, text="?")]
)
async def test_the_pool_does_not_repeat_a_request_after_a_final_answer(final):
    asked: list[str] = []
    async with scripted(Clock(), {"a": final, "b": final}, asked) as workers:
        await workers.read(b"photo")

    assert asked == ["a"]


async def test_waits_double_and_end_with_the_tries():
    clock = Clock()
    asked: list[str] = []
    async with scripted(clock, {f"w{at}": 502 for at in range(9)}, asked) as workers:
        outcome = await workers.read(b"photo")

    assert isinstance(outcome, Later)
    assert len(asked) == 4
    assert clock.slept == pytest.approx([0.2, 0.4, 0.8])


async def test_no_wait_goes_past_the_deadline():
    clock = Clock()
    async with scripted(clock, {f"w{at}": 502 for at in range(9)}, [], timeout_s=0.5) as workers:
        await workers.read(b"photo")

    assert sum(clock.slept) < 0.5


async def test_the_pool_skips_a_full_worker_for_its_retry_after():
    clock = Clock()
    asked: list[str] = []
    full = httpx.Response(503, headers={"retry-after": "30"})
    async with scripted(clock, {"full": full, "free": 200}, asked) as workers:
        for _ in range(3):
            assert isinstance(await workers.read(b"photo"), Reading)
        clock.now += 31
        await workers.read(b"photo")

    assert asked == ["full", "free", "free", "free", "full", "free"]


async def test_when_all_workers_are_full_the_caller_gets_retry_after_and_none_gets_a_photo():
    clock = Clock()
    asked: list[str] = []
    full = httpx.Response(503, headers={"retry-after": "30"})
    async with scripted(clock, {"a": full}, asked) as workers:
        first = await workers.read(b"photo")
        clock.now += 10
        second = await workers.read(b"photo")

    assert isinstance(first, Later)
    assert isinstance(second, Later)
    assert (first.retry_after, second.retry_after) == (30, 20)
    assert asked == ["a"]
    assert clock.slept == []


async def test_a_short_wait_for_the_only_worker_is_waited_out():
    clock = Clock()
    answers = iter([httpx.Response(503, headers={"retry-after": "1"}), 200])
    async with scripted(clock, {"a": lambda: next(answers)}, []) as workers:
        outcome = await workers.read(b"photo")

    assert isinstance(outcome, Reading)
    assert clock.slept == [1.0]


async def test_a_dead_worker_is_tried_less_and_less_and_comes_back_slowly():
    clock = Clock()
    asked: list[str] = []
    answers: dict[str, object] = {"sick": httpx.ConnectError("refused"), "well": 200}
    async with scripted(clock, answers, asked) as workers:
        for _ in range(600):
            assert isinstance(await workers.read(b"photo"), Reading)
            clock.now += 0.1
        sick = asked.count("sick")
        answers["sick"] = 200
        clock.now += 31
        state = {one.worker: one.state for one in workers.status()}
        for _ in range(40):
            await workers.read(b"photo")

        # A minute of photos: tried at 0, 1, 3, 7, 15, 31 seconds and so on, not six hundred times.
        assert 4 <= sick <= 8
        assert state == {"http://sick": "returning", "http://well": "ready"}
        assert asked.count("sick") - sick == 20
        assert {one.state for one in workers.status()} == {"ready"}
