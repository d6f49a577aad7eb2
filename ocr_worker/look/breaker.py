"""A circuit breaker: after failures in a row it stops all tries for a while, then allows one. Knows no server."""

import math
import time
from collections.abc import Callable


class Breaker:
    """Counts failures in a row. Used from one event loop only."""

    def __init__(self, failures: int, pause_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._pause_s, self._clock = failures, pause_s, clock
        self._failures, self._paused_until = 0, -math.inf

    def admits(self) -> bool:
        """Return whether the caller may try now. After a pause, one caller may; the others wait for its result."""
        if self._failures < self._most:
            return True
        if self._clock() < self._paused_until:
            return False
        self._paused_until = self._clock() + self._pause_s
        return True

    def succeeded(self) -> None:
        """Record a success: all callers may try again."""
        self._failures = 0

    def failed(self, *, at_once: bool = False) -> bool:
        """Record a failure; `at_once` starts a pause even after the first one. Return whether a pause begins."""
        before = self._failures
        self._failures = self._most if at_once else before + 1
        if self._failures < self._most:
            return False
        self._paused_until = self._clock() + self._pause_s
        return before < self._most
