"""Keeps the polling thread from reading more than the window takes, without holding up rebalances."""

import threading
import time
from collections.abc import Callable

from confluent_kafka import Consumer

#: Seconds that the thread waits for room at a time.
_WAIT_S = 0.2
#: Seconds without room after which it pauses the partitions and polls on. librdkafka throws away what it has fetched of
#: a paused partition, so that a shorter wait is cheaper.
_PATIENCE_S = 1.0


class Backpressure:
    """Counts the records between the thread and the window."""

    def __init__(self, limit: int) -> None:
        """Let `limit` records wait; one poll may bring some more."""
        self._limit = limit
        self._waiting = 0
        self._changed = threading.Condition()
        self._full_since: float | None = None
        #: Whether the partitions are paused.
        self.paused = False

    def add(self, records: int) -> None:
        """Count records that were polled."""
        with self._changed:
            self._waiting += records

    def remove(self, records: int) -> None:
        """Count records that the window took or dropped."""
        with self._changed:
            self._waiting -= records
            self._changed.notify()

    def wake(self) -> None:
        """End the thread's wait: it has something else to do."""
        with self._changed:
            self._changed.notify()

    def may_poll(self, consumer: Consumer, is_urgent: Callable[[], bool]) -> bool:
        """Wait a moment for room, pause or resume all partitions, and return whether to poll now."""
        with self._changed:
            self._changed.wait_for(lambda: self._has_room() or is_urgent(), 0 if self.paused else _WAIT_S)
            has_room = self._has_room()
        if has_room:
            self._full_since = None
            if self.paused:
                consumer.resume(consumer.assignment())
                self.paused = False
            return True
        now = time.monotonic()
        self._full_since = self._full_since or now
        if now - self._full_since > _PATIENCE_S:
            # Again at each turn: partitions assigned meanwhile are not paused.
            consumer.pause(consumer.assignment())
            self.paused = True
        return self.paused

    def _has_room(self) -> bool:
        return self._waiting < self._limit
