"""`hangtag topics` on a real Kafka and on the embedded broker."""

import json
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from schemas.topics import topics
from streams.config.settings import Settings, child_environment
from streams.kafka.topics import create_missing


def hangtag(*arguments: str, **settings: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "streams", *arguments],
        env=child_environment(**settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_topics_are_created_once_and_differences_are_reported(kafka):
    prefix = f"apply-{uuid.uuid4().hex[:8]}"
    settings = {"bootstrap_servers": kafka, "topic_prefix": prefix}
    admin = AdminClient({"bootstrap.servers": kafka})
    tags = topics(prefix).tags.name
    try:
        admin.create_topics([NewTopic(tags, 2, config={"retention.ms": "1000"})], operation_timeout=30)[tags].result()
        first = hangtag("topics", "apply", **settings)
        assert first.stdout.count("created ") == len(topics(prefix).all()) - 1
        assert first.returncode == 1, "the topic that was there before differs"
        listed = hangtag("topics", "list", "--json", **settings)
        found = {one["name"]: one for one in map(json.loads, listed.stdout.splitlines())}
        assert found[topics(prefix).uploads.name]["drift"] == []
        assert any("2 partitions, 12 designed" in drift for drift in found[tags]["drift"])
        assert any("retention.ms is 1000, 604800000 designed" in drift for drift in found[tags]["drift"])
        assert "message.timestamp.type is CreateTime, LogAppendTime designed" in found[tags]["drift"]
        assert found[tags]["partitions"] == 2
        again = hangtag("topics", "apply", **settings)
        assert "every topic exists already" in again.stdout
    finally:
        admin.delete_topics([topic.name for topic in topics(prefix).all()])


@pytest.mark.parametrize("days", [-8, 8], ids=["late", "ahead"])
def test_a_producer_whose_clock_is_wrong_does_not_decide_how_long_a_record_is_kept(kafka, days):
    prefix = f"clock-{uuid.uuid4().hex[:8]}"
    settings = Settings(bootstrap_servers=kafka, topic_prefix=prefix)
    create_missing(settings)
    uploads = topics(prefix).uploads.name
    try:
        before = time.time()
        producer = Producer({"bootstrap.servers": kafka})
        reports: list[Message] = []
        stamp = int((before + days * 86_400) * 1000)
        producer.produce(
            uploads, b"x", key=b"s-1", timestamp=stamp, on_delivery=lambda _error, sent: reports.append(sent)
        )
        assert producer.flush(30) == 0
        kind, written_ms = reports[0].timestamp()
        assert kind == TIMESTAMP_LOG_APPEND_TIME
        assert before - 1 <= written_ms / 1000 <= time.time() + 1
    finally:
        AdminClient({"bootstrap.servers": kafka}).delete_topics([topic.name for topic in topics(prefix).all()])


def test_without_a_broker_it_says_what_to_do():
    with ThreadPoolExecutor() as threads:
        outcomes = threads.map(
            lambda command: hangtag("topics", command, bootstrap_servers="127.0.0.1:1"), ("list", "apply")
        )
    for said in outcomes:
        assert said.returncode == 1
        assert "no Kafka at 127.0.0.1:1. Start it, or set HANGTAG_BOOTSTRAP_SERVERS" in said.stderr
        assert "Traceback" not in said.stderr


def test_the_embedded_broker_is_refused_politely():
    broker = subprocess.Popen(
        [sys.executable, "-m", "streams", "broker", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    assert broker.stdout is not None
    try:
        address = broker.stdout.readline().split()[-1]
        listed = hangtag("topics", "list", bootstrap_servers=address)
        assert "4 partitions, 12 designed" in " ".join(listed.stdout.split())
        refused = hangtag("topics", "apply", bootstrap_servers=address, topic_prefix="another")
        assert refused.returncode == 1
        assert "hangtag broker --partitions" in refused.stderr
    finally:
        broker.terminate()
        broker.wait(10)
        broker.stdout.close()
