"""Back-pressure: the polling thread reads no more than the window takes, and still handles rebalances in time."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable

from confluent_kafka import Consumer, TopicPartition

#: Seconds that one wait for room takes at most.
_WAIT_S = 0.2
#: After this many seconds without room, the thread pauses partitions and continues to poll. It waits first, because
#: librdkafka discards the fetched records of a partition when it is paused.
_PATIENCE_S = 1.0
#: A paused partition resumes when no more of its records wait than this share of the limit. So the next fetch arrives
#: before the window runs empty.
_RESUMED_SHARE = 0.25


class Backpressure:
    """
    Counts the records that were polled and that the window has not admitted yet.

    If there is no room, it pauses only the partitions whose records wait. So a partition that the window cannot admit
    does not delay the others.
    """

    def __init__(self, topic: str, limit: int) -> None:
        """Let `limit` records wait, not counting paused partitions. One poll may exceed the limit."""
        self._topic, self._limit = topic, limit
        #: Records that wait, by partition. Both threads change it, under the lock of `_changed`.
        self._waiting: Counter[int] = Counter()
        self._changed = threading.Condition()
        #: Only the polling thread uses these two.
        self._paused: set[int] = set()
        self._full_since: float | None = None

    def add(self, partition: int, records: int) -> None:
        """Count records that were polled."""
        with self._changed:
            self._waiting[partition] += records

    def remove(self, partition: int, records: int) -> None:
        """Count records that the window admitted or dropped."""
        with self._changed:
            self._waiting[partition] -= records
            self._changed.notify()

    def wake(self) -> None:
        """Interrupt the polling thread's wait for room, because it has other work."""
        with self._changed:
            self._changed.notify()

    # The following methods run in the polling thread.

    def assigned(self, consumer: Consumer, partitions: Iterable[int]) -> None:
        """Resume partitions that were assigned, because librdkafka keeps a pause across assignments."""
        self.revoked(partitions)
        consumer.resume(self._places(set(partitions)))

    def revoked(self, partitions: Iterable[int]) -> None:
        """Forget that revoked partitions were paused."""
        self._paused -= set(partitions)

    def may_poll(self, consumer: Consumer, is_urgent: Callable[[], bool]) -> bool:
        """Wait a moment for room, pause and resume partitions, and return whether to poll now."""
        with self._changed:
            self._changed.wait_for(lambda: self._has_room() or is_urgent(), _WAIT_S)
            has_room = self._has_room()
            resumed = {one for one in self._paused if self._waiting[one] <= self._limit * _RESUMED_SHARE}
            full = {one for one, waiting in self._waiting.items() if waiting > 0} - self._paused
        if resumed:
            consumer.resume(self._places(resumed))
            self._paused -= resumed
        if has_room:
            self._full_since = None
            return True
        now = time.monotonic()
        self._full_since = self._full_since or now
        if now - self._full_since <= _PATIENCE_S:
            return False
        self._full_since = None
        self._pause(consumer, full)
        return True

    def _pause(self, consumer: Consumer, partitions: set[int]) -> None:
        ours = {one.partition for one in consumer.assignment()}
        consumer.pause(self._places(partitions & ours))
        self._paused |= partitions & ours

    def _places(self, partitions: set[int]) -> list[TopicPartition]:
        return [TopicPartition(self._topic, one) for one in sorted(partitions)]

    def _has_room(self) -> bool:
        """Return whether another record may wait. Call it under the lock."""
        return sum(waiting for one, waiting in self._waiting.items() if one not in self._paused) < self._limit
