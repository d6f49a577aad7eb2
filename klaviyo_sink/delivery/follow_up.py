"""
Writes shoppers whose rows stayed dirty once more, when all requests in flight have ended.

The stage retries a failed event, but not in a process that lost the shopper in a rebalance. A late write of that
process may still arrive last. Kept in memory, one event per shopper; the row stays dirty until then.

Two processes may have the same shopper here. If each wrote as soon as its time is up, each write would change the row
for the other, and they would write in turns for ever. So a process first looks at the row. It writes only if nobody has
written since; otherwise it looks again later.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from schemas.events import OutfitTagged

#: Most shoppers remembered. The oldest ones beyond that wait for their next upload.
MOST: Final = 10_000

#: Returns the `dirty` of a shopper's row: 0 if the row is clean or missing, None if the database failed.
FindDirty = Callable[[str], Awaitable[int | None]]


class FollowUps:
    """Calls `write` with an event of each added shopper once its row is unchanged for `after_s` seconds."""

    def __init__(self, write: Callable[[OutfitTagged], None], find_dirty: FindDirty, after_s: float) -> None:
        """`after_s`: seconds after which every request has ended. Close it with `clear`."""
        self._write, self._find_dirty, self._after_s = write, find_dirty, after_s
        self._waiting: OrderedDict[str, asyncio.TimerHandle] = OrderedDict()
        self._looking: dict[str, asyncio.Task[None]] = {}
        #: For shoppers whose time is up, the `dirty` that the last write left in the row.
        self._landed: OrderedDict[str, int | None] = OrderedDict()

    def add(self, event: OutfitTagged, dirty: int | None = None) -> None:
        """
        Write a shopper again later. If the shopper waits already, the time begins anew.

        `dirty` is the value that the last write left in the shopper's row; None: unknown, because the database failed.
        """
        self._drop(event.shopper_id)
        self._landed.pop(event.shopper_id, None)
        timer = asyncio.get_running_loop().call_later(self._after_s, self._due, event, dirty)
        self._waiting[event.shopper_id] = timer
        if len(self._waiting) > MOST:
            self._waiting.popitem(last=False)[1].cancel()

    def all_landed(self, shopper_id: str, dirty: int) -> bool:
        """Return whether every request in flight when the row got this `dirty` has ended by now."""
        return self._landed.get(shopper_id) == dirty

    @property
    def waiting(self) -> frozenset[str]:
        """The shoppers who wait."""
        return frozenset(self._waiting.keys() | self._looking.keys())

    def clear(self) -> None:
        """Drop everything."""
        for shopper_id in self.waiting:
            self._drop(shopper_id)
        self._landed.clear()

    def _drop(self, shopper_id: str) -> None:
        for pending in (self._waiting.pop(shopper_id, None), self._looking.pop(shopper_id, None)):
            if pending is not None:
                pending.cancel()

    def _due(self, event: OutfitTagged, dirty: int | None) -> None:
        del self._waiting[event.shopper_id]
        self._looking[event.shopper_id] = asyncio.get_running_loop().create_task(self._look(event, dirty))

    async def _look(self, event: OutfitTagged, dirty: int | None) -> None:
        now = await self._find_dirty(event.shopper_id)
        del self._looking[event.shopper_id]
        if now is None or now not in {0, dirty}:
            self.add(event, now)
        elif now:
            # A positive value is the ticket of a write that may have waited for the limits, and left just now.
            if now < 0:
                self._landed[event.shopper_id] = dirty
                if len(self._landed) > MOST:
                    self._landed.popitem(last=False)
            self._write(event)
