"""Which partitioner chose the partitions of records, tested with producers that really use each one."""

import random

import pytest
from confluent_kafka import Producer
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.embedded.broker import EmbeddedBroker
from streams.kafka.partitioner import PartitionerSample, Placement, misplaced, partition_of

TOPIC, PARTITIONS = "uploads", 12
KEYS = [f"shop-{number}".encode() for number in range(60)]


@pytest.fixture(scope="module")
def broker():
    with EmbeddedBroker({TOPIC: PARTITIONS}) as started:
        yield started


def produced(broker: EmbeddedBroker, partitioner: str, keys: list[bytes | None]) -> list[Placement]:
    """Publish with librdkafka and one of its partitioners; return the partitions of the records."""
    placed: list[Placement] = []
    producer = Producer(
        {
            "bootstrap.servers": broker.bootstrap_servers,
            "partitioner": partitioner,
            "sticky.partitioning.linger.ms": 0,
        }
    )
    for key in keys:
        producer.produce(
            TOPIC, b"x", key, on_delivery=lambda _error, sent, key=key: placed.append(Placement(key, sent.partition()))
        )
    assert producer.flush(30) == 0
    return placed


def test_partitions_of_keys_equal_those_of_the_java_client_and_our_producer(broker):
    assert misplaced(produced(broker, "murmur2_random", KEYS), PARTITIONS) is None


# Published in Kafka's own UtilsTest.testMurmur2.
@pytest.mark.parametrize(
    ("key", "hashed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_a_key_s_partition_is_that_of_kafka_s_own_test_vectors(key, hashed):
    assert partition_of(key, 1 << 31) == hashed & 0x7FFF_FFFF


@pytest.mark.parametrize(
    ("partitioner", "word"), [("consistent_random", "librdkafka's default"), ("fnv1a_random", "sarama's default")]
)
def test_a_foreign_partitioner_is_named_even_among_records_of_ours(broker, partitioner, word):
    mixed = produced(broker, "murmur2_random", KEYS) + produced(broker, partitioner, KEYS)
    found = misplaced(mixed, PARTITIONS)
    assert found is not None
    assert word in found.cause
    assert found.sampled == 120
    assert 40 < found.count <= 60
    assert "docs/producers.md" in found.advice


def test_records_without_a_key_are_reported_as_such(broker):
    found = misplaced(produced(broker, "consistent_random", [None] * 20), PARTITIONS)
    assert found is not None
    assert "no key" in found.cause
    assert found.count == 20


def test_a_random_partitioner_is_recognized_as_random(broker):
    found = misplaced(produced(broker, "random", KEYS), PARTITIONS)
    assert found is not None
    assert "no known hash of the key" in found.cause


@given(st.integers(1, PARTITIONS - 1))
def test_records_from_before_partitions_were_added_are_no_foreign_producer(fewer):
    found = misplaced([Placement(key, partition_of(key, fewer)) for key in KEYS], PARTITIONS)
    assert found is not None
    assert f"{fewer} partitions" in found.cause


@given(st.lists(st.builds(Placement, st.none() | st.binary(max_size=40), st.integers(0, PARTITIONS - 1)), max_size=30))
def test_records_of_any_form_can_be_judged(placements):
    found = misplaced(placements, PARTITIONS)
    right = [one for one in placements if one.key is not None and one.partition == partition_of(one.key, PARTITIONS)]
    assert (found is None) == (len(right) == len(placements))
    assert found is None or found.count == len(placements) - len(right)


def test_a_stage_samples_one_record_in_a_thousand_and_forgets_old_ones():
    sample, dice = PartitionerSample(every=10, keep=5), random.Random(1)
    joined = [sample.note(b"shop-1", dice.randrange(PARTITIONS)) for _ in range(100)]
    assert joined.count(True) == 10
    for _ in range(50):
        sample.note(b"shop-1", partition_of(b"shop-1", PARTITIONS))
    assert sample.judge(PARTITIONS) is None
