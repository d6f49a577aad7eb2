"""A dry run shows exactly what would be sent, sends nothing, and leaves what is remembered as it was."""

import asyncio
import json
from dataclasses import replace

import pytest
from sqlalchemy import create_engine, select

from klaviyo_sink.dry_run import DryRun
from klaviyo_sink.sink import open_sink
from klaviyo_sink.state.tables import metadata
from schemas.events import Identity
from schemas.outcomes import Never


def remembered(config):
    engine = create_engine(config.state_url)
    with engine.connect() as connection:
        found = {name: connection.execute(select(table)).all() for name, table in metadata.tables.items()}
    engine.dispose()
    return found


async def rehearse(config, clock, uploads, *, ledger=True):
    shown = []
    sink = await open_sink(
        config,
        now=clock.now,
        dry_run=DryRun(lambda *request: shown.append((request[0], json.loads(request[1]))), ledger=ledger),
    )
    outcomes = await asyncio.gather(*map(sink.sync, uploads))
    await sink.aclose()
    return [one if isinstance(one, Never) else one.outcome for one in outcomes], shown


async def write(config, clock, uploads):
    sink = await open_sink(config, now=clock.now)
    for upload in uploads:
        await sink.sync(upload)
    await sink.aclose()


async def test_a_dry_run_shows_the_requests_that_are_then_sent(config, clock, sandbox, outfit):
    await write(config, clock, [outfit("u1", "material/silk")])
    before, posts = remembered(config), await sandbox.posts()
    outcomes, [(request, body)] = await rehearse(config, clock, [outfit("u2", "material/cotton")])
    assert (outcomes, request) == (["written"], "POST /api/events")
    assert (remembered(config), await sandbox.posts()) == (before, posts)
    await write(config, clock, [outfit("u2", "material/cotton")])
    state = await sandbox.state()
    attributes = body["data"]["attributes"]
    assert attributes["profile"]["data"]["attributes"]["properties"] == state["profiles"][0]["properties"]
    assert state["profiles"][0]["properties"]["outfit_materials"] == ["cotton", "silk"]
    assert (attributes["unique_id"], attributes["properties"]) == (
        state["events"][-1]["unique_id"],
        state["events"][-1]["properties"],
    )


async def test_a_dry_run_shows_known_uploads_only_without_the_ledger(config, clock, outfit):
    await write(config, clock, [outfit("u1")])
    assert await rehearse(config, clock, [outfit("u1")]) == (["unchanged"], [])
    outcomes, shown = await rehearse(config, clock, [outfit("u1")], ledger=False)
    assert (outcomes, len(shown)) == (["written"], 1)


async def test_no_key_no_network_and_no_file_are_needed_and_none_is_made(config, clock, outfit, tmp_path):
    alone = replace(config, key=None, url="http://127.0.0.1:1", state_url=f"sqlite:///{tmp_path}/none/state.db")
    outcomes, shown = await rehearse(alone, clock, [outfit(f"u{i}", shopper_id=f"s{i}") for i in range(60)])
    assert set(outcomes) == {"written"}
    assert [request for request, _ in shown] == ["POST /api/event-bulk-create-jobs"]
    assert not (tmp_path / "none").exists()


async def test_a_dry_run_shows_states_as_an_import_job(config, clock, sandbox, outfit):
    uploads = [outfit(f"u{i}", shopper_id=f"s{i}") for i in range(8)]
    await write(config, clock, uploads)
    # Tagged otherwise, then back to what Klaviyo has: its profiles need a write, its events do not.
    changed = [outfit(one.upload_id, "style/slim", shopper_id=one.shopper_id) for one in uploads]
    later = [one.model_copy(update={"tagged_at": one.tagged_at.replace(hour=13)}) for one in changed]
    back = [one.model_copy(update={"tagged_at": one.tagged_at.replace(hour=14)}) for one in uploads]
    await write(config, clock, later)
    outcomes, shown = await rehearse(config, clock, back)
    assert set(outcomes) == {"written"}
    assert [request for request, _ in shown] == ["POST /api/profile-bulk-import-jobs"]


async def test_the_forgotten_and_the_refused_are_so_in_a_dry_run_too(config, clock, outfit, forget_shopper):
    forget_shopper(config.state_url)
    refused = outfit("u2", shopper_id="s2", identity=Identity(email="a@example.com"))
    outcomes, shown = await rehearse(config, clock, [outfit(), refused])
    assert (outcomes[0], shown) == ("forgotten", [])
    assert isinstance(outcomes[1], Never)


@pytest.mark.parametrize("url", ["nonsense", "mysql://x/y"])
async def test_a_dry_run_reports_an_invalid_database(config, clock, url):
    with pytest.raises(RuntimeError, match="state database"):
        await open_sink(replace(config, state_url=url), dry_run=DryRun(print))
