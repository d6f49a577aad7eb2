"""A gateway with the index of uploads: it knows every upload as it starts, and publishes a key once."""

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import Producer
from growing import BAD_PHOTO, DEAD, NAMES, NO_TAGS, grow, shopper_of, upload_of
from sqlalchemy import update

from klaviyo_sink.state import keyed
from klaviyo_sink.state.database import open_database
from klaviyo_sink.state.forgetting import forget
from klaviyo_sink.state.tables import keyed_uploads
from schemas.codec import encode
from schemas.events import Photo, PhotoUploaded
from streams.config.settings import Settings
from streams.gateway import follower as follower_module
from streams.gateway import recorded as recorded_module
from streams.gateway.app import GatewayConfig, create_app
from streams.gateway.follower import Follower
from streams.gateway.memory import Memory
from streams.gateway.recorded import Recorded
from streams.gateway.request import id_of
from streams.index.projector import Projector
from streams.kafka.embedded.broker import EmbeddedBroker
from streams.kafka.reader import follow
from streams.wiring.clock import now
from streams.wiring.kafka import make_emitter
from streams.wiring.photos import make_store
from streams.wiring.uploads import make_uploads

JPEG = b"\xff\xd8\xff\xe0 as far as anyone looks here"
#: Uploads before the index was written, and after.
INDEXED, SINCE, SHOPPERS = 600, 40, 50


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    with EmbeddedBroker({topic.name: 4 for topic in NAMES.all()}) as broker:
        yield Settings(
            bootstrap_servers=broker.bootstrap_servers,
            state_url=f"sqlite:///{tmp_path}/state.db",
            store_url=f"file:{tmp_path}/photos",
            gateway_publish_s=5,
        )


@asynccontextmanager
async def gateway(settings: Settings) -> AsyncIterator[tuple[httpx.AsyncClient, Follower]]:
    """A gateway that has just started, with room in its memory for few uploads."""
    memory, recorded = Memory(keep_s=3600, most=2 * SINCE), Recorded(settings)
    follower = Follower(settings, memory, crash=pytest.fail, recorded=recorded)
    app = create_app(
        GatewayConfig(None, 1000, in_flight=5, streams=5, remember_s=3600, publish_s=5),
        make_uploads(settings, emitter=make_emitter(settings, patience_s=5)),
        memory,
        ready=lambda: follower.caught_up or follower.indexed,
        is_whole=lambda: follower.caught_up,
        beside=nullcontext,
        recorded=recorded,
    )
    follower.start()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway", timeout=60) as client:
        yield client, follower
    await follower.aclose()
    recorded.close()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.01)


def project(settings: Settings) -> None:
    Projector(settings, now=now).run(lambda: True, to_end=True)


def facts(status: dict[str, Any]) -> tuple[str, bool, bool, bool, int]:
    return (
        status["step"],
        status["final"],
        status["feedback"] is not None,
        status["failure"] is not None,
        len(status["tags"]),
    )


EXPECTED = {
    BAD_PHOTO: ("uploaded", True, True, False, 0),
    NO_TAGS: ("recognized", False, False, False, 0),
    DEAD: ("uploaded", True, False, True, 0),
}


async def test_after_a_restart_every_status_is_right_and_only_the_newest_messages_are_read(settings, monkeypatch):
    grow(settings.bootstrap_servers, INDEXED, shoppers=SHOPPERS)
    await asyncio.to_thread(project, settings)
    grow(settings.bootstrap_servers, SINCE, shoppers=SHOPPERS, first=INDEXED)
    read = []

    def counted(*arguments: Any, **options: Any) -> Iterator[Any]:
        for seen in follow(*arguments, **options):
            read.append(seen.place)
            yield seen

    monkeypatch.setattr(follower_module, "follow", counted)
    async with gateway(settings) as (client, follower):
        await until(lambda: follower.indexed)
        assert (await client.get("/readyz")).status_code == 200
        # Those that the index has, at once.
        for number in range(INDEXED):
            status = (await client.get(f"/uploads/{upload_of(number)}")).json()
            assert facts(status) == EXPECTED.get(number % 20, ("synced", True, False, False, 3)), number
        await until(lambda: follower.caught_up)
        for number in range(INDEXED, INDEXED + SINCE):
            status = (await client.get(f"/uploads/{upload_of(number)}")).json()
            assert facts(status) == EXPECTED.get(number % 20, ("synced", True, False, False, 3)), number
        unknown = await client.get("/uploads/no-such-upload")
        assert (unknown.status_code, "7 days" in unknown.text) == (404, True)
    assert len(read) < 5 * SINCE


async def test_a_message_that_comes_later_finds_the_rest_of_its_upload_in_the_index(settings):
    grow(settings.bootstrap_servers, 20, shoppers=SHOPPERS)
    await asyncio.to_thread(project, settings)
    async with gateway(settings) as (client, follower):
        await until(lambda: follower.caught_up)
        # The whole chain once more: the status must not start again.
        grow(settings.bootstrap_servers, 1, shoppers=SHOPPERS, first=3)
        await until(lambda: follower._memory.get(upload_of(3)) is not None)
        assert facts((await client.get(f"/uploads/{upload_of(3)}")).json()) == ("synced", True, False, False, 3)


async def test_the_gateway_returns_nothing_about_a_forgotten_shopper(settings):
    grow(settings.bootstrap_servers, 20, shoppers=SHOPPERS)
    await asyncio.to_thread(project, settings)
    engine = open_database(settings.state_url.get_secret_value())
    forget(engine, shopper_of(3, SHOPPERS), at=now())
    engine.dispose()
    async with gateway(settings) as (client, follower):
        await until(lambda: follower.caught_up)
        assert (await client.get(f"/uploads/{upload_of(3)}")).status_code == 404
        assert (await client.get(f"/uploads/{upload_of(4)}")).status_code == 200


