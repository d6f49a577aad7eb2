"""
Finds the batch in a partition that no process survives, because it inflates to more memory than there is.

A partition that starts again and again at the same offset is read ahead in child processes of limited memory: what they
can read is passed on, and what ends them is stepped over. Pure: `look_ahead.py` runs the child processes.
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

#: Starts at the same offset, this one included, before a partition is read ahead.
SUSPICIOUS: Final = 3
#: Child processes in a row that must end without a record before the next record is taken for the cause.
_FRUITLESS: Final = 2
#: How the search for the end of the batch widens. Small, so that it seldom reaches another such batch.
_WIDENED: Final = 4
#: Offsets that one child process tries: each child that ends costs seconds, each offset that can be read costs little.
_TRIED: Final = 64
_STARTS: Final = re.compile(rf"{OURS} start (\d{{1,3}})( {FOREIGN})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Ahead:
    """What one child process read of a partition."""

    #: Behind the last record read.
    position: Position
    batches: list[Batch] = field(default_factory=list)
    #: Whether its memory did not suffice.
    died: bool = False


class Reader(Protocol):
    """Reads one partition in child processes of limited memory."""

    def read(self, position: Position) -> Ahead:
        """Read many records from a position on."""
        ...

    def readable(self, offsets: Sequence[int]) -> int:
        """Read one record at each offset until the memory does not suffice; return at how many offsets it did."""
        ...


def starts_of(metadata: str | None) -> int:
    """Return how many starts at its offset the metadata of a commit counts; 0 for a commit of finished work."""
    found = _STARTS.fullmatch(metadata or "")
    return int(found[1]) if found is not None else 0


def start_metadata(metadata: str | None) -> str:
    """Return the metadata of a commit that counts one more start; it still shows whether another program committed."""
    count = f"{OURS} start {min(starts_of(metadata) + 1, 999)}"
    return count if is_our_commit(metadata) else f"{count} {FOREIGN}"


def step_over(reader: Reader, partition: Partition, position: Position, end: int) -> Ahead | None:
    """
    Read up to the batch that ends child processes, and step over that batch.

    Returns the records before it and one record for all of its offsets, which the stage makes a dead letter; None if
    nothing ends a child process.

    Args:
        reader: Reads the partition in child processes.
        partition: The partition.
        position: Where it starts.
        end: The offset behind the partition's newest record.

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
    # Where nothing is left to read, it is not a batch that ends child processes.
    if first is None or first >= end or not reader.readable([end]):
        return None
    behind = _behind(reader, first, end)
    why = (
        f"the batch at offsets {first} to {behind - 1} inflates to more memory than a stage may use, and ended"
        f" {SUSPICIOUS - 1} processes; it is still in the topic"
    )
    # At the last offset of the batch, so that a commit behind it is a commit behind the batch.
    letter = Delivery(partition, None, behind - 1, Record(None, None, [], now().timestamp(), unreadable=why))
    gaps = {} if behind - 1 == first else {behind - 1: first}
    over = Position(position.assignment, behind, position.epoch, position.epochs)
    return Ahead(over, [*batches, Batch(partition, position.assignment, [letter], gaps)])


def _behind(reader: Reader, first: int, end: int) -> int:
    """Return the offset behind the batch that holds `first`: the smallest that can be read, at most `end`."""
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
