"""Forgetting a shopper removes them everywhere, no replay brings them back, and other shoppers are unchanged."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import postgres_server
import pytest
from forgetting_world import EMAIL, GONE, KEY, STAYS, Gateway, World, local_world, running_world
from s3_server import S3Server
from typer.testing import CliRunner

from klaviyo_sink.state.database import open_database
from klaviyo_sink.state.forgetting import forget as forget_in_database
from streams.cli.main import app as hangtag
from streams.erasure.guard import ForgottenShoppers
from streams.operations.retag import Kept
from streams.wiring.clock import now


@pytest.fixture
async def world(tmp_path) -> AsyncIterator[World]:
    async with local_world(tmp_path) as world:
        yield world


@pytest.fixture(params=["files", "servers"])
async def anywhere(request, tmp_path) -> AsyncIterator[World]:
    """A world whose state and photos are files, and one with PostgreSQL and a versioned bucket."""
    if request.param == "files":
        async with local_world(tmp_path) as world:
            yield world
        return
    if postgres_server.MISSING:
        pytest.skip(postgres_server.MISSING)
    async with world_of_servers(tmp_path, request.getfixturevalue("s3"), request.getfixturevalue("bucket")) as world:
        yield world


@asynccontextmanager
async def world_of_servers(folder: Path, s3: S3Server, bucket: str) -> AsyncIterator[World]:
    enabled = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    s3.send("PUT", f"{bucket}?versioning=", content=enabled.encode())
    with postgres_server.running() as postgres:

        def traces(words: tuple[bytes, ...]) -> list[str]:
            # docs/privacy.md says what the write-ahead log still contains, and until when.
            # Autovacuum copies samples of values to other tables.
            postgres.execute("ANALYZE")
            files = [file for file in postgres.files_with(*words) if not file.startswith("pg_wal/")]
            listed = ET.fromstring(s3.send("GET", f"{bucket}?versions=&max-keys=1000").content)  # noqa: S314 - the test's own server
            keys = [one.text or "" for one in listed.iter("{*}Key")]
            return files + [key for key in keys if any(word in key.encode() for word in words)]

        store = f"s3://{bucket}/shop"
        async with running_world(folder, state_url=postgres.url, store_url=store, traces=traces) as world:
            yield world


async def test_forget_and_a_full_replay_leave_nothing_of_the_shopper_and_all_of_the_others(world):
    await world.upload(GONE, f"{GONE}-1", f"{GONE}-2", identity={"email": EMAIL})
    await world.upload(STAYS, "s1")
    await world.replay()
    profiles = {one["external_id"]: one for one in (await world.sandbox())["profiles"] if one.get("external_id")}
    assert set(profiles) == {STAYS}
    # Queued behind the forgetting: one upload that no stage has come to, one whose text was not tagged yet.
    await world.upload(GONE, f"{GONE}-3", f"{GONE}-4", identity={"email": EMAIL})
    await world.replay("recognize")

    before = len(await asyncio.to_thread(world.messages))
    would = await world.forget(dry_run=True)
    assert (would["style_profiles"], would["written_events"], would["photos"]) == (1, 2, 4)
    assert await world.remains(0)
    done = await world.forget()
    assert done == {"style_profiles": 1, "written_events": 2, "photos": 4, "klaviyo_profiles": 1}
    # The stages' events in flight end before the command removes photos and asks Klaviyo.
    assert len(world.waited) == 1
    assert 25 < world.waited[0] <= 30
    assert await world.remains(before) == []

    await world.replay()
    await world.replay()
    assert await world.remains(before) == []
    forgotten = ForgottenShoppers(world.settings.state_url.get_secret_value())
    forgotten.read()
    kept = Kept(world.settings, is_forgotten=forgotten.knows)
    looked_at = await asyncio.to_thread(lambda: [text.upload_id for _, text in kept.texts(None)])
    forgotten.close()
    assert set(looked_at) == {"s1"}
    after = (await world.sandbox())["profiles"]
    assert [(one["external_id"], one["properties"]) for one in after] == [(STAYS, profiles[STAYS]["properties"])]
    assert len(list((world.folder / "photos").rglob("*.jpg"))) == 1

    # Once more, as after a crash between two steps: nothing reappears, and Klaviyo gets the request again.
    assert (await world.forget())["style_profiles"] == 0


async def test_after_every_replay_no_trace_of_a_forgotten_shopper_exists(anywhere, monkeypatch, tmp_path):
    """Photos and their versions, the database's files, topics from then on, gateways, Klaviyo, temporary files."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    world = anywhere
    await world.upload(GONE, f"{GONE}-1", f"{GONE}-2", identity={"email": EMAIL})
    await world.upload(STAYS, f"{STAYS}-1")
    await world.replay()
    # Letters of both, one of them under a key that is not the shopper's.
    for shopper, key in ((GONE, GONE), (GONE, "anything"), (STAYS, STAYS)):
        await world.bury(shopper, key=key)
    assert await world.remains(0)
    async with Gateway(world.settings) as gateway:
        assert GONE in gateway.text()
        assert await world.forget() == {
            "style_profiles": 1,
            "written_events": 2,
            "photos": 2,
            "klaviyo_profiles": 1,
        }
        async with asyncio.timeout(120):
            while GONE in gateway.text():
                await asyncio.sleep(0.1)
        before = len(await asyncio.to_thread(world.messages))
        assert await world.remains(before) == []
        await retag_and_replay_letters(world, monkeypatch)
        await world.replay()
        await world.replay()
        assert len(await asyncio.to_thread(world.messages)) > before
        assert await world.remains(before) == []
        assert GONE not in gateway.text()
    # A gateway that starts now reads everything in the topics.
    async with Gateway(world.settings) as gateway:
        assert GONE not in gateway.text()
        assert STAYS in gateway.text()


