"""
Readings in progress, one per photo, and finished ones whose caller had left.

A caller who disconnects usually retries. So a reading that has begun continues, and the next request for the same photo
gets its result. Kept in memory only, few and for minutes; knows no HTTP.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from ocr_worker.result import Reading, Refused
from schemas.outcomes import Later, Misconfigured

Outcome: TypeAlias = Reading | Refused | Later | Misconfigured
#: Reads a photo, and calls back when it has left the queue.
Read: TypeAlias = Callable[[bytes, Callable[[], None]], Awaitable[Outcome]]

#: How many finished readings are kept, and for how many seconds.
_MOST, _KEPT_S = 128, 300.0


@dataclass(slots=True, eq=False)
class _Work:
    task: asyncio.Task[Outcome]
    begun: bool = False
    callers: int = 0


class Readings:
    """Shares readings between callers. Use it from one event loop only."""

    def __init__(self, read: Read, clock: Callable[[], float] = time.monotonic) -> None:
        self._read, self._clock = read, clock
        self._works: dict[bytes, _Work] = {}
        #: The finished readings that are kept, oldest first.
        self._finished: dict[bytes, tuple[float, Reading]] = {}

    async def get(self, photo: bytes) -> Outcome:
        """
        Read a photo, or return a reading of it from before.

        May be cancelled. A photo in the queue is then dropped; a reading that has begun continues.
        """
        digest = hashlib.sha256(photo).digest()
        self._drop_old()
        if digest in self._finished:
            return self._finished.pop(digest)[1]
        work = self._works.get(digest) or self._begin(digest, photo)
        work.callers += 1
        try:
            return await asyncio.shield(work.task)
        finally:
            work.callers -= 1
            if not work.callers and not work.begun:
                work.task.cancel()
                self._works.pop(digest, None)

    async def aclose(self) -> None:
        """Cancel everything in progress."""
        tasks = [work.task for work in self._works.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, digest: bytes, photo: bytes) -> _Work:
        def began() -> None:
            work.begun = True

        async def read() -> Outcome:
            return await self._read(photo, began)

        work = _Work(asyncio.create_task(read()))
        self._works[digest] = work
        work.task.add_done_callback(lambda task: self._end(digest, work, task))
        return work

    def _end(self, digest: bytes, work: _Work, task: asyncio.Task[Outcome]) -> None:
        if self._works.get(digest) is work:
            del self._works[digest]
        if task.cancelled() or work.callers:
            return
        if task.exception() is None and isinstance(reading := task.result(), Reading):
            self._finished[digest] = (self._clock(), reading)
            if len(self._finished) > _MOST:
                del self._finished[next(iter(self._finished))]

    def _drop_old(self) -> None:
        while self._finished:
            oldest = next(iter(self._finished))
            if self._clock() - self._finished[oldest][0] < _KEPT_S:
                return
            del self._finished[oldest]
