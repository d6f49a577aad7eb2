"""
Ends the process when a thread works on one photo for too long: a thread cannot be stopped, only its process can.

Off until a server starts it; whoever supervises the process starts it again. Knows no photo and no server.
"""

import faulthandler
import itertools
import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Watchdog:
    """Knows since when each thread has been at work, and lets the C library's timer end the process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._limit_s: float | None = None
        self._running: dict[int, float] = {}
        self._ids = itertools.count()
        self._lock = threading.Lock()

    def start(self, limit_s: float) -> None:
        """From now on end the process once any work has taken `limit_s` seconds."""
        with self._lock:
            self._limit_s = limit_s
            self._set_timer()

    def stop(self) -> None:
        """End nothing any more."""
        with self._lock:
            self._limit_s = None
            faulthandler.cancel_dump_traceback_later()

    def watched(self, work: Callable[[], T]) -> Callable[[], T]:
        """Wrap work that a thread is to do. Its time begins when the thread does."""

        def run() -> T:
            me = next(self._ids)
            self._note(lambda: self._running.__setitem__(me, self._clock()))
            try:
                return work()
            finally:
                self._note(lambda: self._running.pop(me))

        return run

    def overdue(self, after_s: float) -> int:
        """Count the threads that have been at one piece of work for at least `after_s` seconds."""
        with self._lock:
            now = self._clock()
            return sum(1 for started in self._running.values() if now - started >= after_s)

    def _note(self, change: Callable[[], object]) -> None:
        with self._lock:
            oldest = next(iter(self._running.values()), None)
            change()
            # Work is kept in the order it began, so that only a new oldest one moves the timer.
            if next(iter(self._running.values()), None) != oldest:
                self._set_timer()

    def _set_timer(self) -> None:
        if self._limit_s is None:
            return
        oldest = next(iter(self._running.values()), None)
        if oldest is None:
            faulthandler.cancel_dump_traceback_later()
            return
        # This timer needs no interpreter: a decoder that never lets go of the GIL is ended, too. It prints where each
        # thread was, by file and line, without any value.
        left = oldest + self._limit_s - self._clock()
        faulthandler.dump_traceback_later(max(0.001, left), exit=True)


#: A process has one such timer, and so one watchdog.
WATCHDOG = Watchdog()
