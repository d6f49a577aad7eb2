"""An upload that is tagged again: the profile follows, and Klaviyo gets no second event."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from klaviyo_sink.sink import Written

JOBS = "/api/event-bulk-create-jobs"
IMPORTS = "/api/profile-bulk-import-jobs"


@pytest.fixture
def retagged(outfit):
    """What `hangtag retag` publishes: the same upload, tagged days later, as backfill."""

    def make(upload_id, *tags: str, days=1, **fields: Any):
        later = outfit().tagged_at + timedelta(days=days)
        return outfit(upload_id, *tags, **{"tagged_at": later, "backfill": True, "lexicon_version": "lex-2"} | fields)

    return make


async def test_a_correction_replaces_the_uploads_tags_without_another_event(sink, sandbox, outfit, retagged):
    await sink.sync(outfit("u1", "material/cotton", "style/slim"))
    await sink.sync(outfit("u2", "material/silk"))
    assert await sink.sync(retagged("u1", "material/linen")) == Written("written", "single", 3)
    state = await sandbox.state()
    [profile] = state["profiles"]
    assert profile["properties"]["outfit_materials"] == ["linen", "silk"]
    assert profile["properties"]["outfit_styles"] == []
    assert [(event["properties"]["upload_id"], event["backfill"]) for event in state["events"]] == [
        ("u1", False),
        ("u2", False),
    ]
    assert await sandbox.posts("/api/profile-import") == 1


async def test_a_correction_that_changes_nothing_sends_klaviyo_nothing(sink, sandbox, outfit, retagged):
    await sink.sync(outfit("u1", "material/cotton"))
    before = (await sandbox.state())["counters"]
    assert await sink.sync(retagged("u1", "material/cotton", "pattern/floral")) == Written("unchanged", "single", 1)
    assert (await sandbox.state())["counters"] == before


async def test_a_replay_with_another_lexicon_sets_off_no_flow_even_if_it_is_not_marked_as_backfill(
    sink, sandbox, outfit, retagged
):
    for day, tag in enumerate(("material/silk", "material/cotton", "material/silk")):
        outcome = await sink.sync(retagged("u1", tag, days=day, backfill=False))
        assert outcome == Written("written", "single", day + 1)
    state = await sandbox.state()
    assert state["profiles"][0]["properties"]["outfit_materials"] == ["silk"]
    assert len(state["events"]) == 1


async def test_an_original_that_arrives_after_its_correction_does_not_undo_it(sink, sandbox, outfit, retagged):
    assert (await sink.sync(retagged("u1", "material/linen"))).outcome == "written"
    assert await sink.sync(outfit("u1", "material/cotton")) == Written("unchanged", "single", 1)
    state = await sandbox.state()
    assert state["profiles"][0]["properties"]["outfit_materials"] == ["linen"]
    assert [event["backfill"] for event in state["events"]] == [True]


async def test_an_upload_and_its_correction_that_wait_together_are_one_event_with_the_corrected_state(
    sink, sandbox, outfit, retagged
):
    both = [outfit("u1", "material/cotton"), retagged("u1", "material/linen")]
    assert {one.outcome for one in await asyncio.gather(*map(sink.sync, both))} == {"written"}
    state = await sandbox.state()
    assert state["profiles"][0]["properties"]["outfit_materials"] == ["linen"]
    assert [event["properties"]["materials"] for event in state["events"]] == [["cotton"]]


async def test_many_corrections_write_the_changed_profiles_alone_and_in_one_job(sink, sandbox, outfit, retagged):
    shoppers = [f"s{i}" for i in range(40)]
    await asyncio.gather(*(sink.sync(outfit("u", "material/silk", shopper_id=one)) for one in shoppers))
    corrected = [
        retagged("u", "material/linen" if i % 4 == 0 else "material/silk", shopper_id=one)
        for i, one in enumerate(shoppers)
    ]
    outcomes = await asyncio.gather(*map(sink.sync, corrected))
    assert [one.outcome for one in outcomes] == ["written", "unchanged", "unchanged", "unchanged"] * 10
    state = await sandbox.state()
    changed = {one["external_id"] for one in state["profiles"] if one["properties"]["outfit_version"] == 2}
    assert changed == set(shoppers[::4])
    assert (len(state["events"]), await sandbox.posts(JOBS), await sandbox.posts(IMPORTS)) == (40, 1, 1)
