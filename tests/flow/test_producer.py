"""The producer stores the photo before it publishes, and returns every failure as a value; on the embedded broker."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from schemas.codec import decode
from schemas.emitter import Emitter
from schemas.events import Identity, PhotoUploaded
from schemas.outcomes import Later, Misconfigured, Never
from schemas.producer import BlockingUploadProducer, Published, Upload, UploadProducer
from streams.config.settings import child_environment
from streams.kafka.embedded.broker import EmbeddedBroker
from streams.photos.store import PhotoStore

TOPIC = "outfit.uploads"


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({TOPIC: 3}) as running:
        yield running


@pytest.fixture
def store(tmp_path) -> PhotoStore:
    return PhotoStore(f"file:{tmp_path / 'photos'}", max_bytes=1000)


def emitter(broker: EmbeddedBroker, **config: float) -> Emitter:
    return Emitter({"bootstrap.servers": broker.bootstrap_servers, "log_level": 0} | config)


@pytest.fixture
def producer(broker, store) -> UploadProducer:
    return UploadProducer(emitter(broker), store)


def stored(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "photos").rglob("*") if path.is_file()]


def read(broker: EmbeddedBroker, published: Published) -> tuple[PhotoUploaded, dict[str, bytes], bytes]:
    """Read the event at the place of the delivery report."""
    consumer = Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": "test", "log_level": 0})
    consumer.assign([TopicPartition(published.topic, published.partition, published.offset)])
    message = consumer.poll(10)
    consumer.close()
    return decode(PhotoUploaded, message.value()), dict(message.headers()), message.key()


async def test_the_report_has_the_place_of_the_event_and_the_event_the_address_of_the_photo(producer, broker, store):
    upload = Upload(photo=b"photo", name="Dress.JPG", shopper_id="店 42", locale="zh-CN", content_type="image/jpeg")
    async with producer:
        answer = await producer.publish(upload)
    assert isinstance(answer, Published)
    event, headers, key = await asyncio.to_thread(read, broker, answer)
    assert (event.upload_id, event.uploaded_at, event.locale) == (upload.upload_id, upload.uploaded_at, "zh-CN")
    assert event.identity == Identity(external_id="店 42")
    assert key.decode() == "店 42"
    assert headers["ce_id"].decode() == upload.upload_id
    assert event.photo.uri == answer.uri
    assert answer.uri.endswith(".jpg")
    assert await store.get(event.photo.uri) == b"photo"


async def test_the_same_upload_tried_again_is_the_same_upload(producer, tmp_path):
    upload = Upload(photo=b"photo", name="a.jpg", shopper_id="s")
    async with producer:
        first, second = [await producer.publish(upload) for _ in range(2)]
    assert (first.upload_id, first.uri) == (second.upload_id, second.uri)
    assert len(stored(tmp_path)) == 1


async def test_nothing_is_published_for_a_photo_that_could_not_be_stored(broker):
    class Refusing:
        async def put(self, **_: object) -> Misconfigured:
            return Misconfigured("store-refused", "no")

    class Untouched(Emitter):
        async def deliver(self, *_: object, **__: object):
            raise AssertionError("published an event that points at nothing")

    producer = UploadProducer(Untouched({"bootstrap.servers": broker.bootstrap_servers}), Refusing())
    assert await producer.publish(Upload(photo=b"p", shopper_id="s")) == Misconfigured("store-refused", "no")


@pytest.mark.parametrize(
    ("upload", "reason", "named"),
    [
        (Upload(photo=b"p", shopper_id=""), "invalid-upload", "shopper_id"),
        (Upload(photo=b"p", shopper_id="a\nb"), "invalid-upload", "shopper_id"),
        (Upload(photo=b"p", shopper_id="x" * 256), "invalid-upload", "shopper_id"),
        (Upload(photo=b"p", shopper_id="s", upload_id="x" * 129), "invalid-upload", "upload_id"),
        (Upload(photo=b"p", shopper_id="s", identity={"email": "planted"}), "invalid-upload", "identity.email"),
        (Upload(photo=b"p", shopper_id="s", identity={}), "invalid-upload", "identity"),
        (Upload(photo=Path("/nowhere/a.jpg"), shopper_id="s"), "unreadable-photo", "No such file"),
        (Upload(photo=Path("/"), shopper_id="s"), "unreadable-photo", "directory"),
    ],
    ids=["no id", "line break", "long id", "long upload id", "e-mail", "no identity", "missing", "folder"],
)
async def test_an_invalid_upload_is_refused_before_anything_is_stored(producer, tmp_path, upload, reason, named):
    answer = await producer.publish(upload)
    assert isinstance(answer, Never)
    assert answer.reason == reason
    assert named in answer.message
    assert "planted" not in answer.message
    assert stored(tmp_path) == []


async def test_a_message_kafka_finds_too_large_is_refused_for_good(producer, broker):
    broker.errors("Produce", "MSG_SIZE_TOO_LARGE")
    answer = await producer.publish(Upload(photo=b"p", shopper_id="s"))
    assert isinstance(answer, Never)
    assert (answer.reason, "MSG_SIZE_TOO_LARGE" in answer.message) == ("refused-by-kafka", True)


async def test_a_broker_that_is_away_is_worth_another_try_which_then_succeeds(broker, store):
    impatient = emitter(broker, **{"delivery.timeout.ms": 600, "request.timeout.ms": 500})
    async with UploadProducer(impatient, store) as producer:
        upload = Upload(photo=b"p", shopper_id="s")
        assert isinstance(await producer.publish(upload), Published)
        broker.down()
        away = await producer.publish(upload)
        assert isinstance(away, Later)
        assert away.reason == "undelivered"
        broker.up()
        async with asyncio.timeout(20):
            while not isinstance(await producer.publish(upload), Published):
                pass


async def test_a_store_that_cannot_be_written_is_worth_another_try(broker, tmp_path):
    store = PhotoStore(f"file:{tmp_path / 'photos'}", max_bytes=1000)
    (tmp_path / "photos" / "uploads").write_text("a file where the folder should be")
    answer = await UploadProducer(emitter(broker), store).publish(Upload(photo=b"p", shopper_id="s"))
    assert isinstance(answer, Later)
    assert answer.reason == "store-unreachable"


def test_code_without_an_event_loop_publishes_from_several_threads_at_once(producer):
    with BlockingUploadProducer(producer) as blocking, ThreadPoolExecutor(4) as threads:
        uploads = [Upload(photo=b"p", shopper_id=f"s{at}") for at in range(20)]
        answers = list(threads.map(blocking.publish, uploads))
        assert isinstance(blocking.publish(Upload(photo=b"p", shopper_id="")), Never)
    assert [one.upload_id for one in answers] == [one.upload_id for one in uploads]
    assert len({(one.partition, one.offset) for one in answers}) == 20
    blocking.close()


def hangtag_upload(broker: EmbeddedBroker, tmp_path: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = child_environment(bootstrap_servers=broker.bootstrap_servers, store_url=f"file:{tmp_path / 'photos'}")
    command = [sys.executable, "-m", "streams", "upload", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


class SlowPhotos:
    """A slow store that records when it was called."""

    def __init__(self, takes_s: float) -> None:
        self._takes_s, self.asked = takes_s, threading.Event()

    async def put(self, **_upload: object) -> str:
        self.asked.set()
        await asyncio.sleep(self._takes_s)
        return "file:///photo.jpg"


def test_closing_waits_for_a_photo_that_is_being_stored(broker):
    photos, upload = SlowPhotos(0.5), Upload(photo=b"photo", shopper_id="s")
    producer = BlockingUploadProducer(UploadProducer(emitter(broker), photos))
    with ThreadPoolExecutor(1) as threads:
        publishing = threads.submit(producer.publish, upload)
        assert photos.asked.wait(10)
        producer.close()
        assert isinstance(publishing.result(10), Published)
    closed = producer.publish(upload)
    assert isinstance(closed, Later)
    assert closed.reason == "closed"


async def test_an_upload_that_closing_interrupts_can_be_retried(broker, monkeypatch):
    monkeypatch.setattr("schemas.producer._GOODBYE_S", 0.2)
    photos = SlowPhotos(600)
    producer = UploadProducer(emitter(broker), photos)
    publishing = asyncio.create_task(producer.publish(Upload(photo=b"photo", shopper_id="s")))
    await asyncio.to_thread(photos.asked.wait, 10)
    await producer.aclose()
    answer = await asyncio.wait_for(publishing, 10)
    assert isinstance(answer, Later)


async def test_closing_an_emitter_ends_every_wait():
    away = Emitter({"bootstrap.servers": "127.0.0.1:1", "log_level": 0, "delivery.timeout.ms": 500})
    waiting = asyncio.create_task(away.deliver(TOPIC, key=b"k", value=b"v", headers=[]))
    await asyncio.sleep(0)
    await away.aclose(limit_s=0.1)
    assert isinstance(await asyncio.wait_for(waiting, 10), Later)
    assert isinstance(await asyncio.wait_for(away.deliver(TOPIC, key=b"k", value=b"v", headers=[]), 10), Later)


def test_the_command_reports_each_photo_and_fails_if_one_was_not_published(broker, tmp_path):
    photo = tmp_path / "裙子.jpg"
    photo.write_bytes(b"photo")
    said = hangtag_upload(broker, tmp_path, photo, "--shopper", "s-42", "--json")
    assert said.returncode == 0, said.stderr
    published = json.loads(said.stdout)
    assert published.keys() == {"photo", "upload_id", "uri", "topic", "partition", "offset"}
    assert (published["photo"], published["topic"]) == ("裙子.jpg", TOPIC)
    said = hangtag_upload(broker, tmp_path, photo, "--shopper", "", "--json")
    assert said.returncode == 1
    refused = json.loads(said.stdout)
    assert (refused["photo"], refused["error"]) == ("裙子.jpg", "invalid-upload")
    assert "shopper_id" in said.stderr
    assert "Traceback" not in said.stderr
