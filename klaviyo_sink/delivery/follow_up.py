"""
Shoppers whose rows stayed dirty, to be written once more when all requests in flight have ended.

The stage tries a failed event again, but not in a process that lost the shopper in a rebalance. That process's late
write may still be the last to arrive. Kept in memory, one event per shopper; the row itself stays dirty until then.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from schemas.events import OutfitTagged

#: Most shoppers remembered. The oldest ones beyond that wait for their next upload.
MOST: Final = 10_000


class FollowUps:
    """Calls `write` with an event of each added shopper, `after_s` seconds later. Close it with `clear`."""

    def __init__(self, write: Callable[[OutfitTagged], None], after_s: float) -> None:
        self._write, self._after_s = write, after_s
        self._waiting: OrderedDict[str, asyncio.TimerHandle] = OrderedDict()
        #: What rows were left with, by shopper, whose time is up.
        self._landed: OrderedDict[str, int | None] = OrderedDict()

    def add(self, event: OutfitTagged, dirty: int | None = None) -> None:
        """
        Write a shopper again later; the time begins anew if the shopper waits already.

        `dirty` is what the shopper's row was left with; None: the database failed before it could say so.
        """
        earlier = self._waiting.pop(event.shopper_id, None)
        if earlier is not None:
            earlier.cancel()
        self._landed.pop(event.shopper_id, None)
        timer = asyncio.get_running_loop().call_later(self._after_s, self._due, event, dirty)
        self._waiting[event.shopper_id] = timer
        if len(self._waiting) > MOST:
            self._waiting.popitem(last=False)[1].cancel()

    def all_landed(self, shopper_id: str, dirty: int) -> bool:
        """Tell whether all that was on its way when the shopper's row was left with this `dirty` has landed by now."""
        return self._landed.get(shopper_id) == dirty

    @property
    def waiting(self) -> int:
        """Number of shoppers who wait."""
        return len(self._waiting)

    def clear(self) -> None:
        """Drop everything."""
        for timer in self._waiting.values():
            timer.cancel()
        self._waiting.clear()
        self._landed.clear()

    def _due(self, event: OutfitTagged, dirty: int | None) -> None:
        del self._waiting[event.shopper_id]
        self._landed[event.shopper_id] = dirty
        if len(self._landed) > MOST:
            self._landed.popitem(last=False)
        self._write(event)
