"""Writes wait, fail and overtake each other: Klaviyo ends with the newest state and no forgotten shopper."""

import asyncio
import gc
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx
import pytest
from awaiting import until
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError

from klaviyo_sink.delivery.lookups import Lookups
from klaviyo_sink.delivery.results import OVERTAKEN
from klaviyo_sink.sink import Sink, SinkConfig, Written
from klaviyo_sink.state.store import StateDatabase, open_state
from schemas.outcomes import Later

PROFILE = {"data": {"type": "profile", "id": "01A", "attributes": {}}}


class Landing(httpx.AsyncBaseTransport):
    """A Klaviyo that remembers in which order states landed; `on_request` may wait, and may answer otherwise."""

    def __init__(self, on_request=None) -> None:
        self.on_request = on_request
        self.landed = []

    async def handle_async_request(self, request):
        attributes = json.loads(request.content)["data"]["attributes"]
        profile = attributes.get("profile", {}).get("data", {}).get("attributes", attributes)
        answer = await self.on_request(request, profile) if self.on_request else None
        if answer is not None:
            return answer
        self.landed.append((profile["external_id"], profile["properties"]["outfit_version"]))
        if request.url.path == "/api/profile-import":
            return httpx.Response(200, json=PROFILE)
        return httpx.Response(202)


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/state.db"


@asynccontextmanager
async def opened(url, klaviyo, database=StateDatabase, timeout_s=30):
    config = SinkConfig("http://klaviyo", SecretStr("pk_x"), state_url=url, timeout_s=timeout_s)
    threads = ThreadPoolExecutor(1)
    state = await asyncio.wrap_future(threads.submit(open_state, url, config.wording))
    state.__class__ = database
    sink = Sink(config, state, threads, lambda: datetime.now(UTC), klaviyo)
    try:
        yield sink
    finally:
        await sink.aclose()


async def is_folded(sink, shopper_id):
    return shopper_id in await sink.current({shopper_id})


async def until_written(sink, upload):
    while not isinstance(answer := await sink.sync(upload), Written):
        assert isinstance(answer, Later)
        await asyncio.sleep(0.01)
    return answer


def refusal(status):
    return httpx.Response(status, headers={"retry-after": "0"}, json={"errors": [{"code": "x", "title": "x"}]})


async def test_a_write_that_is_overtaken_in_flight_is_followed_by_the_newest_state(url, outfit):
    arrived, newer_landed = asyncio.Event(), asyncio.Event()

    async def older_lands_last(_request, profile):
        if profile["properties"]["outfit_version"] == 1:
            arrived.set()
            await newer_landed.wait()

    klaviyo = Landing(older_lands_last)
    async with opened(url, klaviyo) as one, opened(url, klaviyo) as other:
        older = asyncio.create_task(one.sync(outfit("u1")))
        await asyncio.wait_for(arrived.wait(), 30)
        assert isinstance(await other.sync(outfit("u2", "material/silk")), Written)
        newer_landed.set()
        assert await older == Written("written", "single", 2)
    assert klaviyo.landed[-2:] == [("s1", 1), ("s1", 2)]


@pytest.mark.parametrize("status", [429, 503])
async def test_after_a_failed_correcting_write_the_next_write_corrects_the_profile(url, outfit, status):
    arrived, newer_landed, refused = asyncio.Event(), asyncio.Event(), []

    async def older_lands_last(request, profile):
        if profile["properties"]["outfit_version"] == 1:
            arrived.set()
            await newer_landed.wait()
        if request.url.path == "/api/profile-import" and not refused:
            refused.append(request)
            return refusal(status)
        return None

    klaviyo = Landing(older_lands_last)
    async with opened(url, klaviyo) as one, opened(url, klaviyo) as other:
        older = asyncio.create_task(one.sync(outfit("u1")))
        await asyncio.wait_for(arrived.wait(), 30)
        assert isinstance(await other.sync(outfit("u2", "material/silk")), Written)
        newer_landed.set()
        assert isinstance(await older, Later), "the duty to mend is not fulfilled"
        # The partition moves: another process gets the older upload again.
        assert (await until_written(other, outfit("u1"))).profile_version == 2
    assert klaviyo.landed[-1] == ("s1", 2)


async def test_a_request_of_a_dead_process_may_land_after_several_newer_writes(url, outfit):
    left = asyncio.Event()

    async def oldest_lands_last(_request, profile):
        version = profile["properties"]["outfit_version"]
        if version == 1:
            left.set()
            await asyncio.Event().wait()
        if version == 3 and ("s1", 1) not in klaviyo.landed:
            klaviyo.landed += [("s1", 3), ("s1", 1)]
            return httpx.Response(202)
        return None

    klaviyo = Landing(oldest_lands_last)
    async with opened(url, klaviyo) as ending:
        older = asyncio.create_task(ending.sync(outfit("u1")))
        await left.wait()
    await older
    async with opened(url, klaviyo, timeout_s=1) as other, asyncio.timeout(60):
        await other.sync(outfit("u2", "material/silk"))
        await other.sync(outfit("u3", "category/dress"))
        while klaviyo.landed[-1] != ("s1", 3):
            await asyncio.sleep(0.01)