async def retag_and_replay_letters(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run both commands, with a lexicon that sees every text differently."""
    world.set_environment(monkeypatch)
    lexicon = world.folder / "lexicon"
    lexicon.mkdir()
    (lexicon / "material.toml").write_text('[cotton]\nen = "Pure cotton"\n', encoding="utf-8")
    monkeypatch.setenv("HANGTAG_LEXICON", str(lexicon))
    for command in (["retag", "--since", "1d"], ["dlq", "replay"]):
        said = await asyncio.to_thread(CliRunner().invoke, hangtag, command)
        assert said.exit_code == 0, said.output
        assert GONE not in said.output


async def test_soft_keeps_the_profile_and_removes_our_properties(world):
    await world.upload(GONE, "g1", identity={"external_id": GONE})
    await world.replay()
    assert (await world.forget(soft=True))["klaviyo_profiles"] == 1
    await world.replay()
    [profile] = (await world.sandbox())["profiles"]
    assert (profile["external_id"], profile["properties"]) == (GONE, {})


async def test_the_command_prints_what_it_removed_and_what_is_left_to_do(world, monkeypatch):
    world.set_environment(monkeypatch)
    await world.upload(GONE, "g1")
    # Begun long ago and cut off, so that there is nothing to wait for.
    engine = open_database(world.settings.state_url.get_secret_value())
    forget_in_database(engine, GONE, at=now() - timedelta(hours=1))
    engine.dispose()

    def forget(*options: str):
        return asyncio.to_thread(CliRunner().invoke, hangtag, ["forget", GONE, *options, "--json"])

    looked = await forget("--dry-run")
    told = json.loads(looked.stdout)
    assert (looked.exit_code, told["photos"], told["dry_run"]) == (0, 1, True)
    keyless = await forget()
    told = json.loads(keyless.stdout)
    assert (keyless.exit_code, told["photos"]) == (1, 1)
    assert "HANGTAG_KLAVIYO_ERASURE_KEY" in told["left_to_do"]["klaviyo_profiles"]
    monkeypatch.setenv("HANGTAG_KLAVIYO_ERASURE_KEY", KEY)
    done = await forget()
    assert (done.exit_code, json.loads(done.stdout)["left_to_do"]) == (0, {})
    assert told["names"] == [
        {"name": "external_id", "value": GONE, "used_by": [], "action": "unknown"},
    ]
    assert json.loads(done.stdout)["names"][0]["action"] == "no profile"
