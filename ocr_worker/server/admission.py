"""
How many photos a worker takes on at once, and when to come back if it is full.

Knows no HTTP and no engine.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ocr_worker.result import BUSY
from schemas.outcomes import Later

#: Weight of the newest photo in the average time a photo takes.
_NEWEST = 0.2
#: Seconds a photo is taken to need until the first was read.
_FIRST_GUESS = 1.0


#: Seconds for which a photo that must be alone keeps others out while the worker empties for it.
_MAKES_ROOM_S = 5.0

#: Bytes of all photos that are read or wait: 66 ordinary ones, or 12 of the largest.
_MOST_BYTES = 256_000_000


class Admission:
    """`slots` photos being read and `queue` more waiting; used from one event loop only."""

    def __init__(
        self,
        slots: int,
        queue: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        idle: Callable[[], bool] = lambda: True,
    ) -> None:
        """`idle` tells whether no thread is at work still for a caller who left."""
        self._slots = slots
        self._queue = queue
        self._clock, self._idle = clock, idle
        self._closed_until = -math.inf
        self._alone = False
        self._bytes = 0
        self._seconds = _FIRST_GUESS
        #: Photos taken on and not answered yet.
        self.in_flight = 0

    @contextmanager
    def place(self, size: int = 0, *, alone: bool = False) -> Iterator[Later | None]:
        """
        Hold a place for one photo of `size` bytes; gives `Later` instead when there is none.

        An `alone` photo may end the process, so it gets a place only while there is no other photo. It does not wait
        here, where it would be taken for guilty of what others do: it comes again, and others are kept out meanwhile.
        """
        if (full := self._full(size, alone=alone)) is not None:
            yield full
            return
        self.in_flight += 1
        self._bytes += size
        self._alone = alone
        try:
            yield None
        finally:
            self.in_flight -= 1
            self._bytes -= size
            self._alone = False

    def _full(self, size: int, *, alone: bool) -> Later | None:
        if alone and (self.in_flight or not self._idle()):
            self._closed_until = self._clock() + _MAKES_ROOM_S
            return Later(BUSY, "this OCR worker has other photos still", retry_after=1.0)
        if alone:
            self._closed_until = -math.inf
        elif self._alone or self._clock() < self._closed_until:
            return Later(BUSY, "this OCR worker reads a photo alone", retry_after=1.0)
        if self.in_flight >= self._slots + self._queue or (self.in_flight and self._bytes + size > _MOST_BYTES):
            return Later(BUSY, "every place of this OCR worker is taken", retry_after=self.retry_after())
        return None

    def took(self, seconds: float) -> None:
        """Learn how long the engine took for one photo."""
        self._seconds += _NEWEST * (seconds - self._seconds)

    def retry_after(self) -> float:
        """Give the whole seconds, at least 1, in which what waits now will have been read."""
        waiting = max(self.in_flight - self._slots, 0)
        return float(max(1, math.ceil(self._seconds * waiting / self._slots)))
