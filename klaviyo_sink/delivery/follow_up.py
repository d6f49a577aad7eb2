"""
Shoppers whose rows stayed dirty, to be written once more when all requests in flight have ended.

The stage tries a failed event again, but not in a process that lost the shopper in a rebalance. That process's late
write may still be the last to arrive. Kept in memory, one event per shopper; the row itself stays dirty until then.

Two processes may have the same shopper here. If each wrote whenever its time is up, each write would be news to the
other, and they would write in turns for ever. So a process first looks at the row: only if nobody has written since
does it write, otherwise it looks again later.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from schemas.events import OutfitTagged

#: Most shoppers remembered. The oldest ones beyond that wait for their next upload.
MOST: Final = 10_000

#: Returns what a shopper's row says of earlier writes: 0 if the row is clean or missing, None if the database failed.
FindDirty = Callable[[str], Awaitable[int | None]]


class FollowUps:
    """Calls `write` with an event of each added shopper once its row is unchanged for `after_s` seconds."""

    def __init__(self, write: Callable[[OutfitTagged], None], find_dirty: FindDirty, after_s: float) -> None:
        """`after_s`: seconds after which every request has landed. Close it with `clear`."""
        self._write, self._find_dirty, self._after_s = write, find_dirty, after_s
        self._waiting: OrderedDict[str, asyncio.TimerHandle] = OrderedDict()
        self._looking: dict[str, asyncio.Task[None]] = {}
        #: What rows were left with, by shopper, whose time is up.
        self._landed: OrderedDict[str, int | None] = OrderedDict()

    def add(self, event: OutfitTagged, dirty: int | None = None) -> None:
        """
        Write a shopper again later; the time begins anew if the shopper waits already.

        `dirty` is what the shopper's row was left with; None: the database failed before it could say so.
        """
        self._drop(event.shopper_id)
        self._landed.pop(event.shopper_id, None)
        timer = asyncio.get_running_loop().call_later(self._after_s, self._due, event, dirty)
        self._waiting[event.shopper_id] = timer
        if len(self._waiting) > MOST:
            self._waiting.popitem(last=False)[1].cancel()

    def all_landed(self, shopper_id: str, dirty: int) -> bool:
        """Tell whether all that was on its way when the shopper's row was left with this `dirty` has landed by now."""
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
            self._landed[event.shopper_id] = dirty
            if len(self._landed) > MOST:
                self._landed.popitem(last=False)
            self._write(event)
