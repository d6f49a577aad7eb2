"""
The time of day, from a clock that does not jump with the machine's.

Somebody, or a time server, may set a machine's clock by days in one moment. What counts ages by it would then delete
what is new, or keep what is old. This clock follows small corrections. After a large jump it counts on from before by
the monotonic clock, until the process starts again.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

#: A change of the machine's clock up to here is a correction, and is followed.
CORRECTION: Final = timedelta(minutes=10)
#: Counts while the machine sleeps, too, where there is such a clock (Linux).
_MONOTONIC: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SteadyClock:
    """Starts at the machine's time."""

    def __init__(
        self,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = lambda: time.clock_gettime(_MONOTONIC),
    ) -> None:
        """Take the machine's clock and its monotonic one, seconds."""
        self._wall, self._monotonic = wall, monotonic
        self._at, self._counted = wall(), monotonic()

    def __call__(self) -> datetime:
        """Tell the time, in UTC."""
        wall, counted = self._wall(), self._monotonic()
        steady = self._at + timedelta(seconds=counted - self._counted)
        if abs(wall - steady) > CORRECTION:
            return steady
        self._at, self._counted = wall, counted
        return wall


#: The clock of this process.
now: Final = SteadyClock()
