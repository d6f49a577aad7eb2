"""
Failures as values: retry later, never retry, or wait until a person fixes the configuration.

Knows no Kafka, HTTP or clocks. The caller that holds the work does the waiting.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Later:
    """
    A failure worth retrying.

    `reason` is a short kebab-case code (for metrics and headers), `message` a sentence for people.
    Neither may contain secrets, recognised text or contact data.
    """

    reason: str
    message: str
    #: Seconds that the other side asked us to wait; None: the retry policy decides.
    retry_after: float | None = None
    #: Number of tries after which it becomes `Never`; None: retry until the outage ends.
    tries: int | None = None


@dataclass(frozen=True, slots=True)
class Never:
    """A final failure: retrying the same input gives the same result. Fields as in `Later`."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Misconfigured:
    """Nothing succeeds until a person fixes the configuration (a revoked key, say): pause, do not dead-letter."""

    reason: str
    message: str
