"""Asks the leader of one partition about its log: where it begins and ends, and whose records it holds. Reads only."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.config.settings import Settings
from streams.kafka.clients import reader

#: Kafka's times for the two ends of a log. With the end comes the current leader epoch. An AdminClient returns it too,
#: but may end the process if its request times out (librdkafka issue 4605).
_EARLIEST, _LATEST = -2, -1
#: Seconds that one answer of the leader may take.
_ANSWER_S = 5


@dataclass(frozen=True, slots=True)
class LogBounds:
    """What the leader of a partition says about its log."""

    first: int
    end: int
    #: The current leader epoch; None if the broker does not tell.
    epoch: int | None


@dataclass(frozen=True, slots=True)
class Stamp:
    """Where a record lies, and the leader epoch that it was written in."""

    offset: int
    epoch: int


#: Returns the first record at an offset or behind it; None if there is none.
StampAt = Callable[[int], Stamp | None]


def end_of_epoch(epoch: int, first: int, end: int, stamp_at: StampAt) -> int:
    """
    Find the first offset of a log in [first, end] whose record was written after a leader epoch.

    Epochs never fall along a log, so that a binary search finds it.
    """
    while first < end:
        middle = (first + end) // 2
        stamp = stamp_at(middle)
        if stamp is None or stamp.epoch > epoch:
            end = middle
        else:
            first = stamp.offset + 1
    return end


class PartitionLog:
    """One partition, asked through clients of its own, so that no group member's position changes."""

    def __init__(self, settings: Settings, topic: str, partition: int) -> None:
        """Connect at the first question."""
        self._settings, self._topic, self._partition = settings, topic, partition

    def bounds(self) -> LogBounds:
        """
        Ask for the log as it is now.

        Raises:
            KafkaException: no broker answered.

        """
        consumer = reader(self._settings, few=True)
        try:
            first, end = (
                consumer.offsets_for_times([self._place(time)], timeout=_ANSWER_S)[0] for time in (_EARLIEST, _LATEST)
            )
        finally:
            consumer.close()
        for place in (first, end):
            if place.error is not None:
                raise KafkaException(place.error)
        return LogBounds(first.offset, end.offset, end.leader_epoch)

    def end_of_epoch(self, epoch: int, bounds: LogBounds) -> int:
        """
        Find up to which offset the log holds records of a leader epoch and of those before it.

        Raises:
            KafkaException: no broker answered.

        """
        consumer = reader(self._settings, few=True)
        try:
            return end_of_epoch(epoch, bounds.first, bounds.end, lambda offset: self._stamp_at(consumer, offset))
        finally:
            consumer.close()

    def _stamp_at(self, consumer: Consumer, offset: int) -> Stamp | None:
        consumer.assign([self._place(offset)])
        give_up = time.monotonic() + _ANSWER_S
        while time.monotonic() < give_up:
            message = consumer.poll(0.2)
            if message is None:
                continue
            error = message.error()
            if error is None:
                return Stamp(message.offset(), -1 if message.leader_epoch() is None else message.leader_epoch())
            if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's local code
                return None
            if not error.retriable():
                raise KafkaException(error)
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 - same

    def _place(self, *offset: int) -> TopicPartition:
        return TopicPartition(self._topic, self._partition, *offset)
