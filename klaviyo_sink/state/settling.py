"""
What remains to be done for a shopper once a write to Klaviyo has ended. Pure; knows no query.

Klaviyo has no conditional write: of two writes on their way at once the older may land last. So each write takes a
ticket when it begins, which the shopper's row keeps as `dirty` until that write has ended well. A row that says
otherwise at the end of a write shows that another process wrote meanwhile:

    dirty at the end        what it means                                    what the ended write does
    our own ticket          nobody began after us                            nothing, the row is clean
    0                       a later write came and went, ours may be last    mend: send the newest state again
    negative                a write failed, or left us the duty              mend
    another's ticket        a later write is on its way                      mend if ours was not the newest version,
                                                                             else leave it to that one, which mends

A write that failed, or whose answer was lost, always leaves a negative `dirty`: whoever writes the row next sends the
profile by itself, not only with an event that Klaviyo may know already and drop. So does a write that began while
another's was not settled, since that one may land last and its process die before it settles. Whoever leaves a row
dirty looks at it again once whatever was on its way has landed (`follow_up.py`). The event behind a duty is entered in
the ledger only once the duty is fulfilled or left to another; and an event that comes again and is not in the ledger
has its profile sent by itself, too.
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
    #: The row stays dirty: whoever writes next mends it, and we look at it again later.
    LEFT = "left"
    MEND = "mend"


@dataclass(frozen=True, slots=True)
class Write:
    """How the write to a shopper's profile ended that began with `ticket`."""

    shopper_id: str
    ticket: int
    #: The version that Klaviyo took; None: the write failed, or its answer was lost.
    version: int | None
    #: The events that Klaviyo took: upload ids by the events' names.
    events: Mapping[str, str] = field(default_factory=dict)
    #: Whether it began while another's write was not settled.
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class Current:
    """A shopper's newest state: what Klaviyo should have now."""

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
    """How a shopper's row stands after a write has ended."""

    duty: Duty
    #: With `Duty.MEND`: the ticket of the mending write, and what it must send.
    ticket: int = 0
    newest: Current | None = None
    unsure: bool = False


def duty_after(dirty: int, version: int, write: Write) -> Duty:
    """Tell what remains after a write, given how the row stands."""
    if write.version is None:
        return Duty.LEFT
    if dirty == write.ticket:
        return Duty.LEFT if write.unsure else Duty.NONE
    return Duty.LEFT if dirty > 0 and write.version >= version else Duty.MEND


def dirty_after(duty: Duty, row_version: int) -> int:
    """Give the row's new `dirty`; `row_version` is the row's new one, and the ticket of a mending write."""
    return {Duty.NONE: 0, Duty.LEFT: -row_version, Duty.MEND: row_version}[duty]


@dataclass(frozen=True, slots=True)
class End:
    """Writes that ended and are not yet stored: how rows stand, rows to change, and entries of the ledger."""

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
