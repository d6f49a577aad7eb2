"""
Shoppers whose rows were left dirty, to be written once more when whatever was on its way has landed.

The stage gives a failed event again, but not to a process that lost the shopper in a rebalance meanwhile: its late
write may be the last to land all the same. Kept in memory, one event a shopper: a row stays dirty until it is mended.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from schemas.events import OutfitTagged

#: Shoppers remembered; beyond them the oldest wait for their next upload.
MOST: Final = 10_000


class FollowUps:
    """Calls `write` with an event of each shopper that was added, `after_s` later. Close it with `clear`."""

    def __init__(self, write: Callable[[OutfitTagged], None], after_s: float) -> None:
        self._write, self._after_s = write, after_s
        self._waiting: OrderedDict[str, asyncio.TimerHandle] = OrderedDict()

    def add(self, event: OutfitTagged) -> None:
        """Write a shopper again later; the time begins anew if the shopper waits already."""
        earlier = self._waiting.pop(event.shopper_id, None)
        if earlier is not None:
            earlier.cancel()
        timer = asyncio.get_running_loop().call_later(self._after_s, self._due, event)
        self._waiting[event.shopper_id] = timer
        if len(self._waiting) > MOST:
            self._waiting.popitem(last=False)[1].cancel()

    @property
    def waiting(self) -> int:
        """Shoppers who wait to be written again."""
        return len(self._waiting)

    def clear(self) -> None:
        """Forget everyone."""
        for timer in self._waiting.values():
            timer.cancel()
        self._waiting.clear()

    def _due(self, event: OutfitTagged) -> None:
        del self._waiting[event.shopper_id]
        self._write(event)
