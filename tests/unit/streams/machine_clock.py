"""A machine whose wall clock is set while its monotonic clock continues."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 22, tzinfo=UTC)


class Machine:
    """Knows the true time. `offset` is the error of its wall clock."""

    def __init__(self) -> None:
        self.true, self.offset, self.booted = START, timedelta(), 0.0

    def wall(self) -> datetime:
        return self.true + self.offset

    def wait(self, seconds: float) -> None:
        self.true += timedelta(seconds=seconds)
        self.booted += seconds
