"""`hangtag doctor` with one fault in Kafka: it reports this fault and no other."""

import time

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from doctor_world import complaints

from schemas.topics import topics
from streams.kafka.embedded.broker import EmbeddedBroker
from streams.operations.checks.kafka import judge_brokers


@pytest.mark.parametrize("fault", ["nobody there", "packets dropped"])
async def test_fault_1_no_broker(settings, unused_port, silent_port, fault):
    port = unused_port if fault == "nobody there" else silent_port
    found = await complaints(
        settings.model_copy(update={"bootstrap_servers": f"127.0.0.1:{port}"}), None, "broker", "topics", "lag", "files"
    )
    assert {name: line.status for name, line in found.items()} == dict.fromkeys(("broker", "topics", "lag"), "fail")
    assert "HANGTAG_BOOTSTRAP_SERVERS" in found["broker"].advice


@pytest.mark.parametrize(
    ("versions", "status", "word"),
    [
        ({"kafka-1:9092": "4.3", "kafka-2:9092": None}, "ok", "2 brokers"),
        ({"kafka-1:9092": "4.3", "kafka-2:9092": "before 3.9"}, "warn", "before 3.9"),
        ({"kafka-1:9092": "4.3", "inside:9092": OSError()}, "fail", "inside:9092"),
    ],
)
def test_fault_1_a_broker_too_old_or_not_where_the_cluster_says(versions, status, word):
    judged = judge_brokers(versions)
    assert (judged.status, word in judged.finding) == (status, True)


async def test_fault_2_a_topic_that_is_missing(settings):
    found = await complaints(settings.model_copy(update={"topic_prefix": "unmade"}), None, "topics", "broker")
    assert {name: line.status for name, line in found.items()} == {"topics": "fail"}
    assert "unmade.uploads" in found["topics"].finding
    assert "hangtag topics apply" in found["topics"].advice


async def test_fault_2_a_topic_with_too_few_partitions(settings, around):
    names = topics("few").all()
    for topic in names:
        around.kafka.create_topic(topic.name, 1 if topic.name == "few.tags" else topic.partitions)
    found = await complaints(settings.model_copy(update={"topic_prefix": "few"}))
    assert found.keys() == {"topics"}
    assert "few.tags: 1 partitions, 12 designed" in found["topics"].finding


async def test_fault_3_records_that_wait_too_long(settings, around):
    late = settings.model_copy(update={"group_prefix": "late"})
    producer = Producer({"bootstrap.servers": late.bootstrap_servers})
    for _ in range(3):
        producer.produce("outfit.texts", b"x", partition=2, timestamp=int((time.time() - 3600) * 1000))
    producer.flush(10)
    # The tests that follow look as the other group, which is not late.
    for group, committed in (("late.tag", 1), ("hangtag.tag", 3)):
        consumer = Consumer({"bootstrap.servers": late.bootstrap_servers, "group.id": group})
        consumer.commit(offsets=[TopicPartition("outfit.texts", 2, committed)], asynchronous=False)
        consumer.close()
    found = await complaints(late)
    assert found.keys() == {"lag"}
    assert found["lag"].name == "lag late.tag"
    assert "2 ahead, the oldest for 360" in found["lag"].finding


async def test_fault_3_a_producer_with_a_partitioner_of_its_own(settings):
    prefix = "mixed"
    with EmbeddedBroker({f"{prefix}.uploads": 12}) as kafka:
        there = settings.model_copy(update={"bootstrap_servers": kafka.bootstrap_servers, "topic_prefix": prefix})
        producers = [
            Producer({"bootstrap.servers": there.bootstrap_servers, "partitioner": name})
            for name in ("murmur2_random", "consistent_random")
        ]
        producers[0].produce(f"{prefix}.uploads", b"x", "s-0")
        producers[0].flush(10)
        assert await complaints(there, None, "partitioner") == {}
        for producer in producers:
            for number in range(40):
                producer.produce(f"{prefix}.uploads", b"x", f"s-{number}")
            producer.flush(10)
        found = await complaints(there, None, "partitioner")
    assert found["partitioner"].status == "warn"
    assert "librdkafka's default" in found["partitioner"].finding
    assert "partitioner=murmur2_random" in found["partitioner"].advice
