"""Where a reader starts in each partition: at the offset that it knows, else by time, else at the beginning."""

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from streams.kafka.reader import _starts, edges_of
from streams.kafka.within import Within

EDGES = {("dlq", number): (10, 90) for number in range(4)}


class ByTime:
    """A consumer that finds offset 70 in partition 1, and nothing as new in the others."""

    def offsets_for_times(self, places: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        assert timeout
        found = {1: 70}
        return [TopicPartition(at.topic, at.partition, found.get(at.partition, -1)) for at in places]


def starts(part: Within) -> list[int]:
    return [place.offset for place in _starts(ByTime(), EDGES, part, from_end=False)]


def test_a_partition_without_a_known_offset_starts_by_time_and_not_at_its_beginning():
    known = {("dlq", 0): 50, ("dlq", 2): 5, ("dlq", 3): 99}
    # Partition 2 has lost its older messages, and the log of partition 3 was made again.
    assert starts(Within(since=1000, starts=known)) == [50, 70, 10, 10]
    assert starts(Within(since=1000, starts={("dlq", 0): 50})) == [50, 70, 90, 90]


def test_without_a_time_it_starts_at_the_beginning():
    assert starts(Within(starts={("dlq", 0): 50})) == [50, 10, 10, 10]
    assert starts(Within(since=1000)) == [90, 70, 90, 90]


class Electing:
    """A consumer of a partition that has no leader at first."""

    def __init__(self, *errors: int) -> None:
        self.errors = [*errors]

    def get_watermark_offsets(self, _place: TopicPartition, timeout: float) -> tuple[int, int]:
        assert timeout
        if self.errors:
            raise KafkaException(KafkaError(self.errors.pop(0)))
        return 10, 90


def test_a_partition_that_is_electing_its_leader_is_read_when_it_has_one():
    electing = Electing(KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)
    assert edges_of(electing, [TopicPartition("texts", 0)]) == {("texts", 0): (10, 90)}


def test_any_other_error_is_raised_at_once():
    with pytest.raises(KafkaException):
        edges_of(Electing(KafkaError.TOPIC_AUTHORIZATION_FAILED), [TopicPartition("texts", 0)])
