"""
A number of slots, taken and given back in the order of asking. Pure asyncio.

As asyncio's own Semaphore, which walks all who were woken and have not run yet each time a slot is given back: with
thousands waiting, and a whole job's answers coming at once, that was 4 % of a sync stage's time.
"""

import asyncio
from collections import deque


class Slots:
    """`async with slots:` holds one."""

    def __init__(self, count: int) -> None:
        """Make them, all free."""
        self._free = count
        self._asking: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        """Take a slot; wait where none is free."""
        # While anyone waits none is free: a slot given back is handed on, and never lies about for late comers.
        if self._free:
            self._free -= 1
            return
        handed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asking.append(handed)
        try:
            await handed
        except asyncio.CancelledError:
            if handed.done() and not handed.cancelled():
                self._give_back()
            raise

    async def __aexit__(self, *_: object) -> None:
        """Give it back."""
        self._give_back()

    def _give_back(self) -> None:
        while self._asking:
            handed = self._asking.popleft()
            if not handed.done():
                handed.set_result(None)
                return
        self._free += 1
