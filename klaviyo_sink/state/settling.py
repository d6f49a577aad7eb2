"""
What remains to be done for a shopper once a write to Klaviyo has ended. Pure; knows no query.

Klaviyo has no conditional write: of two writes on their way at once the older may land last. So each write takes a
ticket when it begins, which the shopper's row keeps as `dirty` until that write has ended well. A row that says
otherwise at the end of a write shows that another process wrote meanwhile:

    dirty at the end        what it means                                    what the ended write does
    our own ticket          nobody began after us                            the row is clean
    0                       a later write came and went, ours may be last    mend: send the newest state again
    negative                a write failed, or left us the duty              mend
    another's ticket        a later write is on its way                      mend if ours was not the newest version,
                                                                             else leave it to that one, which mends

A write that failed, or whose answer was lost, always leaves a negative `dirty`: whoever writes the row next sends the
profile by itself, not only with an event that Klaviyo may know already and drop. A duty survives the crash of whoever
took it on, since the event that caused it is acknowledged, and entered in the ledger, only once the duty is fulfilled
or left to another; and an event that comes again and is not in the ledger has its profile sent by itself, too.
"""

from enum import Enum


class Duty(Enum):
    """What remains to be done for the profile at Klaviyo."""

    NONE = "none"
    #: Another write is on its way, and mends when it ends.
    LEFT = "left"
    MEND = "mend"


def duty_after(dirty: int, ticket: int, version: int, delivered: int | None) -> Duty:
    """Tell what remains after the write with `ticket`, given how the row stands and the version that was delivered."""
    if delivered is None:
        return Duty.LEFT
    if dirty == ticket:
        return Duty.NONE
    return Duty.LEFT if dirty > 0 and delivered >= version else Duty.MEND


def dirty_after(duty: Duty, row_version: int) -> int:
    """Give the row's new `dirty`; `row_version` is the row's new one, and the ticket of a mending write."""
    return {Duty.NONE: 0, Duty.LEFT: -row_version, Duty.MEND: row_version}[duty]
