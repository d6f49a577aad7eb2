"""Which part of some topics a reader reads: by time, key, partition or offset. Reads nothing itself."""

from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import TopicPartition

from streams.kafka.partitioner import partition_of


@dataclass(frozen=True, slots=True)
class Within:
    """A part of some topics. Other messages are not read at all."""

    #: Only messages between these times, seconds since the epoch.
    since: float | None = None
    until: float | None = None
    #: Only the partition of this key in each topic. Messages that another partitioner placed are not found.
    key: str | None = None
    #: Only this partition, from this offset on.
    start: tuple[int, int] | None = None
    #: Only this partition of each topic.
    partition: int | None = None
    #: From these offsets on, by topic and partition; partitions without one by `since`, else from their beginning.
    starts: Mapping[tuple[str, int], int] | None = None

    @property
    def is_narrow(self) -> bool:
        """Whether few messages are expected, so that fetching many ahead would be wasted."""
        return self.until is not None or self.start is not None or (self.starts is not None and self.key is not None)

    def has(self, place: TopicPartition, partitions: int) -> bool:
        """Whether a partition, in a topic of `partitions` partitions, belongs to it."""
        if self.start is not None:
            return bool(place.partition == self.start[0])
        if self.partition is not None:
            return bool(place.partition == self.partition)
        if self.key is None or self._has_new_partitions(place.topic, partitions):
            return True
        return bool(place.partition == partition_of(self.key.encode(), partitions))

    def _has_new_partitions(self, topic: str, partitions: int) -> bool:
        """Whether the topic has more partitions than in `starts`: then the key's messages may be in two of them."""
        return self.starts is not None and partitions != sum(name == topic for name, _ in self.starts)

    def has_time(self, timestamp_ms: int) -> bool:
        """Whether a message of this time belongs to it."""
        if self.since is not None and timestamp_ms < int(self.since * 1000):
            return False
        return self.until is None or timestamp_ms <= self.until * 1000
