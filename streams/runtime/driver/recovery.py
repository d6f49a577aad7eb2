"""Decides where to go on in a partition whose log no longer holds the position we stood at. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from streams.kafka.partition_log import LogBounds


@dataclass(frozen=True, slots=True)
class Restart:
    """Where to go on, and why."""

    offset: int
    reason: str
    #: The leader epoch to commit with the offset; None if the log is another one.
    epoch: int | None = None


def restart_at(done: int, epoch: int | None, bounds: LogBounds, end_of_epoch: Callable[[int], int]) -> Restart:
    """
    Find the first offset that was not worked on yet.

    Args:
        done: Everything below this offset was worked on.
        epoch: The leader epoch of the last record read; None if it is not known.
        bounds: The partition's log as it is now.
        end_of_epoch: Finds up to which offset the log holds records of a leader epoch and of those before it.

    """
    if done < bounds.first:
        return Restart(bounds.first, f"{bounds.first - done} records expired before they were worked on", epoch)
    if epoch is None or bounds.epoch is None:
        return Restart(bounds.first, "the log ends before the commit, and no leader epoch says how far they agree")
    if bounds.epoch <= epoch:
        # A log is cut only after an election, which raises the epoch. So this is another log: the topic was made again.
        return Restart(bounds.first, "the topic was deleted and made again")
    # What was written in an epoch after ours is not what we read (KIP-320).
    return Restart(min(end_of_epoch(epoch), done), "the log was cut after an unclean stop of Kafka", epoch)
