"""Reads topics from their newest message to their oldest, in blocks. Commits nothing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.config.settings import Settings
from streams.kafka.clients import reader
from streams.kafka.foreign_headers import ForeignHeaders
from streams.kafka.reader import Seen, UnreadableTopicError, edges_of, offsets_at, partitions_of, polled, seen_of
from streams.kafka.within import Within

#: Messages of a partition that are read at once: at first, and at most. Each block is twice as long as the last one.
_FIRST_BLOCK: Final = 32
_LONGEST_BLOCK: Final = 1024

T = TypeVar("T")


@dataclass(slots=True)
class _Log(Generic[T]):
    """What is left to read of a partition: the messages from `low` to `end`, and those that were read and wait."""

    topic: str
    partition: int
    low: int
    end: int
    block: int = _FIRST_BLOCK
    #: Times and messages, oldest first.
    read: list[tuple[float, T]] = field(default_factory=list)


def backwards(
    settings: Settings, names: list[str], take: Callable[[Seen], T], *, since: float | None = None
) -> Iterator[T]:
    """
    Yield the messages that exist now, newest first: in reverse order in each partition, by time across partitions.

    Reads no more than a block of each partition ahead, so a caller who stops early saves the rest.

    Args:
        settings: Address of Kafka.
        names: The topics.
        take: Returns what to keep of a message until it is its turn.
        since: Skip older messages, seconds since the epoch.

    Raises:
        UnreadableTopicError: A topic is missing, or no broker responds.

    """
    consumer, read_foreign = reader(settings, few=True), ForeignHeaders(settings)
    try:
        edges = edges_of(consumer, partitions_of(settings, names, Within()))
        lows = offsets_at(consumer, edges, since) if since is not None else {at: low for at, (low, _) in edges.items()}
        logs: list[_Log[T]] = [_Log(*at, lows[at], end) for at, (_, end) in edges.items()]
        while True:
            unread = {(log.topic, log.partition): log for log in logs if not log.read and log.end > log.low}
            if unread:
                _read_blocks(consumer, unread, lambda message: seen_of(message, read_foreign), take, since or 0)
                continue
            waiting = [log for log in logs if log.read]
            if not waiting:
                return
            yield max(waiting, key=lambda log: log.read[-1][0]).read.pop()[1]
    except KafkaException as error:
        raise UnreadableTopicError(f"cannot read {', '.join(names)}: {error.args[0].str()}") from None
    finally:
        consumer.close()
        read_foreign.close()


def _read_blocks(
    consumer: Consumer,
    logs: dict[tuple[str, int], _Log[T]],
    parse: Callable[..., Seen],
    take: Callable[[Seen], T],
    since: float,
) -> None:
    """Read the next block of each log."""
    starts = {at: max(log.low, log.end - log.block) for at, log in logs.items()}
    consumer.assign([TopicPartition(*at, start) for at, start in starts.items()])
    left = set(starts)
    for message in polled(consumer, lambda: bool(left), patient=False):
        at = (message.topic(), message.partition())
        if at not in left:
            continue
        end = logs[at].end
        if message.error() is not None or message.offset() >= end - 1:
            left.discard(at)
        if message.error() is None and message.offset() < end:
            seen = parse(message)
            if seen.timestamp >= since:
                logs[at].read.append((seen.timestamp, take(seen)))
    for at, log in logs.items():
        log.end, log.block = starts[at], min(2 * log.block, _LONGEST_BLOCK)
