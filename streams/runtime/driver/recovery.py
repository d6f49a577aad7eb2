"""Decides where to go on in a partition whose log no longer holds the position we stood at. Pure."""

import re
from dataclasses import dataclass

#: librdkafka's word on a log that was cut (KIP-320): where the leader's log still agrees with ours.
_AGREES_UP_TO = re.compile(r"broker end offset is (\d+)")


@dataclass(frozen=True, slots=True)
class LogBounds:
    """What the leader of a partition says about its log."""

    first: int
    end: int
    #: The current leader epoch; None if the broker does not tell.
    epoch: int | None


@dataclass(frozen=True, slots=True)
class Restart:
    """Where to go on, and why."""

    offset: int
    reason: str


def restart_at(position: int, epoch: int | None, bounds: LogBounds, error: str) -> Restart:
    """
    Find the first offset that was not worked on yet.

    Args:
        position: The next offset that the stage expected.
        epoch: The leader epoch of the record before it; None if it is not known.
        bounds: The partition's log as it is now.
        error: The text of librdkafka's error.

    """
    if position < bounds.first:
        return Restart(bounds.first, f"{bounds.first - position} records expired before they were read")
    if epoch is None or bounds.epoch is None or bounds.epoch <= epoch:
        # A log is cut only after an election, which raises the epoch. So this is another log: the topic was made again.
        return Restart(bounds.first, "the topic was deleted and made again")
    agrees = _AGREES_UP_TO.search(error)
    end = int(agrees[1]) if agrees else bounds.first
    return Restart(max(bounds.first, min(end, bounds.end, position)), "the log was cut after an unclean stop of Kafka")
