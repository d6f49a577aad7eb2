"""
Why something did not work, as values: later, never, or not until someone fixes the set-up.

Knows nothing of Kafka, HTTP or clocks. Waiting is done by whoever holds the work.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Later:
    """
    A failure worth retrying.

    `reason` is a short kebab-case code (metrics, headers), `message` a sentence for people.
    Neither may carry secrets, recognised text or contact data.
    """

    reason: str
    message: str
    #: Seconds the other side asked us to wait; None leaves it to the retry policy.
    retry_after: float | None = None
    #: Tries in all before it becomes `Never`; None retries for as long as the outage lasts.
    tries: int | None = None


@dataclass(frozen=True, slots=True)
class Never:
    """A failure that is final: retrying the same input gives the same answer. Fields as in `Later`."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Misconfigured:
    """Nothing can succeed until a person changes the set-up (a revoked key, say): pause, do not dead-letter."""

    reason: str
    message: str
