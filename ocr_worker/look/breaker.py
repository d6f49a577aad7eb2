"""A circuit breaker: after failures in a row it stops all tries for a while, then allows one. Knows no server."""

import math
import time
from collections.abc import Callable


class Breaker:
    """Counts failures in a row. Used from one event loop only."""

    def __init__(self, failures: int, pause_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._pause_s, self._clock = failures, pause_s, clock
        self._failures, self._closed_until = 0, -math.inf

    def admits(self) -> bool:
        """Return whether the caller may try now. After a pause, one caller may; the others wait for its result."""
        if self._failures < self._most:
            return True
        if self._clock() < self._closed_until:
            return False
        self._closed_until = self._clock() + self._pause_s
        return True

    def succeeded(self) -> None:
        """Record a success: all callers may try again."""
        self._failures = 0

    def failed(self, *, for_good: bool = False) -> bool:
        """Record a failure; with `for_good` it starts a pause at once. Return whether a pause begins."""
        before = self._failures
        self._failures = self._most if for_good else before + 1
        if self._failures < self._most:
            return False
        self._closed_until = self._clock() + self._pause_s
        return before < self._most
