"""
Klaviyo's rate limits: fixed windows of one second and one minute per operation.

Source: developers.klaviyo.com "Rate limits, status codes, and errors". A refused request is not counted.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from klaviyo_sink.sandbox.access.operations import Operation
from klaviyo_sink.sandbox.access.problems import Problem, RefusedError

MINUTE_S = 60


@dataclass(slots=True)
class _Window:
    length_s: int
    started: float = -math.inf
    used: int = 0

    def at(self, now: float) -> "_Window":
        start = now - now % self.length_s
        if start > self.started:
            self.started, self.used = start, 0
        return self

    def left_s(self, now: float) -> int:
        # Rounded up, so that a client that waits this long is in the next window.
        return max(1, math.ceil(self.started + self.length_s - now))


class Limits:
    """Counts requests. `speed` multiplies the published limits; `clock` returns seconds."""

    def __init__(self, *, speed: float, clock: Callable[[], float]) -> None:
        self._speed = speed
        self._clock = clock
        self._windows: dict[Operation, tuple[_Window, _Window]] = {}

    def spend(self, operation: Operation) -> dict[str, str]:
        """
        Count one request. Return the headers of its response, which are about the minute only, as Klaviyo's are.

        Raises:
            RefusedError: 429 with Retry-After.

        """
        now = self._clock()
        burst, steady = self._windows.setdefault(operation, (_Window(1), _Window(MINUTE_S)))
        per_second, per_minute = self._scaled(operation.burst), self._scaled(operation.steady)
        for window, allowed in ((burst.at(now), per_second), (steady.at(now), per_minute)):
            if window.used >= allowed:
                wait = window.left_s(now)
                raise RefusedError(429, _throttled(wait), headers={"Retry-After": str(wait)})
        burst.used += 1
        steady.used += 1
        return {
            "RateLimit-Limit": str(per_minute),
            "RateLimit-Remaining": str(per_minute - steady.used),
            "RateLimit-Reset": str(steady.left_s(now)),
        }

    def left(self) -> dict[str, tuple[int, int]]:
        """Return, for each operation that was called, what is left of the current minute, and of how much."""
        now = self._clock()
        return {
            f"{operation.method} {operation.path}": (
                self._scaled(operation.steady) - steady.at(now).used,
                self._scaled(operation.steady),
            )
            for operation, (_burst, steady) in self._windows.items()
        }

    def _scaled(self, published: int) -> int:
        return max(1, round(published * self._speed))


def _throttled(wait_s: int) -> Problem:
    detail = f"Request was throttled. Expected available in {wait_s} second{'' if wait_s == 1 else 's'}."
    return Problem("throttled", "Request was throttled.", detail)
