"""
Ends the process when a thread works on one photo for too long, because Python cannot stop a thread.

Inactive until a server starts it; the supervisor restarts the process. Knows no photo and no server.
"""

import faulthandler
import itertools
import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Watchdog:
    """Tracks since when each thread works, and sets a timer of the C library that ends the process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._limit_s: float | None = None
        self._running: dict[int, float] = {}
        self._ids = itertools.count()
        self._lock = threading.Lock()

    def start(self, limit_s: float) -> None:
        """Start: end the process when any work has taken `limit_s` seconds."""
        with self._lock:
            self._limit_s = limit_s
            self._set_timer()

    def stop(self) -> None:
        """Stop watching."""
        with self._lock:
            self._limit_s = None
            faulthandler.cancel_dump_traceback_later()

    def watched(self, work: Callable[[], T]) -> Callable[[], T]:
        """Wrap work for a thread. Its time starts when the thread starts the work."""

        def run() -> T:
            me = next(self._ids)
            self._note(lambda: self._running.__setitem__(me, self._clock()))
            try:
                return work()
            finally:
                self._note(lambda: self._running.pop(me))

        return run

    def overdue(self, after_s: float) -> int:
        """Return the number of threads that have been busy with one photo for at least `after_s` seconds."""
        with self._lock:
            now = self._clock()
            return sum(1 for started in self._running.values() if now - started >= after_s)

    def _note(self, change: Callable[[], object]) -> None:
        with self._lock:
            oldest = next(iter(self._running.values()), None)
            change()
            # Works are in the order they began, so the timer changes only when the oldest changes.
            if next(iter(self._running.values()), None) != oldest:
                self._set_timer()

    def _set_timer(self) -> None:
        if self._limit_s is None:
            return
        oldest = next(iter(self._running.values()), None)
        if oldest is None:
            faulthandler.cancel_dump_traceback_later()
            return
        # This timer does not need the interpreter, so it also ends a decoder that never releases the GIL. It prints the
        # stack of each thread by file and line, without any values.
        left = oldest + self._limit_s - self._clock()
        faulthandler.dump_traceback_later(max(0.001, left), exit=True)


#: The C library has one such timer per process, so there is one watchdog.
WATCHDOG = Watchdog()
