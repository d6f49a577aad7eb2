"""Two Klaviyo accounts side by side: a sink and a state database for each, and nothing in common."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from pydantic import SecretStr

from klaviyo_sink.profile.naming import PropertyNames
from klaviyo_sink.sink import Sink, open_sink


@pytest.fixture
async def sinks(config, other_account, clock, tmp_path) -> AsyncIterator[list[Sink]]:
    other = replace(
        config,
        url=other_account.url,
        key=SecretStr("pk_other"),
        state_url=f"sqlite:///{tmp_path}/other.db",
        names=PropertyNames(prefix="look_"),
    )
    opened = [await open_sink(one, now=clock.now) for one in (config, other)]
    yield opened
    for one in opened:
        await one.aclose()


async def test_the_same_shopper_is_someone_else_in_each_account(
    sinks, sandbox, other_account, outfit, forget_shopper, tmp_path
):
    mine, theirs = sinks
    await asyncio.gather(mine.sync(outfit("u1", "material/silk")), theirs.sync(outfit("u1", "material/wool")))
    forget_shopper(f"sqlite:///{tmp_path}/other.db")
    assert (await mine.sync(outfit("u2", "material/linen"))).outcome == "written"
    assert (await theirs.sync(outfit("u2", "material/linen"))).outcome == "forgotten"
    [here] = (await sandbox.state())["profiles"]
    [there] = (await other_account.state())["profiles"]
    assert here["properties"]["outfit_materials"] == ["linen", "silk"]
    assert there["properties"]["look_materials"] == ["wool"]


async def test_a_429_of_one_account_holds_back_that_one_alone(sinks, sandbox, outfit):
    mine, theirs = sinks
    await sandbox.order(faults=[{"status": 429, "retry_after": "9"}], requests=1)
    assert (await mine.sync(outfit("u1"))).reason == "throttled"
    assert (await theirs.sync(outfit("u1"))).lane == "single"
    assert (await mine._lanes._budget.ask("POST /api/events", 1)).slots == 0
    assert (await theirs._lanes._budget.ask("POST /api/events", 1)).slots == 1
