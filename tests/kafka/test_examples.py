"""The programs of examples/ publish to and read from a real Kafka, each where its language is installed."""

import asyncio
import json
import signal
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from example_programs import LANGUAGES, command, missing

from schemas.codec import decode
from schemas.emitter import Emitter
from schemas.events import PhotoUploaded
from schemas.framing import frame
from streams.kafka.partitioner import partition_of

ROOT = Path(__file__).parents[2]


def messages() -> list[tuple[bytes, list[tuple[str, bytes]]]]:
    """A real event with fields of the future, one of a later version, a correction without tags, and a framed event."""
    real = json.loads((ROOT / "schemas" / "examples" / "hangtag.outfit-tagged.v1.json").read_text())
    event, headers = real["value"], real["headers"]
    from_the_future = event | {"mood": {"id": "sunny"}}
    other_version = {"schema_version": 2, "upload": {"id": "u2"}}
    correction = event | {"upload_id": "u3", "tags": [], "backfill": True}
    known, later = headers["ce_type"], "hangtag.outfit-tagged.v2"
    kinds = [(b"", known, from_the_future), (b"", later, other_version), (b"", known, correction)]
    kinds.append((frame(7), known, event | {"upload_id": "u4"}))
    return [
        (
            start + json.dumps(value).encode(),
            [(name, text.encode()) for name, text in (headers | {"ce_type": kind}).items()],
        )
        for start, kind, value in kinds
    ]


def expected() -> list[str]:
    event = json.loads(messages()[0][0])
    tags = " ".join(tag["id"] for tag in event["tags"])
    shopper = event["shopper_id"]
    return [f"{shopper} {event['upload_id']}: {tags}", f"{shopper} u3 (backfill):", f"{shopper} u4: {tags}"]


@pytest.fixture(scope="module")
def topic(kafka: str) -> Iterator[str]:
    name, admin = f"test-{uuid.uuid4().hex[:12]}.tags", AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic(name, 1)], operation_timeout=30)[name].result()

    async def publish() -> None:
        emitter = Emitter({"bootstrap.servers": kafka})
        for value, headers in messages():
            assert await emitter.send(name, key=b"shopper-1", value=value, headers=headers) is None
        await emitter.aclose()

    asyncio.run(publish())
    yield name
    admin.delete_topics([name])[name].result()


@pytest.fixture(scope="module")
def subscribers(kafka: str, topic: str) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Start all at once: most of their time they wait for one another's start and for Kafka."""
    started = {
        language: subprocess.Popen(
            [*command(language, "tags"), kafka, topic, language], stdout=subprocess.PIPE, text=True
        )
        for language in LANGUAGES
        if missing(language, "tags") is None
    }
    yield started
    for process in started.values():
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_subscriber_reads_known_events_and_commits_what_it_handled(language, kafka, topic, subscribers):
    if trouble := missing(language, "tags"):
        pytest.skip(f"the subscriber in {language} was not run: {trouble}")
    process = subscribers[language]
    assert [process.stdout.readline().rstrip() for _ in expected()] == expected()
    process.send_signal(signal.SIGTERM)
    # The JVM says by its exit code that a signal ended it, in order as it was.
    assert process.wait(30) in {0, 128 + signal.SIGTERM}
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": language})
    (committed,) = consumer.committed([TopicPartition(topic, 0)], timeout=10)
    consumer.close()
    assert committed.offset == len(messages())


@pytest.fixture(scope="module")
def published(kafka: str) -> Iterator[tuple[str, dict[str, subprocess.CompletedProcess[str]]]]:
    """Publish one upload of the same shopper in each language, to a topic with three partitions."""
    name, admin = f"test-{uuid.uuid4().hex[:12]}.uploads", AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic(name, 3)], operation_timeout=30)[name].result()
    done = {
        language: subprocess.run(
            [*command(language, "publish_upload"), kafka, name, "shopper-1", f"u-{language}", "s3://photos/u.jpg"],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        for language in LANGUAGES
        if missing(language, "publish_upload") is None
    }
    yield name, done
    admin.delete_topics([name])[name].result()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_producer_publishes_an_upload_to_the_shoppers_partition(language, kafka, published):
    if trouble := missing(language, "publish_upload"):
        pytest.skip(f"the producer in {language} was not run: {trouble}")
    topic, done = published
    assert done[language].returncode == 0, done[language].stderr
    partition, offset = map(int, done[language].stdout.split())
    assert partition == partition_of(b"shopper-1", 3)
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "reader"})
    consumer.assign([TopicPartition(topic, partition, offset)])
    record = consumer.consume(1, timeout=30)[0]
    consumer.close()
    event = decode(PhotoUploaded, record.value())
    assert record.key() == b"shopper-1"
    assert (event.upload_id, event.shopper_id, event.photo.uri) == (f"u-{language}", "shopper-1", "s3://photos/u.jpg")
