"""Forgetting a shopper keeps what other shoppers use: names at Klaviyo, photos."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from forgetting_world import EMAIL, GONE, STAYS, World, local_world

from schemas.events import Identity
from streams.erasure.forget import ErasureStep


@pytest.fixture
async def world(tmp_path) -> AsyncIterator[World]:
    async with local_world(tmp_path) as world:
        yield world


BOTHS = "family@their-home.cn"


def names_in(steps: list[ErasureStep]) -> dict[tuple[str, str], tuple[tuple[str, ...], str]]:
    return {(one.kind, one.value): (one.used_by, one.action) for step in steps for one in step.names}


async def test_an_address_that_another_shopper_uses_too_is_listed_and_left_alone(world):
    await world.upload(GONE, "g1", identity={"email": BOTHS})
    await world.upload(STAYS, "s1", identity={"email": BOTHS.upper()})
    await world.upload(GONE, "g2", identity={"email": EMAIL})
    await world.replay()
    looked = await world.forget_in_steps(GONE, dry_run=True)
    done = await world.forget_in_steps(GONE)
    assert names_in(looked) == names_in(done)
    assert names_in(done)["email", BOTHS] == ((STAYS,), "remove our properties")
    assert names_in(done)["email", EMAIL] == ((), "erase")
    assert names_in(done)["external_id", GONE] == ((), "no profile")
    profiles = {one["email"]: one["properties"] for one in (await world.sandbox())["profiles"]}
    assert EMAIL not in profiles
    assert profiles[BOTHS] == {}
    # The last of those who share it erases it.
    assert names_in(await world.forget_in_steps(STAYS))["email", BOTHS.upper()] == ((), "erase")


@pytest.mark.parametrize("claim", [{"external_id": STAYS}, {"klaviyo_id": "theirs"}])
async def test_somebody_elses_name_in_an_event_does_not_erase_their_profile(world, claim):
    await world.upload(STAYS, "s1")
    await world.replay()
    [before] = (await world.sandbox())["profiles"]
    if "klaviyo_id" in claim:
        claim = {"klaviyo_id": before["id"]}
    # Their own events have expired: what is left is the liar's word, and Klaviyo's.
    world.settings = world.settings.model_copy(update={"topic_prefix": "later"})
    await world.make_topics()
    await world.upload(GONE, "g1", identity=claim)
    done = names_in(await world.forget_in_steps(GONE))
    assert done[next(iter(claim.items()))[0].replace("klaviyo_id", "id"), next(iter(claim.values()))][0] == (STAYS,)
    [after] = (await world.sandbox())["profiles"]
    assert (after["id"], after["external_id"]) == (before["id"], STAYS)
    assert (await world.forget_in_steps(GONE, include_shared=True))[-1].removed == 1
    assert (await world.sandbox())["profiles"] == []


async def test_a_photo_of_somebody_else_named_in_an_event_stays(world):
    await world.upload(STAYS, "s1")
    [theirs] = [path for path in (world.folder / "photos").rglob("*") if path.is_file()]
    uploads = [json.loads(one.value) for one in await asyncio.to_thread(world.messages)]
    await world.publish_again(uploads[0] | {"shopper_id": GONE, "upload_id": "g1", "identity": {"external_id": GONE}})
    steps = {step.what: step for step in await world.forget_in_steps(GONE)}
    assert (steps["photos"].removed, theirs.exists()) == (0, True)
    assert "other shoppers" in steps["photos"].trouble


async def test_nothing_is_erased_while_the_topics_cannot_be_read(world):
    await world.upload(STAYS, "s1", identity={"email": EMAIL})
    await world.replay()
    world.settings = world.settings.model_copy(update={"topic_prefix": "missing"})
    identity = Identity(external_id=GONE, email=EMAIL)
    step = (await world.forget_in_steps(GONE, identity=identity))[-1]
    assert (step.removed, len((await world.sandbox())["profiles"])) == (0, 1)
    assert "--include-shared" in step.trouble
    assert (await world.forget_in_steps(GONE, identity=identity, include_shared=True))[-1].removed == 1
