"""The sink against the real sandbox: one effect per upload, with every kind of fault."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from awaiting import until
from pydantic import SecretStr

from klaviyo_sink.sandbox.server import listen, url_of
from klaviyo_sink.sink import Sink, SinkConfig, Written, open_sink
from klaviyo_sink.state.store import open_state
from schemas.events import Identity
from schemas.outcomes import Later, Misconfigured, Never


@asynccontextmanager
async def opened(config: SinkConfig, clock) -> AsyncIterator[Sink]:
    sink = await open_sink(config, now=clock.now)
    try:
        yield sink
    finally:
        await sink.aclose()


async def test_an_upload_becomes_one_event_that_carries_the_whole_state(sink, sandbox, outfit):
    assert await sink.sync(outfit("u1")) == Written("written", "single", 1)
    assert await sink.sync(outfit("u2", "material/silk", "style/v-neck")) == Written("written", "single", 2)
    state = await sandbox.state()
    [profile] = state["profiles"]
    assert profile["external_id"] == "s1"
    assert profile["properties"] == {
        "outfit_materials": ["cotton", "silk"],
        "outfit_styles": ["v-neck"],
        "outfit_categories": ["t-shirt"],
        "outfit_interests": [],
        "outfit_version": 2,
        "outfit_updated_at": "2026-11-22T12:00:00Z",
    }
    assert [event["properties"]["upload_id"] for event in state["events"]] == ["u1", "u2"]
    assert [event["backfill"] for event in state["events"]] == [False, False]
    assert {event["metric"] for event in state["events"]} == {"Outfit Tagged"}


async def test_a_redelivery_is_unchanged_and_asks_klaviyo_nothing(sink, sandbox, outfit):
    await sink.sync(outfit())
    assert await sink.sync(outfit()) == Written("unchanged", "single", 1)
    assert await sandbox.posts() == 1


async def test_a_restart_remembers(config, clock, sandbox, outfit):
    async with opened(config, clock) as first:
        await first.sync(outfit("u1"))
    async with opened(config, clock) as second:
        assert await second.sync(outfit("u1")) == Written("unchanged", "single", 1)
        assert (await second.sync(outfit("u2", "material/silk"))).profile_version == 2
    assert await sandbox.posts() == 2


async def test_a_crash_after_klaviyo_took_the_event_ends_in_one_event(sink, sandbox, outfit):
    await sandbox.order(faults=[{"status": 503, "after": True}], requests=1)
    assert isinstance(await sink.sync(outfit()), Later)
    assert await sink.sync(outfit()) == Written("written", "single", 1)
    state = await sandbox.state()
    assert len(state["events"]) == 1
    assert state["counters"]["events_deduplicated"] == 1


async def test_uploads_of_one_shopper_go_one_at_a_time_and_shoppers_go_side_by_side(sink, sandbox, outfit):
    uploads = [outfit(f"u{i}", f"material/m{i}", shopper_id=f"s{i % 8}") for i in range(40)]
    syncing = asyncio.gather(*map(sink.sync, uploads))
    await until(lambda: any(sink.status().jobs.values()))
    outcomes = await syncing
    assert sink.status().jobs == {"single": 0, "bulk": 0}
    assert {one.outcome for one in outcomes} == {"written"}
    state = await sandbox.state()
    assert [len(profile["properties"]["outfit_materials"]) for profile in state["profiles"]] == [5] * 8
    assert len(state["events"]) == 40


@pytest.mark.parametrize("count", [3, 60])
async def test_a_damaged_style_profile_stops_no_other_and_its_uploads_can_be_sent_later(
    sink, config, sandbox, outfit, count
):
    first = [outfit("u1", shopper_id=f"s{i}") for i in range(count)]
    await asyncio.gather(*map(sink.sync, first))
    row = sqlite3.connect(config.state_url.removeprefix("sqlite:///"))
    [(good,)] = row.execute("SELECT profile FROM style_profiles WHERE shopper_id = 's1'").fetchall()
    with row:
        row.execute("UPDATE style_profiles SET profile = 'x' WHERE shopper_id = 's1'")
    second = [outfit("u2", "material/silk", shopper_id=f"s{i}") for i in range(count)]
    outcomes = await asyncio.gather(*map(sink.sync, second))
    assert [i for i, one in enumerate(outcomes) if isinstance(one, Never)] == [1]
    assert outcomes[1].reason == "style-profile-unreadable"
    assert {one.outcome for one in outcomes if not isinstance(one, Never)} == {"written"}
    with row:
        row.execute("UPDATE style_profiles SET profile = ? WHERE shopper_id = 's1'", (good,))
    row.close()
    assert (await sink.sync(second[1])).outcome == "written"
    assert len((await sandbox.state())["events"]) == 2 * count


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"key": SecretStr("pk_revoked")}, "unauthorized"),
        ({"key": None}, "no-key"),
        ({"revision": "2024-05-14"}, "not-found"),
        ({"revision": "2024-05-15"}, "not-served"),
    ],
)
async def test_a_wrong_set_up_is_misconfigured_and_works_after_the_fix(config, clock, outfit, change, reason):
    async with opened(replace(config, **change), clock) as wrong:
        failure = await wrong.sync(outfit())
        assert isinstance(failure, Misconfigured)
        assert failure.reason == reason
        assert "pk_" not in failure.message + repr(wrong)
    async with opened(config, clock) as mended:
        assert await mended.sync(outfit()) == Written("written", "single", 1)


async def test_a_429_closes_only_that_operation_for_as_long_as_klaviyo_says(sink, sandbox, clock, outfit):
    await sandbox.order(faults=[{"status": 429, "retry_after": "2"}], requests=1)
    refused = await sink.sync(outfit("u1"))
    assert (refused.reason, refused.retry_after) == ("throttled", 2)
    standing = sink.status().budget["POST /api/events"]
    assert (standing.left, standing.steady) == (0, 1610), "half of what may be spent of 3,500, and nothing just now"
    assert await sink.sync(outfit("u1")) == Written("written", "bulk", 1)
    assert await sandbox.posts() == 1


@pytest.mark.parametrize(
    ("fault", "meaning"),
    [
        ({"status": 500}, ("unavailable", None)),
        ({"status": 503, "retry_after": "3"}, ("unavailable", 3)),
        ({"status": 520, "html": True}, ("unavailable", None)),
        ({"status": 403, "html": True}, ("blocked", None)),
        ({"status": 429, "retry_after": "0"}, ("throttled", 0.3)),
        ({"status": 500, "cut": True}, ("unreachable", None)),
    ],
)
async def test_an_outage_is_later_and_costs_nothing(sink, sandbox, outfit, fault, meaning):
    await sandbox.order(faults=[fault], requests=1)
    failure = await sink.sync(outfit())
    assert (failure.reason, failure.retry_after) == meaning
    assert failure.tries is None
    written = await sink.sync(outfit())
    assert (written.outcome, written.profile_version) == ("written", 1)
    assert len((await sandbox.state())["events"]) == 1


async def test_a_refused_connection_and_a_timeout_are_later(config, clock, outfit):
    with listen("127.0.0.1", 0) as silent:
        for url, reason in ((url_of(silent), "timeout"), ("http://127.0.0.1:9", "unreachable")):
            async with opened(replace(config, url=url, timeout_s=0.2), clock) as sink:
                assert (await sink.sync(outfit())).reason == reason


async def test_a_refused_event_is_final_and_blocks_no_one(sink, sandbox, outfit):
    await sandbox.order(faults=[{"status": 400}], requests=1)
    assert isinstance(await sink.sync(outfit("u1")), Never)
    assert (await sink.sync(outfit("u2"))).outcome == "written"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"uploaded_at": "1999-12-31T23:59:59Z"}, "time-out-of-range"),
        ({"uploaded_at": "0001-01-01T00:00:00Z"}, "time-out-of-range"),
        ({"uploaded_at": "2028-01-01T00:00:00Z"}, "time-out-of-range"),
        ({"identity": Identity(email="ada@Example.com")}, "test-domain"),
        ({"identity": Identity(klaviyo_id="01MERGED")}, "profile-not-found"),
    ],
)
async def test_an_upload_that_klaviyo_would_refuse_or_drop_is_never(sink, sandbox, outfit, fields, reason):
    failure = await sink.sync(outfit(**fields))
    assert isinstance(failure, Never)
    assert failure.reason == reason
    assert (await sandbox.state())["events"] == []


async def test_an_upload_with_absurdly_many_tags_does_not_poison_its_shopper(sink, outfit):
    failure = await sink.sync(outfit("u1", *(f"material/m{i}" for i in range(201))))
    assert isinstance(failure, Never)
    assert await sink.sync(outfit("u2")) == Written("written", "single", 1)


async def test_old_and_backfilled_uploads_start_no_flow(sink, sandbox, clock, outfit):
    await sink.sync(outfit("marked", backfill=True))
    await sink.sync(outfit("old", uploaded_at=clock.at - timedelta(days=1, seconds=1)))
    await sink.sync(outfit("new", uploaded_at=clock.at - timedelta(hours=23)))
    assert [event["backfill"] for event in (await sandbox.state())["events"]] == [True, True, False]


async def test_a_forgotten_shoppers_events_are_dropped(sink, config, sandbox, outfit, forget_shopper):
    await sink.sync(outfit("u1"))
    await asyncio.to_thread(forget_shopper, config.state_url)
    assert await sink.sync(outfit("u1")) == Written("forgotten", "single", 0)
    assert await sink.sync(outfit("u2")) == Written("forgotten", "single", 0)
    assert await sandbox.posts() == 1


async def test_a_shopper_forgotten_during_the_write_stays_forgotten(config, clock, sandbox, outfit, forget_shopper):
    await sandbox.order(latency_s=[2, 2])
    async with opened(config, clock) as sink:
        # Opening takes longer than the write.
        other = await asyncio.to_thread(open_state, config.state_url)
        writing = asyncio.create_task(sink.sync(outfit()))
        await until(lambda: sink.status().jobs["single"] > 0)
        await asyncio.to_thread(other.fold, [outfit()])
        other.close()
        await asyncio.to_thread(forget_shopper, config.state_url)
        outcome = await writing
        if isinstance(outcome, Later):
            # The erasure came between the two requests of the write: the retry finds it in the ledger.
            outcome = await sink.sync(outfit())
        assert outcome == Written("forgotten", "single", 0)


async def test_a_broken_database_is_later(sink, outfit, tmp_path):
    await sink.sync(outfit("u1"))
    with sqlite3.connect(tmp_path / "state" / "state.db") as meddler:
        meddler.execute("DROP TABLE style_profiles")
    meddler.close()
    failure = await sink.sync(outfit("u2"))
    assert isinstance(failure, Later)
    assert failure.reason == "state-database"


def test_the_configuration_shows_no_secret_and_takes_no_key_that_cannot_be_sent():
    config = SinkConfig("https://a.klaviyo.com", SecretStr("pk_x"), state_url="postgresql://u:hunter2@db/x")
    assert "pk_x" not in repr(config)
    assert "hunter2" not in repr(config)
    for key in ("", "pk x", "pk_\n", "钥匙"):
        with pytest.raises(ValueError, match="key must be"):
            SinkConfig("https://a.klaviyo.com", SecretStr(key))
    with pytest.raises(ValueError, match="metric"):
        SinkConfig("https://a.klaviyo.com", None, metric="m" * 128)


async def test_a_closed_sink_answers_at_once(config, clock, sandbox, outfit):
    """An event that comes back after its wait may find the sink closed; it must not wait for ever."""
    async with opened(config, clock) as sink:
        await sink.sync(outfit("u1"))
    answer = await asyncio.wait_for(sink.sync(outfit("u2")), 1)
    assert isinstance(answer, Later)
    assert answer.reason == "closing"
