"""Programs that join a stage's consumer group on a real Kafka are named; the stage's own processes are not."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from confluent_kafka import Consumer, TopicPartition
from traffic import publish, stage, uploads

from streams.config.settings import Settings
from streams.lag.reader import LagReader
from streams.operations.doctor import examine
from streams.wiring.kafka import make_topics


@contextmanager
def member(settings: Settings, topic: str, **config: str) -> Iterator[None]:
    """Join the recognize stage's group as another program would, and read a topic there."""
    group = f"{settings.group_prefix}.recognize"
    consumer = Consumer({"bootstrap.servers": settings.bootstrap_servers, "group.id": group} | config)
    joined: list[object] = []
    consumer.subscribe([topic], on_assign=lambda _consumer, partitions: joined.append(partitions))
    deadline = time.monotonic() + 60
    while not joined:
        assert time.monotonic() < deadline
        consumer.poll(0.2)
    yield
    consumer.close()


def strangers(settings: Settings) -> tuple[str, ...]:
    with LagReader(settings) as reader:
        return reader.look().strangers[f"{settings.group_prefix}.recognize"]


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
async def test_another_program_is_named_with_either_protocol(settings, protocol):
    with member(settings, make_topics(settings).uploads.name, **{"group.protocol": protocol}):
        (sentence,) = strangers(settings)
        assert sentence.startswith("rdkafka at 127.0.0.1 is in the group")
        lines = [line async for line in examine(settings, only=("lag",))]
    named = [line for line in lines if line.name == f"lag {settings.group_prefix}.recognize" and line.status == "fail"]
    assert ["rdkafka at 127.0.0.1" in line.finding for line in named] == [True]
    assert "set another group.id" in named[0].advice


def test_a_second_installation_with_the_same_group_prefix_is_named_by_its_topic(settings):
    topics = make_topics(settings)
    with member(settings, topics.texts.name, **{"client.id": "hangtag-recognize@elsewhere"}):
        (sentence,) = strangers(settings)
    assert f"hangtag-recognize@elsewhere at 127.0.0.1 reads {topics.texts.name}" in sentence


def test_a_foreign_commit_is_reported_after_the_program_left(settings):
    topic = make_topics(settings).uploads.name
    group = f"{settings.group_prefix}.recognize"
    consumer = Consumer({"bootstrap.servers": settings.bootstrap_servers, "group.id": group})
    consumer.commit(offsets=[TopicPartition(topic, 1, 0)], asynchronous=False)
    consumer.close()
    (sentence,) = strangers(settings)
    assert f"an older version of Hangtag committed for the group {group}" in sentence


async def test_a_stage_is_no_stranger_to_itself(settings, tmp_path):
    await publish(settings, uploads(20))
    with stage(settings, tmp_path), LagReader(settings) as reader:
        deadline = time.monotonic() + 60
        while not (seen := reader.look()).members[f"{settings.group_prefix}.recognize"]:
            assert time.monotonic() < deadline
        assert seen.strangers[f"{settings.group_prefix}.recognize"] == ()
