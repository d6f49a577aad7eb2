"""A circuit breaker: after failures in a row nothing is tried for a while, then one try decides. Knows no server."""

import math
import time
from collections.abc import Callable


class Breaker:
    """Counts failures in a row. Used from one event loop only."""

    def __init__(self, failures: int, pause_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._pause_s, self._clock = failures, pause_s, clock
        self._failures, self._closed_until = 0, -math.inf

    def admits(self) -> bool:
        """Tell whether to try now. After a pause one caller may, and the others wait for how that ends."""
        if self._failures < self._most:
            return True
        if self._clock() < self._closed_until:
            return False
        self._closed_until = self._clock() + self._pause_s
        return True

    def succeeded(self) -> None:
        """Note a success: everything is tried again."""
        self._failures = 0

    def failed(self, *, for_good: bool = False) -> bool:
        """Note a failure; one `for_good` counts as many. Tells whether the pause begins with it."""
        before = self._failures
        self._failures = self._most if for_good else before + 1
        if self._failures < self._most:
            return False
        self._closed_until = self._clock() + self._pause_s
        return before < self._most
