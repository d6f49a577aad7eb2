"""Forgetting: here first, then at Klaviyo, by the one identifier it takes."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from klaviyo_sink.account.erasure import clear_profile, erase_profile, look_up
from klaviyo_sink.api.client import KlaviyoClient, PrivateKey
from klaviyo_sink.profile.naming import PropertyNames
from klaviyo_sink.profile.style import identifiers
from klaviyo_sink.sink import Written, open_sink
from schemas.events import Engine, Identity


@pytest.mark.parametrize("names", [{"external_id": "s1"}, {"email": "ada@shop.cn"}])
async def test_a_forgotten_shopper_is_erased_and_does_not_come_back(
    config, clock, sandbox, outfit, forget_shopper, names
):
    identity = Identity(**names)
    sink = await open_sink(config, now=clock.now)
    await sink.sync(outfit("u1", identity=identity))
    forget_shopper(config.state_url)
    async with KlaviyoClient(config.url, PrivateKey(config.key), revision=config.revision, timeout_s=9) as client:
        known = await look_up(client, *identifiers(identity)[0])
        assert known.names == {("id", known.id), *identifiers(identity)}
        assert await erase_profile(client, known.id) is None
        assert await look_up(client, "external_id", "nobody") is None
    assert await sink.sync(outfit("u1", identity=identity)) == Written("forgotten", "single", 0)
    assert await sink.sync(outfit("u2", identity=identity)) == Written("forgotten", "single", 0)
    await sink.aclose()
    state = await sandbox.state()
    assert (state["profiles"], state["events"], state["deletions"]) == ([], [], 1)


async def test_our_properties_are_removed_and_the_rest_of_the_profile_stays(config, clock, sandbox, outfit):
    names = PropertyNames(aliases={"preferred_materials": "materials"})
    sink = await open_sink(replace(config, names=names), now=clock.now)
    look = Engine(name="look", model="m", revision="r")
    await sink.sync(outfit("u1", identity=Identity(email="ada@shop.cn"), look=look))
    await sink.aclose()
    async with KlaviyoClient(config.url, PrivateKey(config.key), revision=config.revision, timeout_s=9) as client:
        theirs = {"email": "ada@shop.cn", "properties": {"loyalty": "gold"}}
        body = json.dumps({"data": {"type": "profile", "attributes": theirs}}).encode()
        await client.import_profile(body, by_profile_id=False)
        [before] = (await sandbox.state())["profiles"]
        assert set(before["properties"]) == {"loyalty", *names.every}
        known = await look_up(client, "email", "ada@shop.cn")
        assert await clear_profile(client, known.id, names.every) is None
    [after] = (await sandbox.state())["profiles"]
    assert after["properties"] == {"loyalty": "gold"}


@pytest.mark.parametrize(
    ("count", "known", "operation"),
    [
        (30, False, "POST /api/event-bulk-create-jobs"),
        (30, True, "POST /api/profile-bulk-import-jobs"),
        (2, True, "POST /api/profile-import"),
    ],
)
async def test_a_shopper_forgotten_while_a_write_waits_for_the_limits_is_not_written(
    config, clock, sandbox, outfit, forget_shopper, count, known, operation
):
    def tagged(tag, day):
        at = outfit().tagged_at + timedelta(days=day)
        return [outfit("u", tag, shopper_id=f"s{i}", tagged_at=at) for i in range(count)]

    sink = await open_sink(config, now=clock.now)
    if known:
        for day, tag in enumerate(("material/silk", "material/cotton")):
            await asyncio.gather(*map(sink.sync, tagged(tag, day)))
    before = await sandbox.state()
    while (await sink._lanes._budget.ask(operation, 1000)).slots:
        clock.at += timedelta(seconds=1)
    resting = asyncio.Event()

    async def rest(seconds):
        resting.set()
        await asyncio.sleep(seconds)

    sink._budget._sleep = rest
    waiting = asyncio.gather(*map(sink.sync, tagged("material/silk", 2)))
    await resting.wait()
    await asyncio.to_thread(forget_shopper, config.state_url, "s1")
    clocked = asyncio.create_task(clock.run())
    answers = await waiting
    again = await sink.sync(tagged("material/silk", 2)[1])
    clocked.cancel()
    await sink.aclose()
    assert [getattr(one, "outcome", None) or one.reason for one in answers].count("written") == count - 1
    assert answers[1].reason == "forgotten"
    assert again.outcome == "forgotten"
    after = await sandbox.state()
    mine = [[one for one in state["profiles"] if one["external_id"] == "s1"] for state in (before, after)]
    assert mine[0] == mine[1]
    assert len(after["profiles"]) == (count if known else count - 1)


async def test_a_shopper_forgotten_while_a_single_waits_for_its_next_identifier_is_not_written(
    config, clock, sandbox, outfit, forget_shopper
):
    identity = Identity(klaviyo_id="01GONE", external_id="s1")
    sink = await open_sink(config, now=clock.now)
    asked = sink._budget.wait

    async def wait(operation):
        await asyncio.to_thread(forget_shopper, config.state_url, "s1")
        await asked(operation)

    sink._budget.wait = wait
    answer = await sink.sync(outfit("u1", identity=identity))
    again = await sink.sync(outfit("u1", identity=identity))
    await sink.aclose()
    assert (answer.reason, again.outcome) == ("forgotten", "forgotten")
    assert (await sandbox.state())["profiles"] == []
