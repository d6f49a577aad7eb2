"""
Limits the photos that a worker accepts at the same time, and computes Retry-After for the others.

Knows no HTTP and no engine.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ocr_worker.result import BUSY
from schemas.outcomes import Later

#: Weight of the newest photo in the average time per photo.
_NEWEST = 0.2
#: Assumed seconds per photo before the first one was read.
_FIRST_GUESS = 1.0


#: For this many seconds after it rejects an `alone` photo, the worker accepts no others, to finish those it has.
_MAKES_ROOM_S = 5.0

#: Limit on the bytes of all photos being read or waiting: 66 ordinary ones, or 12 of the largest.
_MOST_BYTES = 256_000_000


class Admission:
    """`slots` photos are read and `queue` more wait. Use it from one event loop only."""

    def __init__(
        self,
        slots: int,
        queue: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        idle: Callable[[], bool] = lambda: True,
    ) -> None:
        """`idle` returns whether no thread is still working for a caller who left."""
        self._slots = slots
        self._queue = queue
        self._clock, self._idle = clock, idle
        self._closed_until = -math.inf
        self._alone = False
        self._bytes = 0
        self._seconds = _FIRST_GUESS
        #: Photos accepted, but without a response so far.
        self.in_flight = 0

    @contextmanager
    def place(self, size: int = 0, *, alone: bool = False) -> Iterator[Later | None]:
        """
        Reserve a place for one photo of `size` bytes; yields `Later` if there is none.

        An `alone` photo may crash the process, so it gets a place only while there is no other photo. It does not wait
        here, because a crash caused by another photo would count against it. Its caller tries again, and the worker
        accepts no others in the meantime.
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
            return Later(BUSY, "this OCR worker is still reading other photos", retry_after=1.0)
        if alone:
            self._closed_until = -math.inf
        elif self._alone or self._clock() < self._closed_until:
            return Later(BUSY, "this OCR worker is reading a photo that must be alone", retry_after=1.0)
        if self.in_flight >= self._slots + self._queue or (self.in_flight and self._bytes + size > _MOST_BYTES):
            return Later(BUSY, "this OCR worker is full", retry_after=self.retry_after())
        return None

    def took(self, seconds: float) -> None:
        """Record how long the engine took for one photo."""
        self._seconds += _NEWEST * (seconds - self._seconds)

    def retry_after(self) -> float:
        """Return the seconds (whole, at least 1) until the photos that wait now will have been read."""
        waiting = max(self.in_flight - self._slots, 0)
        return float(max(1, math.ceil(self._seconds * waiting / self._slots)))