def form(photo: bytes = JPEG, key: str = "k1") -> dict[str, Any]:
    return {"files": {"photo": photo}, "data": {"shopper_id": "anna"}, "headers": {"Idempotency-Key": key}}


def published(settings: Settings) -> int:
    return sum(1 for _ in follow(settings, [NAMES.uploads.name]))


@pytest.mark.parametrize("indexed", [True, False])
async def test_all_gateways_publish_a_key_once_also_after_its_photo_is_deleted_and_after_restarts(
    settings, tmp_path, indexed
):
    if indexed:
        await asyncio.to_thread(project, settings)
    async with gateway(settings) as (one, first), gateway(settings) as (other, second):
        await until(lambda: first.caught_up and second.caught_up)
        answers = await asyncio.gather(one.post("/uploads", **form()), other.post("/uploads", **form()))
        assert [answer.status_code for answer in answers] == [202, 202]
    # As after `HANGTAG_PHOTO_DELETE_AFTER_READ`: the store does not know the key any more.
    shutil.rmtree(tmp_path / "photos")
    async with gateway(settings) as (client, follower):
        await until(lambda: follower.caught_up or follower.indexed)
        again = await client.post("/uploads", **form())
        assert again.status_code == 202
        assert again.json()["upload_id"] == answers[0].json()["upload_id"]
        refused = await client.post("/uploads", **form(JPEG + b"another"))
        assert (refused.status_code, refused.json()["type"]) == (422, "urn:hangtag:problem:key-reused")
    assert published(settings) == 1


async def test_an_upload_of_a_gateway_that_died_before_recording_it_is_found_in_the_topic(settings, tmp_path):
    async with gateway(settings) as (client, follower):
        await until(lambda: follower.caught_up)
        assert (await client.post("/uploads", **form())).status_code == 202
    engine = open_database(settings.state_url.get_secret_value())
    with engine.begin() as connection:
        # As if the process had been killed at that moment, and long ago.
        connection.execute(update(keyed_uploads).values(published=0, tried_at=now() - timedelta(minutes=5)))
    engine.dispose()
    shutil.rmtree(tmp_path / "photos")
    async with gateway(settings) as (client, follower):
        await until(lambda: follower.caught_up)
        follower._memory.drop([(await client.post("/uploads", **form())).json()["upload_id"]])
        assert (await client.post("/uploads", **form())).status_code == 202
    assert published(settings) == 1


def stored_photo(settings: Settings) -> PhotoUploaded:
    """Store the photo of `form` as an earlier try would; return its event."""
    upload_id = id_of("anna", "k1")
    stored = asyncio.run(make_store(settings).put(shopper_id="anna", upload_id=upload_id, suffix=".img", photo=JPEG))
    return PhotoUploaded(upload_id=upload_id, shopper_id="anna", uploaded_at=now(), photo=Photo(uri=str(stored)))


async def test_an_upload_from_before_keys_were_recorded_is_not_published_again(settings):
    value, headers = encode(await asyncio.to_thread(stored_photo, settings), source="test")
    producer = Producer({"bootstrap.servers": settings.bootstrap_servers, "partitioner": "murmur2_random"})
    an_hour_ago = now() - timedelta(hours=1)
    producer.produce(NAMES.uploads.name, value, b"anna", headers=headers, timestamp=int(an_hour_ago.timestamp() * 1000))
    assert producer.flush(10) == 0
    # The gateway's memory does not reach back so far.
    async with gateway(settings.model_copy(update={"gateway_remember_s": 60})) as (client, follower):
        await until(lambda: follower.caught_up)
        assert (await client.post("/uploads", **form())).status_code == 202
    assert published(settings) == 1


async def test_a_try_reads_the_topic_once(settings, monkeypatch):
    event = await asyncio.to_thread(stored_photo, settings)
    engine = open_database(settings.state_url.get_secret_value())
    sha256 = hashlib.sha256(JPEG).hexdigest()
    key = {"upload_id": event.upload_id, "shopper_id": "anna", "sha256": sha256, "patience": timedelta()}
    # An earlier try stored the photo and ended before it published.
    keyed.begin(engine, at=now() - timedelta(minutes=5), **key)
    engine.dispose()
    reads = []

    def counted(*arguments: Any, **options: Any) -> Iterator[Any]:
        reads.append(arguments)
        return follow(*arguments, **options)

    monkeypatch.setattr(recorded_module, "follow", counted)
    async with gateway(settings) as (client, follower):
        await until(lambda: follower.caught_up)
        assert (await client.post("/uploads", **form())).status_code == 202
    assert (published(settings), len(reads)) == (1, 1)


async def test_without_its_database_a_gateway_takes_no_key_that_it_cannot_promise(settings, tmp_path):
    away = settings.model_copy(update={"state_url": type(settings.state_url)(f"sqlite:///{tmp_path}")})
    async with gateway(away) as (client, follower):
        await until(lambda: follower.caught_up)
        refused = await client.post("/uploads", **form())
        assert (refused.status_code, refused.json()["type"]) == (503, "urn:hangtag:problem:state-away")
        assert int(refused.headers["retry-after"]) >= 1
        # It cannot know whether the index has it.
        unknown = await client.get("/uploads/no-such-upload")
        assert (unknown.status_code, unknown.json()["type"]) == (503, "urn:hangtag:problem:state-away")
        # Without a key there is nothing to promise.
        assert (await client.post("/uploads", **form() | {"headers": {}})).status_code == 202
    assert published(settings) == 1
