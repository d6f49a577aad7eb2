"""Every answer of a worker, or none, becomes one outcome."""

import asyncio
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from ocr_worker.config import OcrConfig
from ocr_worker.images import Limits
from ocr_worker.pool import OcrPool, Sent, Surroundings, WorkerStatus
from ocr_worker.reading import Reading, Refused
from ocr_worker.scripted import ScriptedEngine
from ocr_worker.server import create_app
from schemas.outcomes import Later, Misconfigured


class Clock:
    """Time that passes only when somebody sleeps; notes how long each sleep was."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


def pool(*urls: str, token: str | None = None, timeout_s: float = 20, most: int = 16, **around: Any) -> OcrPool:
    return OcrPool(urls, SecretStr(token) if token else None, timeout_s, most, Surroundings(**around))


def answering(status: int, **answer: object) -> OcrPool:
    clock = Clock()
    transport = httpx.MockTransport(lambda _: httpx.Response(status, **answer))
    return pool("http://worker", transport=transport, clock=clock, sleep=clock.sleep)


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
async def test_retry_after_is_taken_when_it_is_seconds(given: str | None, expected: float | None):
    outcome = await answering(503, headers={} if given is None else {"retry-after": given}).read(b"photo")

    assert isinstance(outcome, Later)
    assert outcome.retry_after == expected


def reading() -> dict[str, object]:
    return {
        "texts": [],
        "image": {"width": 1, "height": 1, "sha256": "0" * 64},
        "quality": {"verdict": "ok", "sharpness": 1},
        "engine": {"name": "fake", "model": "none", "revision": "1"},
        "timings_ms": {},
    }


def scripted(clock: Clock, answers: dict[str, object], asked: list[str], *urls: str, **more: Any) -> OcrPool:
    """A pool on fake time. Per host a status, an exception, or a function that gives one."""

    def answer(request: httpx.Request) -> httpx.Response:
        host = request.url.host
        asked.append(host)
        given = answers[host]
        given = given() if callable(given) else given
        if isinstance(given, Exception):
            raise given
        if isinstance(given, httpx.Response):
            return given
        return httpx.Response(given, json=reading() if given == 200 else None)

    return pool(
        *(urls or (f"http://{host}" for host in answers)),
        transport=httpx.MockTransport(answer),
        clock=clock,
        sleep=clock.sleep,
        jitter=lambda: 1.0,
        **more,
    )


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
async def test_what_nobody_looked_at_is_read_elsewhere(failure):
    asked: list[str] = []
    async with scripted(Clock(), {"bad": failure, "good": 200}, asked) as workers:
        outcome = await workers.read(b"photo")

    assert isinstance(outcome, Reading)
    assert asked == ["bad", "good"]


@pytest.mark.parametrize(
    "final", [200, 400, 401, 413, 415, 500, httpx.ReadError("died"), httpx.Response(200, text="?")]
)
async def test_a_final_answer_is_not_asked_for_again(final):
    asked: list[str] = []
    async with scripted(Clock(), {"a": final, "b": final}, asked) as workers:
        await workers.read(b"photo")

    assert asked == ["a"]


async def test_a_worker_that_dies_over_a_photo_gets_it_a_limited_number_of_times():
    async with scripted(Clock(), {"a": httpx.RemoteProtocolError("closed")}, []) as workers:
        outcome = await workers.read(b"photo")

    assert isinstance(outcome, Later)
    assert (outcome.reason, outcome.tries) == ("ocr-broke-off", 5)


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


async def test_a_full_worker_is_left_alone_for_as_long_as_it_asked():
    clock = Clock()
    asked: list[str] = []
    full = httpx.Response(503, headers={"retry-after": "30"})
    async with scripted(clock, {"full": full, "free": 200}, asked) as workers:
        for _ in range(3):
            assert isinstance(await workers.read(b"photo"), Reading)
        clock.now += 31
        await workers.read(b"photo")

    assert asked == ["full", "free", "free", "free", "full", "free"]


async def test_when_all_are_full_the_caller_is_told_when_to_come_back_and_nobody_is_asked():
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


async def test_a_dead_worker_is_asked_less_and_less_and_comes_back_slowly():
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

        # A minute of photos: asked at 0, 1, 3, 7, 15, 31 seconds and so on, not six hundred times.
        assert 4 <= sick <= 8
        assert state == {"http://sick": "returning", "http://well": "ready"}
        assert asked.count("sick") - sick == 20
        assert {one.state for one in workers.status()} == {"ready"}


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


async def test_every_send_is_told_of_by_worker():
    told: list[Sent] = []
    answers = {"a": 502, "b": 200}
    async with scripted(Clock(), answers, [], told=told.append) as workers:
        await workers.read(b"photo")
        assert workers.status() == (WorkerStatus("http://a", "ready", 0), WorkerStatus("http://b", "ready", 0))

    assert [(sent.worker, sent.outcome) for sent in told] == [("http://a", "ocr-unavailable"), ("http://b", "read")]


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
def test_whatever_the_workers_do_every_photo_ends_in_time_and_none_is_read_twice(scripts):
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
