"""The subscribers of docs/subscribing.md read real events from a real Kafka, each where its language is there."""

import asyncio
import json
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import npm
import pytest
from cluster import libraries
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from schemas.emitter import Emitter
from schemas.framing import frame

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples" / "subscribers"
LANGUAGES = ("python", "node", "java")


def missing(language: str) -> str | None:
    """Say what a language needs here, or None."""
    if language == "node":
        return npm.missing(SAMPLES)
    if language == "java" and not shutil.which("javac"):
        return "install a Java development kit (apt-get install default-jdk-headless)"
    return None


def command(language: str) -> list[str]:
    if language == "python":
        return [sys.executable, str(SAMPLES / "tags.py")]
    if language == "node":
        return ["node", str(SAMPLES / "tags.mjs")]
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"
    return ["java", "-XX:TieredStopAtLevel=1", quiet, "-cp", f"{libraries()}/*", str(SAMPLES / "Tags.java")]


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
        language: subprocess.Popen([*command(language), kafka, topic, language], stdout=subprocess.PIPE, text=True)
        for language in LANGUAGES
        if missing(language) is None
    }
    yield started
    for process in started.values():
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_subscriber_reads_what_it_knows_and_commits_what_it_read(language, kafka, topic, subscribers):
    if trouble := missing(language):
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
