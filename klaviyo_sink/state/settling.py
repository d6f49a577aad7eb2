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

A write that failed, or whose response was lost, always leaves a negative `dirty`. The next write of the row then also
sends the profile without an event, because Klaviyo may know the event already and drop it. The ledger gets the event of
such a write only when the profile has been mended, or when another process must mend it. If an event is delivered again
and is not in the ledger, its profile is sent without an event too.

A write is `unsure` while an earlier one may still be in flight: that one may arrive last, and its process may end
before it settles. An unsure write never cleans the row. It leaves a negative `dirty` of its own. As long as a row has
such a value, each write that begins is unsure. The process that left the value looks at the row again when all requests
that were in flight have ended (`follow_up.py`). If the row still has that value, nobody wrote meanwhile, and the write
that begins now is sure. If it has another value, the process writes nothing, and looks again after the same time. A
positive value that stays is a ticket whose write may leave at any moment. So the write that begins then is unsure, and
its own negative value is looked at next. If the process ends before it looks, the row stays dirty, and the shopper's
next upload mends it.

A write may wait longer for Klaviyo's limits than a request may take. Right before it is sent, it reads its row again.
If the row no longer has its ticket, it is not sent, because no other process would know that it is in flight. Its
result is `overtaken`, and the next try of its event gets a new ticket.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Final

from pydantic_core import from_json

from klaviyo_sink.bodies import Properties

#: A row's `dirty` after a write failed while no other could be in flight.
FAILED: Final = -1


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
    #: Whether an earlier write may still be in flight.
    unsure: bool = False
    #: False if another write took over before anything of this one was sent.
    sent: bool = True


@dataclass(frozen=True, slots=True)
class Current:
    """A shopper's newest state, which Klaviyo should have."""

    version: int
    #: The Klaviyo properties as JSON.
    text: str
    #: The row's `dirty`.
    dirty: int = 0

    @property
    def properties(self) -> Properties:
        """The Klaviyo properties."""
        properties: Properties = from_json(self.text)
        return properties


@dataclass(frozen=True, slots=True)
class Settled:
    """The state of a shopper's row after a write has ended."""

    duty: Duty
    #: The row's new `dirty`. With `Duty.MEND` it is the ticket of the mending write.
    dirty: int = 0
    #: With `Duty.MEND`: what the mending write must send, and whether it is unsure.
    newest: Current | None = None
    unsure: bool = False


def duty_after(dirty: int, version: int, write: Write) -> Duty:
    """Return what remains after a write, given the row's values."""
    if write.version is None:
        return Duty.LEFT
    if dirty == write.ticket:
        return Duty.LEFT if write.unsure else Duty.NONE
    return Duty.LEFT if dirty > 0 and write.version >= version else Duty.MEND


def may_land_later(dirty: int) -> bool:
    """Return whether, by a row's `dirty`, a write that is not settled may still be in flight."""
    return dirty not in {0, FAILED}


def dirty_after(duty: Duty, row_version: int, *, unsure: bool) -> int:
    """Return the row's new `dirty`. `row_version` is the row's new version, and the ticket of a mending write."""
    left = -row_version if unsure else FAILED
    return {Duty.NONE: 0, Duty.LEFT: left, Duty.MEND: row_version}[duty]


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
        if not write.sent and row.dirty != write.ticket:
            # Nothing of it is in flight, so the row belongs to the other write.
            end.settled[row.shopper_id] = Settled(Duty.LEFT, row.dirty)
            continue
        duty = duty_after(row.dirty, row.version, write)
        row_version = row.row_version + 1
        unsure = write.unsure or (row.dirty != write.ticket and may_land_later(row.dirty))
        dirty = dirty_after(duty, row_version, unsure=unsure)
        end.settled[row.shopper_id] = Settled(duty, dirty, Current(row.version, row.said), unsure)
        written = max(row.written_version, write.version or 0)
        to = {"row": row_version, "to_written": written, "to_dirty": dirty}
        end.changed.append({"of_shopper": row.shopper_id} | to)
        if duty is not Duty.MEND:
            entry = {"shopper_id": row.shopper_id, "written_at": at}
            end.entries.extend(entry | {"unique_id": name, "upload_id": one} for name, one in write.events.items())
    return end
