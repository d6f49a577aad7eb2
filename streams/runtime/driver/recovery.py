"""Decides where a stage continues in a partition whose log no longer contains the stage's position. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from streams.kafka.partition_log import LogBounds


@dataclass(frozen=True, slots=True)
class Restart:
    """The offset at which the stage continues, and the reason."""

    offset: int
    reason: str
    #: The leader epoch to commit with the offset; None if the log is a new one.
    epoch: int | None = None


def restart_at(done: int, epoch: int | None, bounds: LogBounds, end_of_epoch: Callable[[int], int]) -> Restart:
    """
    Return the first offset of the log that the stage has not processed yet.

    Args:
        done: The stage has processed everything below this offset.
        epoch: The leader epoch of the last record read; None if it is not known.
        bounds: The current bounds of the partition's log.
        end_of_epoch: Returns the offset at which the log's records of a leader epoch, or of earlier ones, end.

    """
    if done < bounds.first:
        return Restart(bounds.first, f"{bounds.first - done} records expired before they were processed", epoch)
    if epoch is None or bounds.epoch is None:
        return Restart(bounds.first, "the log ends before the commit, and no leader epoch shows where they differ")
    if bounds.epoch <= epoch:
        # Kafka truncates a log only after an election, which raises the epoch. Without one, the topic was made again.
        return Restart(bounds.first, "the topic was deleted and made again")
    # Records of a later epoch replaced those that the stage read (KIP-320).
    return Restart(min(end_of_epoch(epoch), done), "the log was cut after an unclean stop of Kafka", epoch)
