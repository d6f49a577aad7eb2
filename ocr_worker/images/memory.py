"""
Limits the memory that decoders and engines of this process use at the same time.

Code that needs much memory reserves the bytes first, and waits while others have reserved them. Knows no photo and no
engine.
"""

import ctypes
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

#: Most bytes that decoding one photo may take: enough for a PNG of 60 MP or a WebP of 20 MP.
MOST_FOR_ONE_PHOTO = 320_000_000
#: Bytes that decoding a JPEG of 12 MP takes.
ORDINARY_PHOTO = 50_000_000


class MemoryBudget:
    """Counts reserved bytes. First come, first served, so that small photos cannot starve a large one."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._held = 0
        self._queue: deque[object] = deque()
        self._changed = threading.Condition()

    def grow_to(self, total: int) -> None:
        """Raise the total to at least `total` bytes, for an engine that needs them to keep its slots busy."""
        with self._changed:
            self.total = max(self.total, total)
            self._changed.notify_all()

    @contextmanager
    def hold_for_photo(self, amount: int) -> Iterator[None]:
        """Reserve memory as `hold` does. Before a large photo, also return freed heap pages to the kernel."""
        with self.hold(amount):
            if amount > 2 * ORDINARY_PHOTO:
                _trim_heap()
            yield

    @contextmanager
    def hold(self, amount: int) -> Iterator[None]:
        """Wait until `amount` bytes are free, and reserve them for the block. Must not be nested."""
        if amount == 0:
            yield
            return
        ticket = object()
        with self._changed:
            self._queue.append(ticket)
            self._changed.wait_for(lambda: self._queue[0] is ticket and self._fits(amount))
            self._queue.popleft()
            self._held += amount
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._held -= amount
                self._changed.notify_all()

    def _fits(self, amount: int) -> bool:
        # A request larger than the whole budget runs alone.
        return self._held == 0 or self._held + amount <= self.total


def _trim_heap() -> None:
    """Return free pages to the kernel. glibc keeps hundreds of MB in the heaps of other threads."""
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if malloc_trim is not None:
        malloc_trim(0)


#: One budget per process.
BUDGET = MemoryBudget(MOST_FOR_ONE_PHOTO)
