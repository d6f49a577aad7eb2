"""A reader of a part of some topics reads no other messages: the tests count messages, not seconds."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer

from schemas.events import DeadLetter
from streams.config.settings import Settings
from streams.kafka import clients
from streams.kafka.embedded.broker import EmbeddedBroker
from streams.kafka.partitioner import partition_of
from streams.kafka.reader import follow
from streams.kafka.within import Within
from streams.operations.dead_letters import letter_at
from streams.runtime.dead_letters import REPLAYED, letter_headers

TOPICS = {"outfit.uploads": 12, "outfit.texts": 6, "outfit.uploads.dlq": 3}
SHOPPERS = 40
EACH = 5
FACTS = DeadLetter(
    topic="outfit.uploads",
    partition=0,
    offset=0,
    stage="recognize",
    exception_class="Never",
    message="gone",
    reason="photo-missing",
    attempts=1,
)


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    with EmbeddedBroker(TOPICS) as broker:
        producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "partitioner": "murmur2_random"})
        for number in range(EACH):
            for shopper in range(SHOPPERS):
                for topic in ("outfit.uploads", "outfit.texts"):
                    producer.produce(topic, str(number), f"s-{shopper}")
        headers = letter_headers([], FACTS)
        for _ in range(4):
            producer.produce("outfit.uploads.dlq", b"x", b"s-1", partition=1, headers=headers)
        producer.produce("outfit.uploads.dlq", b"x", partition=2, headers=headers)
        producer.flush(10)
        mark = [(REPLAYED, b"outfit.uploads.dlq:1:2")]
        producer.produce("outfit.uploads.dlq", None, b"s-1", partition=1, headers=mark)
        producer.produce("outfit.uploads.dlq", None, partition=0, headers=[(REPLAYED, b"outfit.uploads.dlq:2:0")])
        assert producer.flush(10) == 0
        yield Settings(bootstrap_servers=broker.bootstrap_servers)


def test_one_shopper_s_messages_are_read_from_one_partition_of_each_topic(settings):
    seen = list(follow(settings, ["outfit.uploads", "outfit.texts"], within=Within(key="s-7")))
    assert {(one.topic, one.partition) for one in seen} == {
        (topic, partition_of(b"s-7", TOPICS[topic])) for topic in ("outfit.uploads", "outfit.texts")
    }
    assert [one.value for one in seen if one.key == b"s-7" and one.topic == "outfit.uploads"] == [
        str(number).encode() for number in range(EACH)
    ]
    assert len(seen) < 2 * SHOPPERS * EACH / 3


class Counting:
    """A consumer that counts the queries for the edges of partitions."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer, self.queries = consumer, 0

    def get_watermark_offsets(self, *arguments: Any, **options: Any) -> tuple[int, int]:
        self.queries += 1
        edges: tuple[int, int] = self._consumer.get_watermark_offsets(*arguments, **options)
        return edges

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)


@pytest.mark.parametrize("part", [Within(), Within(0.0), Within(starts={}), Within(until=0.0)])
def test_the_edges_of_each_partition_are_queried_once(settings, monkeypatch, part):
    consumers = []

    def counted(*arguments: Any, **options: Any) -> Counting:
        consumers.append(Counting(clients.reader(*arguments, **options)))
        return consumers[-1]

    monkeypatch.setattr("streams.kafka.reader.reader", counted)
    list(follow(settings, ["outfit.uploads"], within=part))
    assert [one.queries for one in consumers] == [TOPICS["outfit.uploads"]]


def test_records_outside_the_window_of_time_are_left_out(settings):
    now = time.time()
    names = ["outfit.uploads"]
    assert len(list(follow(settings, names, within=Within(now - 300, now + 300)))) == SHOPPERS * EACH
    assert list(follow(settings, names, within=Within(now - 600, now - 300))) == []
    assert list(follow(settings, names, within=Within(until=now - 300, key="s-7"))) == []


def test_a_place_is_read_from_there_on(settings):
    partition = partition_of(b"s-7", 12)
    whole = list(follow(settings, ["outfit.uploads"], within=Within(key="s-7")))
    rest = list(follow(settings, ["outfit.uploads"], within=Within(start=(partition, 3))))
    assert [one.offset for one in rest] == [one.offset for one in whole[3:]]
    assert list(follow(settings, ["outfit.uploads"], within=Within(start=(99, 0)))) == []


@pytest.mark.parametrize(
    ("partition", "offset", "replayed"), [(1, 0, False), (1, 2, True), (1, 4, None), (1, 99, None), (2, 0, True)]
)
def test_one_letter_is_read_by_its_place_with_the_mark_of_its_replay(settings, partition, offset, replayed):
    found = letter_at(settings, "outfit.uploads.dlq", partition, offset)
    assert (found and found.replayed) == replayed
    assert found is None or found.place == f"outfit.uploads.dlq:{partition}:{offset}"