async def test_a_failed_lookup_without_waiting_callers_raises_nowhere():
    failing, logged = asyncio.Event(), []

    async def find_current(_shoppers):
        await failing.wait()
        raise OperationalError("x", {}, Exception("the server closed the connection"))

    asyncio.get_running_loop().set_exception_handler(lambda _loop, what: logged.append(what))
    asking = asyncio.create_task(Lookups(find_current)({"s1"}))
    await asyncio.sleep(0.01)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    failing.set()
    await asyncio.sleep(0.01)
    gc.collect()
    assert not logged


async def test_a_database_error_leaves_no_request_behind_to_land_late(url, outfit):
    failing, late = [True], asyncio.Event()

    class FailingOnce(StateDatabase):
        def spend(self, operation, change):
            # The process cannot read Klaviyo's first answer.
            if klaviyo.landed and failing:
                failing.clear()
                raise OperationalError("x", {}, Exception("the server closed the connection"))
            return super().spend(operation, change)

    async def slow(_request, profile):
        if profile["external_id"] == "slow" and profile["properties"]["outfit_version"] == 1 and failing:
            asyncio.get_running_loop().call_later(0.5, late.set)
            await late.wait()
        if profile["external_id"] == "fast":
            klaviyo.landed.append(("fast", 1))
            # Says something new about the limits.
            headers = {"ratelimit-limit": "3500", "ratelimit-remaining": "100", "ratelimit-reset": "9"}
            return httpx.Response(202, headers=headers)
        return None

    klaviyo = Landing(slow)
    async with opened(url, klaviyo, FailingOnce) as sink:
        first, second = outfit("f1", shopper_id="fast"), outfit("w1", shopper_id="slow")
        answers = await asyncio.gather(sink.sync(first), sink.sync(second))
        assert {one.reason for one in answers} == {"state-database"}
        newer = outfit("w2", "material/silk", shopper_id="slow")
        await asyncio.gather(until_written(sink, second), until_written(sink, newer))
        late.set()
        await asyncio.sleep(0.1)
    versions = [version for shopper, version in klaviyo.landed if shopper == "slow"]
    assert versions == sorted(versions)
    assert versions[-1] == 2


async def test_a_shopper_forgotten_while_a_write_waits_for_a_connection_is_not_written(url, outfit, forget_shopper):
    arrived, free = asyncio.Event(), asyncio.Event()

    async def busy(_request, profile):
        if profile["external_id"] == "first":
            arrived.set()
            await free.wait()

    klaviyo = Landing(busy)
    async with opened(url, klaviyo) as sink:
        sink._client._connections = asyncio.Semaphore(1)
        first = asyncio.create_task(sink.sync(outfit("u1", shopper_id="first")))
        await asyncio.wait_for(arrived.wait(), 30)
        second = asyncio.create_task(sink.sync(outfit("u1", shopper_id="second")))
        await until(lambda: is_folded(sink, "second"))
        await asyncio.to_thread(forget_shopper, url, "second")
        free.set()
        await first
        await second
        assert (await sink.sync(outfit("u1", shopper_id="second"))).outcome == "forgotten"
    assert {shopper for shopper, _ in klaviyo.landed} == {"first"}


async def test_a_write_that_another_process_overtook_while_it_waited_is_not_sent_but_tried_again(url, outfit):
    """Its row has another write's ticket by then, so nothing would say that it is in flight."""
    arrived, free = asyncio.Event(), asyncio.Event()

    async def busy(_request, profile):
        if profile["external_id"] == "first":
            arrived.set()
            await free.wait()

    klaviyo = Landing(busy)
    async with opened(url, klaviyo) as sink, opened(url, Landing()) as other:
        sink._client._connections = asyncio.Semaphore(1)
        first = asyncio.create_task(sink.sync(outfit("u1", shopper_id="first")))
        await asyncio.wait_for(arrived.wait(), 30)
        older = asyncio.create_task(sink.sync(outfit("u1")))
        await until(lambda: is_folded(sink, "s1"))
        await other.sync(outfit("u2", "material/silk"))
        free.set()
        await first
        assert await older == OVERTAKEN
        assert {shopper for shopper, _ in klaviyo.landed} == {"first"}
        assert (await sink.sync(outfit("u1"))).outcome == "written"
    assert [version for shopper, version in klaviyo.landed if shopper == "s1"][-1] == 2
