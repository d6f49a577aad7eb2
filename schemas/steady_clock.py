"""
A wall clock for the age of data that does not follow jumps of the machine's clock.

A person or a time server may set the machine's clock by days in one moment. Code that computes ages from it would then
delete what is new, or keep what is old. `SteadyClock` follows small corrections. After a large jump it continues from
the time before by the monotonic clock. If the machine's clock then stays where it jumped to, `SteadyClock` accepts it:
the time before was the wrong one, as after a pause of a virtual machine.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

#: Largest change of the machine's clock that counts as a correction, and is followed at once.
CORRECTION: Final = timedelta(minutes=10)
#: Seconds after which a jump of the machine's clock is accepted.
BELIEVED_AFTER_S: Final = 3600.0
#: A monotonic clock that also counts while the machine sleeps, where there is one (Linux).
_MONOTONIC: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SteadyClock:
    """Returns the time in UTC when called. Starts at the machine's time."""

    def __init__(
        self,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = lambda: time.clock_gettime(_MONOTONIC),
        *,
        believed_after_s: float | None = BELIEVED_AFTER_S,
    ) -> None:
        """
        Create a clock.

        Args:
            wall: Returns the machine's time.
            monotonic: Returns seconds from a clock that nobody can set.
            believed_after_s: Seconds after which a jump is accepted; None: never.

        """
        self._wall, self._monotonic, self._believed_after_s = wall, monotonic, believed_after_s
        self._at, self._counted = wall(), monotonic()
        #: Size of the last unaccepted jump of the machine's clock, and the monotonic time when it was noticed.
        self._jump: tuple[timedelta, float] | None = None

    def __call__(self) -> datetime:
        """Return the time, in UTC."""
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
