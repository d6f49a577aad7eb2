"""
Decides what remains to be done for a shopper after a write to Klaviyo has ended. Pure; knows no query.

Klaviyo has no conditional write: of two concurrent writes the older may arrive last. So each write takes a ticket when
it begins, and the shopper's row keeps the ticket as `dirty` until that write has succeeded. Another value at the end of
the write shows that another process wrote meanwhile:

    dirty at the end        what it means                                      what the ended write does
    our own ticket          no write began after ours                          nothing, the row is clean
    0                       a later write has ended; ours may arrive last      mend: send the newest state again
    negative                a write failed, or left the duty to us             mend
    another's ticket        a later write is in progress                       mend if ours was not the newest version,
                                                                               else the later write mends

A write that failed, or whose response was lost, always leaves a negative `dirty`. The next write to the row then sends
the profile in a request of its own, because Klaviyo may drop a repeated event with its state. A write that began while
another was not settled also leaves a negative `dirty`, since the other may arrive last and its process may die before
it settles. A process that leaves a row dirty checks it again after all requests in flight have ended (`follow_up.py`).
The event behind a duty enters the ledger only when the duty is fulfilled or left to another process. An event that
is tried again and is not in the ledger has its profile sent in a request of its own, too.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from pydantic_core import from_json

from klaviyo_sink.bodies import Properties


class Duty(Enum):
    """What remains to be done for the profile at Klaviyo."""

    NONE = "none"
    #: The row stays dirty: the next write mends it, and this process checks it again later.
    LEFT = "left"
    MEND = "mend"


@dataclass(frozen=True, slots=True)
class Write:
    """How the write with `ticket` to a shopper's profile ended."""

    shopper_id: str
    ticket: int
    #: The version that Klaviyo accepted; None: the write failed, or its response was lost.
    version: int | None
    #: The events that Klaviyo accepted: upload ids by the events' names.
    events: Mapping[str, str] = field(default_factory=dict)
    #: Whether it began while another process's write was not settled.
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class Current:
    """A shopper's newest state, which Klaviyo should have."""

    version: int
    #: The Klaviyo properties as JSON.
    text: str

    @property
    def properties(self) -> Properties:
        """The Klaviyo properties."""
        properties: Properties = from_json(self.text)
        return properties


@dataclass(frozen=True, slots=True)
class Settled:
    """The state of a shopper's row after a write has ended."""

    duty: Duty
    #: With `Duty.MEND`: the ticket of the mending write, and what it must send.
    ticket: int = 0
    newest: Current | None = None
    unsure: bool = False


def duty_after(dirty: int, version: int, write: Write) -> Duty:
    """Return what remains after a write, given the row's values."""
    if write.version is None:
        return Duty.LEFT
    if dirty == write.ticket:
        return Duty.LEFT if write.unsure else Duty.NONE
    return Duty.LEFT if dirty > 0 and write.version >= version else Duty.MEND


def dirty_after(duty: Duty, row_version: int) -> int:
    """Return the row's new `dirty`; `row_version` is the row's new one, and the ticket of a mending write."""
    return {Duty.NONE: 0, Duty.LEFT: -row_version, Duty.MEND: row_version}[duty]


@dataclass(frozen=True, slots=True)
class End:
    """Writes that have ended and are not stored yet: states of rows, rows to change, and ledger entries."""

    settled: dict[str, Settled]
    changed: list[dict[str, Any]]
    entries: list[dict[str, Any]]


def end_writes(writes: Mapping[str, Write], rows: Iterable[Any], at: datetime) -> End:
    """Settle writes, by shopper, with their rows."""
    end = End({}, [], [])
    for row in rows:
        write = writes[row.shopper_id]
        duty = duty_after(row.dirty, row.version, write)
        row_version = row.row_version + 1
        end.settled[row.shopper_id] = Settled(duty, row_version, Current(row.version, row.said), unsure=row.dirty > 0)
        written = max(row.written_version, write.version or 0)
        to = {"row": row_version, "to_written": written, "to_dirty": dirty_after(duty, row_version)}
        end.changed.append({"of_shopper": row.shopper_id} | to)
        if duty is not Duty.MEND:
            entry = {"shopper_id": row.shopper_id, "written_at": at}
            end.entries.extend(entry | {"unique_id": name, "upload_id": one} for name, one in write.events.items())
    return end
