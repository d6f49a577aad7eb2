"""A shopper who is forgotten is gone, and no replay brings them back; everybody else stays as they were."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from recognized import recognized
from typer.testing import CliRunner

from klaviyo_sink.access import open_client
from klaviyo_sink.sandbox.app import create_app
from klaviyo_sink.sandbox.server import listen, make_server, url_of
from klaviyo_sink.state.database import open_database
from klaviyo_sink.state.forgetting import forget as forget_in_database
from ocr_worker.result import ReadImage, Reading, ReadQuality
from schemas.events import DeadLetter, Identity
from schemas.producer import Published, Upload
from streams.cli.main import app as hangtag
from streams.config.settings import Settings
from streams.erasure.forget import ErasureStep, Forgetting
from streams.erasure.guard import ForgottenShoppers
from streams.erasure.profiles import KlaviyoAccess
from streams.kafka.embedded.broker import EmbeddedBroker
from streams.kafka.reader import Seen, follow
from streams.operations.retag import Kept
from streams.runtime.dead_letters import letter_headers
from streams.runtime.stage import Record
from streams.runtime.window import Delivery, Partition
from streams.wiring import stages
from streams.wiring.clock import now
from streams.wiring.kafka import make_emitter, make_topics
from streams.wiring.klaviyo import make_sink, make_sink_config
from streams.wiring.photos import make_store
from streams.wiring.uploads import make_uploads

KEY = "pk_everything"
GONE, STAYS = "shopper-gone", "shopper-stays"
EMAIL = "wang.fang@her-own-domain.cn"


@pytest.fixture
async def klaviyo() -> AsyncIterator[str]:
    listening = listen("127.0.0.1", 0)
    server = make_server(create_app(KEY))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    yield url_of(listening)
    server.should_exit = True
    await serving


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({topic.name: 1 for topic in make_topics(Settings()).all()}) as running:
        yield running


@pytest.fixture
def settings(broker, klaviyo, tmp_path) -> Settings:
    return Settings(
        bootstrap_servers=broker.bootstrap_servers,
        store_url=f"file:{tmp_path}/photos",
        state_url=f"sqlite:///{tmp_path}/state/state.db",
        klaviyo_url=klaviyo,
        klaviyo_key=SecretStr(KEY),
        klaviyo_erasure_key=SecretStr(KEY),
    )


class Reads:
    """Reads the same of every photo."""

    async def read(self, _photo: bytes, **_: object) -> Reading:
        text = recognized("any", "100% cotton", "T-shirt")
        image = ReadImage(width=100, height=100, sha256="0" * 64)
        quality = ReadQuality(**text.quality.model_dump())
        return Reading(texts=text.texts, image=image, quality=quality, engine=text.engine, timings_ms={})


class World:
    """The three stages as their processes run them, each message handed over by the test."""

    def __init__(self, settings: Settings, http: httpx.AsyncClient, folder: Path) -> None:
        self.settings, self.http, self.folder = settings, http, folder

    async def upload(self, shopper: str, *upload_ids: str, identity: dict[str, str] | None = None) -> None:
        async with make_uploads(self.settings) as producer:
            for upload_id in upload_ids:
                upload = Upload(
                    photo=b"photo", name="p.jpg", shopper_id=shopper, upload_id=upload_id, identity=identity
                )
                assert isinstance(await producer.publish(upload), Published)

    def set_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("bootstrap_servers", "store_url", "klaviyo_url"):
            monkeypatch.setenv(f"HANGTAG_{name.upper()}", getattr(self.settings, name))
        monkeypatch.setenv("HANGTAG_STATE_URL", self.settings.state_url.get_secret_value())
        monkeypatch.setenv("HANGTAG_KLAVIYO_KEY", KEY)

    async def bury(self, shopper: str, *, key: str) -> None:
        """Leave a letter of an upload of this shopper."""
        [first, *_] = [one for one in await asyncio.to_thread(self.messages) if one.key == shopper.encode()]
        facts = {"stage": "recognize", "exception_class": "x", "message": "m", "reason": "bug", "attempts": 1}
        topic = make_topics(self.settings).uploads.name
        letter = DeadLetter(topic=topic, partition=0, offset=first.offset, **facts)
        uploads = [one for one in await asyncio.to_thread(self.messages) if one.topic == topic]
        value = next(one.value for one in uploads if one.key == shopper.encode())
        emitter = make_emitter(self.settings)
        headers = letter_headers(first.headers, letter)
        assert await emitter.send(f"{topic}.dlq", key=key.encode(), value=value, headers=headers) is None
        await emitter.aclose()

    async def publish_again(self, event: dict) -> None:
        emitter = make_emitter(self.settings)
        topic, key = make_topics(self.settings).uploads.name, event["shopper_id"].encode()
        assert await emitter.send(topic, key=key, value=json.dumps(event).encode(), headers=[]) is None
        await emitter.aclose()

    async def make_topics(self) -> None:
        for topic in make_topics(self.settings).all():
            emitter = make_emitter(self.settings)
            # The embedded broker makes a topic for whoever writes to it.
            assert await emitter.send(topic.name, key=b"k", value=b"{}", headers=[]) is None
            await emitter.aclose()

    async def replay(self, *names: str) -> None:
        """Have each stage work through its whole topic, one after the other."""
        emitter, sink = make_emitter(self.settings), await make_sink(self.settings)
        forgotten = ForgottenShoppers(self.settings.state_url.get_secret_value())
        plans = (
            stages.recognize(self.settings, pool=Reads()),
            stages.tag(self.settings),
            stages.sync(self.settings, sink=sink),
        )
        for plan in plans:
            if names and plan.name not in names:
                continue
            stage = (await stages.assemble(plan, emitter=emitter, forgotten=forgotten)).stage
            for seen in await asyncio.to_thread(lambda: list(follow(self.settings, [stage.topic.name]))):  # noqa: B023 - called at once
                record = Record(seen.key, seen.value, seen.headers, seen.timestamp)
                place = Partition(seen.topic, seen.partition)
                assert await stage.process(Delivery(place, seen.key, seen.offset, record, attempts=1)) is None
        await emitter.aclose()
        await sink.aclose()
        forgotten.close()

    async def forget(self, shopper: str = GONE, **options: bool) -> dict[str, int]:
        steps = await self.forget_in_steps(shopper, **options)
        assert options.get("dry_run") or [step.trouble for step in steps if step.trouble] == []
        return {step.what: step.removed for step in steps}

    async def forget_in_steps(
        self,
        shopper: str,
        *,
        soft: bool = False,
        include_shared: bool = False,
        dry_run: bool = False,
        identity: Identity | None = None,
    ) -> list[ErasureStep]:
        config = make_sink_config(self.settings)
        erasing = replace(config, key=self.settings.klaviyo_erasure_key)
        engine = open_database(config.state_url)
        self.waited: list[float] = []

        async def sleep(seconds: float) -> None:
            self.waited.append(seconds)

        async with open_client(config) as writer, open_client(erasing) as eraser:
            access = KlaviyoAccess(
                writer, None if soft else eraser, config.names.every, include_shared=include_shared, sleep=sleep
            )
            store = make_store(self.settings)
            forgetting = Forgetting(self.settings, engine, store, access, now, dry_run=dry_run)
            steps = [step async for step in forgetting.run(shopper, identity or Identity(external_id=shopper))]
        engine.dispose()
        return steps

    def messages(self) -> list[Seen]:
        names = [topic.name for topic in make_topics(self.settings).all()]
        return list(follow(self.settings, names))

    async def sandbox(self) -> dict:
        return (await self.http.get("/sandbox/state")).json()

    async def remains(self, since: int) -> list[str]:
        """Tell where anything of the shopper is left, topics from their message number `since` on."""
        words = (GONE.encode(), EMAIL.encode())
        found = [path for path in self.folder.rglob("*") if path.is_file()]
        places = {str(path): path.name.encode() + str(path).encode() + path.read_bytes() for path in found}
        places["sandbox"] = json.dumps(await self.sandbox()).encode()
        seen = await asyncio.to_thread(self.messages)
        new = sorted(seen, key=lambda one: one.timestamp)[since:]
        places |= {f"{one.topic}:{one.offset}": (one.key or b"") + (one.value or b"") for one in new}
        return sorted(place for place, content in places.items() if any(word in content for word in words))


@pytest.fixture
async def world(settings, tmp_path) -> AsyncIterator[World]:
    async with httpx.AsyncClient(base_url=settings.klaviyo_url, trust_env=False) as http:
        yield World(settings, http, tmp_path)


async def test_forget_and_a_full_replay_leave_nothing_of_the_shopper_and_all_of_the_others(world):
    await world.upload(GONE, "g1", "g2", identity={"email": EMAIL})
    await world.upload(STAYS, "s1")
    await world.replay()
    profiles = {one["external_id"]: one for one in (await world.sandbox())["profiles"] if one.get("external_id")}
    assert set(profiles) == {STAYS}
    # Queued behind the forgetting: one upload that no stage has come to, one whose text was not tagged yet.
    await world.upload(GONE, "g3", "g4", identity={"email": EMAIL})
    await world.replay("recognize")

    before = len(await asyncio.to_thread(world.messages))
    would = await world.forget(dry_run=True)
    assert (would["style_profiles"], would["written_events"], would["photos"]) == (1, 2, 4)
    assert await world.remains(0)
    done = await world.forget()
    assert done == {"style_profiles": 1, "written_events": 2, "photos": 4, "klaviyo_profiles": 1}
    # Whatever a stage had under way has ended before photos and Klaviyo are turned to.
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

    # Once more, as after a crash between two steps: what is gone is gone, and Klaviyo is asked again.
    assert (await world.forget())["style_profiles"] == 0


async def test_after_forgetting_neither_retag_nor_a_replay_of_letters_nor_of_topics_brings_anything_back(
    world, monkeypatch
):
    await world.upload(GONE, "g1", "g2", identity={"email": EMAIL})
    await world.upload(STAYS, "s1")
    await world.replay()
    # Letters of both, one of them under a key that is not the shopper's.
    for shopper, key in ((GONE, GONE), (GONE, "anything"), (STAYS, STAYS)):
        await world.bury(shopper, key=key)
    assert (await world.forget())["klaviyo_profiles"] == 1
    before = len(await asyncio.to_thread(world.messages))
    world.set_environment(monkeypatch)
    # A lexicon that sees every text differently.
    lexicon = world.folder / "lexicon"
    lexicon.mkdir()
    (lexicon / "material.toml").write_text('[cotton]\nen = "Pure cotton"\n', encoding="utf-8")
    monkeypatch.setenv("HANGTAG_LEXICON", str(lexicon))
    for command in (["retag", "--since", "1d"], ["dlq", "replay"]):
        said = await asyncio.to_thread(CliRunner().invoke, hangtag, command)
        assert said.exit_code == 0, said.output
        assert GONE not in said.output
    await world.replay()
    await world.replay()
    assert len(await asyncio.to_thread(world.messages)) > before
    assert await world.remains(before) == []


async def test_the_soft_way_leaves_the_profile_and_takes_back_what_we_said(world):
    await world.upload(GONE, "g1", identity={"external_id": GONE})
    await world.replay()
    assert (await world.forget(soft=True))["klaviyo_profiles"] == 1
    await world.replay()
    [profile] = (await world.sandbox())["profiles"]
    assert (profile["external_id"], profile["properties"]) == (GONE, {})


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


async def test_the_command_tells_what_was_removed_and_what_is_left_to_do(world, settings, monkeypatch):
    world.set_environment(monkeypatch)
    await world.upload(GONE, "g1")
    # Begun long ago and cut off, so that there is nothing to wait for.
    engine = open_database(settings.state_url.get_secret_value())
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
