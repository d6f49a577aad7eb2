"""Turns librdkafka's messages into deliveries, one batch per partition."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from confluent_kafka import Message

from schemas.codec import Headers
from schemas.steady_clock import now as steady_now
from streams.kafka.foreign_headers import headers_of
from streams.runtime.stage import Record
from streams.runtime.track import Delivery, Partition

#: Reads the headers of a message whose header names are not UTF-8.
ReadForeignHeaders = Callable[[Message], Headers]


@dataclass(frozen=True, slots=True)
class Batch:
    """Deliveries of one partition in offset order, and the gaps between them."""

    partition: Partition
    #: Number of the assignment in which they were polled. A batch of an earlier assignment must be dropped.
    assignment: int
    deliveries: list[Delivery[Record]] = field(default_factory=list)
    #: By the offset of a delivery after a gap (such as a transaction marker), the offset where the gap begins.
    gaps: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Position:
    """The position of the stage in one partition."""

    assignment: int
    #: The offset after the last polled record; None before the first record of a group without a commit.
    next: int | None
    #: The leader epoch of the last record polled.
    epoch: int | None
    #: Leader epochs, each with the offset of its first record, oldest first.
    epochs: list[tuple[int, int]] = field(default_factory=list)

    def epoch_before(self, offset: int) -> int | None:
        """Return the leader epoch of the record before `offset`, to commit with it."""
        return next(
            (epoch for first, epoch in reversed(self.epochs) if first < offset),
            self.epochs[0][1] if self.epochs else None,
        )


#: A larger value is not copied out of librdkafka's memory, because no dead letter can contain it either.
LARGEST_VALUE = 8_388_608


def delivery_of(message: Message, partition: Partition, read_foreign: ReadForeignHeaders) -> Delivery[Record]:
    """Turn a message into a delivery."""
    key = message.key()
    timestamp = message.timestamp()[1] / 1000
    if len(message) > LARGEST_VALUE:
        why = f"the value has {len(message):,} bytes, more than {LARGEST_VALUE:,}"
        return Delivery(partition, key, message.offset(), Record(key, None, [], timestamp, unreadable=why))
    record = Record(key, message.value(), headers_of(message, read_foreign), timestamp)
    return Delivery(partition, key, message.offset(), record)


def batches_of(
    messages: Iterable[Message],
    topic: str,
    positions: dict[int, Position],
    read_foreign: ReadForeignHeaders,
) -> list[Batch]:
    """Group messages by partition, and move the positions past them. Drop messages of partitions not assigned."""
    batches: dict[int, Batch] = {}
    for message in messages:
        number = message.partition()
        position = positions.get(number)
        if position is None:
            continue
        batch = batches.get(number)
        if batch is None:
            batch = batches[number] = Batch(Partition(topic, number), position.assignment)
        offset = message.offset()
        if position.next is not None and offset > position.next:
            batch.gaps[offset] = position.next
        position.next = offset + 1
        epoch = message.leader_epoch()
        if epoch != position.epoch and epoch is not None:
            position.epoch = epoch
            position.epochs = [*position.epochs[-9:], (offset, epoch)]
        batch.deliveries.append(delivery_of(message, batch.partition, read_foreign))
    return list(batches.values())


def unreadable(message: Message, topic: str, position: Position) -> Batch:
    """Make a batch of one record that librdkafka cannot inflate or parse, and move the position past it."""
    batch = Batch(Partition(topic, message.partition()), position.assignment)
    offset = message.offset()
    if position.next is not None and offset > position.next:
        batch.gaps[offset] = position.next
    position.next = offset + 1
    record = Record(None, None, [], steady_now().timestamp(), unreadable=message.error().str())
    batch.deliveries.append(Delivery(batch.partition, None, offset, record))
    return batch
