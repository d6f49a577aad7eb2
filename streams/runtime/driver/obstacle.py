"""
Finds the batch that kills every process that reads it, because it inflates to more memory than there is.

If a partition starts again and again at the same offset, child processes of limited memory read it ahead. The stage
gets the records that they can read, and skips the batch that kills them. Pure: `look_ahead.py` runs the processes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from schemas.steady_clock import now
from streams.kafka.strangers import FOREIGN, OURS, is_our_commit
from streams.runtime.driver.batch import Batch, Position
from streams.runtime.stage import Record
from streams.runtime.track import Delivery, Partition

#: From this many starts at the same offset on, the current one included, a partition is read ahead.
SUSPICIOUS: Final = 3
#: The next record is the cause if this many child processes in a row die without a record.
_FRUITLESS: Final = 2
#: Factor by which the search for the end of the batch widens. Small, so that it seldom reaches another such batch.
_WIDENED: Final = 4
#: Offsets that one child process tries. A child that dies costs seconds; an offset that can be read costs little.
_TRIED: Final = 64
_STARTS: Final = re.compile(rf"{OURS} start (\d{{1,3}})( {FOREIGN})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Ahead:
    """The records that one child process read ahead in a partition."""

    #: The position after the last record read.
    position: Position
    batches: list[Batch] = field(default_factory=list)
    #: Whether the child process ran out of memory.
    died: bool = False


class Reader(Protocol):
    """Reads one partition in child processes of limited memory."""

    def read(self, position: Position) -> Ahead:
        """Read many records, starting at a position."""
        ...

    def readable(self, offsets: Sequence[int]) -> int:
        """Read one record at each offset until the memory runs out. Return the number of offsets that were readable."""
        ...


def starts_of(metadata: str | None) -> int:
    """Return the count of starts at this offset in the metadata of a commit; 0 for a commit of finished work."""
    found = _STARTS.fullmatch(metadata or "")
    return int(found[1]) if found is not None else 0


def start_metadata(metadata: str | None) -> str:
    """Return the metadata with one more start counted. It keeps the mark that another program committed the offset."""
    count = f"{OURS} start {min(starts_of(metadata) + 1, 999)}"
    return count if is_our_commit(metadata) else f"{count} {FOREIGN}"


def step_over(reader: Reader, partition: Partition, position: Position, end: int) -> Ahead | None:
    """
    Read up to the batch that kills child processes, and skip that batch.

    Returns the records before the batch, and one record for all of its offsets, of which the stage makes a dead letter.
    Returns None if no child process dies.

    Args:
        reader: Reads the partition in child processes.
        partition: The partition.
        position: The position at which the partition starts.
        end: The offset after the partition's newest record.

    """
    batches: list[Batch] = []
    fruitless = 0
    while fruitless < _FRUITLESS:
        ahead = reader.read(position)
        if not ahead.died:
            return None
        batches += ahead.batches
        fruitless = 0 if ahead.batches else fruitless + 1
        position = ahead.position
    first = position.next
    # If even the end of the log, where there is nothing to read, is not readable, no batch is the cause.
    if first is None or first >= end or not reader.readable([end]):
        return None
    behind = _behind(reader, first, end)
    why = (
        f"the batch at offsets {first} to {behind - 1} inflates to more memory than a stage may use, and ended"
        f" {SUSPICIOUS - 1} processes; it is still in the topic"
    )
    # Give the record the last offset of the batch, so that its commit covers the whole batch.
    letter = Delivery(partition, None, behind - 1, Record(None, None, [], now().timestamp(), unreadable=why))
    gaps = {} if behind - 1 == first else {behind - 1: first}
    over = Position(position.assignment, behind, position.epoch, position.epochs)
    return Ahead(over, [*batches, Batch(partition, position.assignment, [letter], gaps)])


def _behind(reader: Reader, first: int, end: int) -> int:
    """Return the offset after the batch that contains `first`: the smallest readable one, at most `end`."""
    low, high = first, min(first + 1, end)
    while high < end and not reader.readable([high]):
        low, high = high, min(first + _WIDENED * (high - first), end)
    while high - low > 1:
        step = max(1, (high - low) // _TRIED)
        tried = range(high - step, low, -step)
        readable = reader.readable(tried)
        low = tried[readable] if readable < len(tried) else low
        high = tried[readable - 1] if readable else high
    return high
