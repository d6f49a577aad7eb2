"""Reads the bounds and the leader epochs of one partition's log from its leader. Changes nothing."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.config.settings import Settings
from streams.kafka.clients import reader

#: Kafka's special times for the two ends of a log. The response for the end contains the current leader epoch. An
#: AdminClient returns it too, but may end the process if its request times out (librdkafka issue 4605).
_EARLIEST, _LATEST = -2, -1
#: Seconds that one response of the leader may take.
_ANSWER_S = 5


@dataclass(frozen=True, slots=True)
class LogBounds:
    """The offsets of a log as the leader reports them: of its first record, and after its last record."""

    first: int
    end: int
    #: The current leader epoch; None if the broker does not report it.
    epoch: int | None


@dataclass(frozen=True, slots=True)
class Stamp:
    """The offset of a record, and the leader epoch in which it was written."""

    offset: int
    epoch: int


#: Returns the first record at or after an offset; None if there is none.
StampAt = Callable[[int], Stamp | None]


def end_of_epoch(epoch: int, first: int, end: int, stamp_at: StampAt) -> int:
    """
    Return the first offset in [first, end] whose record was written after a leader epoch; `end` if there is none.

    A binary search finds it, because the epochs along a log never decrease.
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
    """Reads one partition with separate clients, so that the position of no group member changes."""

    def __init__(self, settings: Settings, topic: str, partition: int) -> None:
        """Do not connect yet; each call opens its own client."""
        self._settings, self._topic, self._partition = settings, topic, partition

    def bounds(self) -> LogBounds:
        """
        Return the current bounds of the log.

        Raises:
            KafkaException: no broker answered.

        """
        consumer = reader(self._settings, few=True, aborted=True)
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
        Return the offset at which the log's records of this leader epoch, or of earlier ones, end.

        Raises:
            KafkaException: no broker answered.

        """
        consumer = reader(self._settings, few=True, aborted=True)
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
