"""
Gathers calls into batches: a shopper's waiting uploads stay together, and no shopper is in two batches at once.

Pure asyncio; knows neither events nor Klaviyo.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class Gatherer(Generic[T]):
    """The waiting items, by shopper. A shopper is ready, or busy between `take` and `release`."""

    def __init__(self) -> None:
        self._ready: OrderedDict[str, deque[T]] = OrderedDict()
        self._busy: dict[str, deque[T]] = {}
        self._changed = asyncio.Event()
        #: Number of items that may be taken now.
        self.ready = 0

    def add(self, shopper_id: str, item: T) -> None:
        """Append an item to the shopper's others."""
        behind = self._busy.get(shopper_id)
        if behind is not None:
            behind.append(item)
            return
        self._ready.setdefault(shopper_id, deque()).append(item)
        self.ready += 1
        self._changed.set()

    async def wait(self, count: int, timeout_s: float | None = None) -> None:
        """Wait until `count` items are ready, at most `timeout_s` seconds."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.ready < count:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return

    def take(self, most: int) -> dict[str, list[T]]:
        """Take shoppers in the order of arrival, up to `most` items, and mark them busy."""
        taken: dict[str, list[T]] = {}
        while self._ready and most > 0:
            shopper_id, waiting = self._ready.popitem(last=False)
            taken[shopper_id] = [waiting.popleft() for _ in range(min(most, len(waiting)))]
            most -= len(taken[shopper_id])
            self.ready -= len(taken[shopper_id]) + len(waiting)
            self._busy[shopper_id] = waiting
        return taken

    def release(self, shoppers: Iterable[str]) -> None:
        """Mark shoppers ready again."""
        for shopper_id in shoppers:
            waiting = self._busy.pop(shopper_id)
            if waiting:
                self._ready[shopper_id] = waiting
                self.ready += len(waiting)
        self._changed.set()

    def clear(self) -> list[T]:
        """Remove and return all waiting items."""
        left = [item for line in (*self._ready.values(), *self._busy.values()) for item in line]
        self._ready.clear()
        self.ready = 0
        for line in self._busy.values():
            line.clear()
        return left
