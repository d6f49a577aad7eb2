"""
How many photos a worker takes on at once, and when to come back if it is full.

Knows no HTTP and no engine.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

from schemas.outcomes import Later

#: Weight of the newest photo in the average time a photo takes.
_NEWEST = 0.2
#: Seconds a photo is taken to need until the first was read.
_FIRST_GUESS = 1.0


class Admission:
    """`slots` photos being read and `queue` more waiting; used from one event loop only."""

    def __init__(self, slots: int, queue: int) -> None:
        self._slots = slots
        self._queue = queue
        self._seconds = _FIRST_GUESS
        #: Photos taken on and not answered yet.
        self.in_flight = 0

    @contextmanager
    def place(self) -> Iterator[Later | None]:
        """Hold a place for one photo; gives `Later` instead when there is none."""
        if self.in_flight >= self._slots + self._queue:
            yield Later("ocr-busy", "every place of this OCR worker is taken", retry_after=self.retry_after())
            return
        self.in_flight += 1
        try:
            yield None
        finally:
            self.in_flight -= 1

    def took(self, seconds: float) -> None:
        """Learn how long the engine took for one photo."""
        self._seconds += _NEWEST * (seconds - self._seconds)

    def retry_after(self) -> float:
        """Give the whole seconds, at least 1, in which what waits now will have been read."""
        waiting = max(self.in_flight - self._slots, 0)
        return float(max(1, math.ceil(self._seconds * waiting / self._slots)))
