"""Decides whether a stage retries an event, and how long it waits before. Pure: knows no Kafka and no clock."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Self

from schemas.outcomes import Later, Never

#: The longest wait in seconds that a service may ask for.
MOST_ASKED_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Failures:
    """How often processing one event has failed."""

    by_reason: Mapping[str, int] = field(default_factory=dict)
    #: How often it failed while other events succeeded.
    alone: int = 0

    def after(self, failure: Later, *, others_succeeded: bool) -> Self:
        """Count one more failure."""
        by_reason = {**self.by_reason, failure.reason: self.by_reason.get(failure.reason, 0) + 1}
        # With `retry_after` the service only asked us to slow down, which does not concern this event.
        return replace(self, by_reason=by_reason, alone=self.alone + (others_succeeded and failure.retry_after is None))


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with full jitter, and the limits at which a stage gives an event up."""

    #: The longest first wait in seconds. It doubles with each try.
    base_s: float
    #: The longest wait in seconds, unless the service asked for more.
    cap_s: float
    #: The longest time one try may take, seconds.
    try_timeout_s: float = 300
    #: After how many failures the stage gives up one event while others succeed. An outage has no limit.
    patience: int = 20
    #: Returns a random number in [0, 1).
    jitter: Callable[[], float] = random.random

    def wait_s(self, attempts: int, retry_after: float | None = None) -> float:
        """Return the seconds to wait before the next try; `retry_after` is the wait that the service asked for."""
        # Full jitter keeps many events from coming back at the same moment.
        backoff = self.jitter() * min(self.cap_s, self.base_s * 2.0 ** min(attempts - 1, 30))
        return backoff + (min(retry_after, MOST_ASKED_S) if retry_after is not None and retry_after > 0 else 0)

    def give_up(self, failure: Later, failures: Failures, attempts: int) -> Never | None:
        """Return a final failure if the event itself, and not an outage, causes the failures; else None."""
        count = failures.by_reason.get(failure.reason, 0)
        if failure.tries is not None and count >= failure.tries:
            return Never(failure.reason, f"{failure.message} (tried {count} times)")
        if failures.alone > self.patience:
            return Never(failure.reason, f"{failure.message} (failed {attempts} times while others succeeded)")
        return None
