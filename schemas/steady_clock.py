"""
The time of day, from a clock that does not jump with the machine's.

Somebody, or a time server, may set a machine's clock by days in one moment. What counts ages by it would then delete
what is new, or keep what is old. This clock follows small corrections. After a large jump it counts on from before by
the monotonic clock, and believes the machine again once it has stayed where it jumped to: then the time before was the
wrong one, as after a pause of a virtual machine.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

#: A change of the machine's clock up to here is a correction, and is followed.
CORRECTION: Final = timedelta(minutes=10)
#: Seconds after which a machine's clock is believed that stays where it jumped to.
BELIEVED_AFTER_S: Final = 3600.0
#: Counts while the machine sleeps, too, where there is such a clock (Linux).
_MONOTONIC: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SteadyClock:
    """Starts at the machine's time."""

    def __init__(
        self,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = lambda: time.clock_gettime(_MONOTONIC),
        *,
        believed_after_s: float | None = BELIEVED_AFTER_S,
    ) -> None:
        """
        Take the clocks.

        Args:
            wall: The machine's clock.
            monotonic: Seconds from a clock that nobody sets.
            believed_after_s: After so long a jump is believed; None for never.

        """
        self._wall, self._monotonic, self._believed_after_s = wall, monotonic, believed_after_s
        self._at, self._counted = wall(), monotonic()
        #: How far the machine's clock has jumped, and when that was noticed.
        self._jump: tuple[timedelta, float] | None = None

    def __call__(self) -> datetime:
        """Tell the time, in UTC."""
        wall, counted = self._wall(), self._monotonic()
        steady = self._at + timedelta(seconds=counted - self._counted)
        if abs(wall - steady) > CORRECTION and not self._is_believed(wall - steady, counted):
            return steady
        self._at, self._counted, self._jump = wall, counted, None
        return wall

    def _is_believed(self, jump: timedelta, counted: float) -> bool:
        if self._believed_after_s is None:
            return False
        if self._jump is None or abs(self._jump[0] - jump) > CORRECTION:
            self._jump = jump, counted
        return counted - self._jump[1] >= self._believed_after_s


#: The clock of this process.
now: Final = SteadyClock()
