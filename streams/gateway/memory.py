"""
The statuses of recent uploads, limited in time and number. Callers can wait for a change.

Knows no HTTP and no Kafka. Use it from one event loop only.
"""

import asyncio
import heapq
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime

from schemas.events import DeadLetter, Event
from schemas.steady_clock import now as steady_now
from streams.index.status import Status, after, stopped


class Memory:
    """The status of the most recently changed uploads: for `keep_s` seconds, and at most `most` of them."""

    def __init__(self, *, keep_s: float, most: int, clock: Callable[[], datetime] = steady_now) -> None:
        """Create an empty memory."""
        self._keep_s, self._most, self._clock = keep_s, most, clock
        self._known: dict[str, Status] = {}
        #: A heap of the times at which uploads changed, oldest first, because messages arrive in any order. An upload
        #: that changed again is in it twice; the older entry no longer counts.
        self._changes: list[tuple[datetime, str]] = []
        #: By upload, the futures of callers that wait for a change. The result is whether the upload is still known.
        self._waiting: dict[str, set[asyncio.Future[bool]]] = {}
        self._closed = False

    def __len__(self) -> int:
        return len(self._known)

    def get(self, upload_id: str) -> Status | None:
        """Return the status of an upload; None if it is unknown or no longer remembered."""
        return self._known.get(upload_id)

    def note(self, event: Event, at: datetime) -> Status:
        """Update the upload's status with an event."""
        status = self._known.get(event.upload_id) or Status(upload_id=event.upload_id, changed_at=at)
        return self._put(after(status, event, at))

    def note_letter(self, upload_id: str, letter: DeadLetter, at: datetime) -> None:
        """Update the upload's status with a dead letter. Ignores one without a valid upload id."""
        with suppress(ValueError):
            self._put(stopped(self._known.get(upload_id) or Status(upload_id=upload_id, changed_at=at), letter, at))

    def recall(self, status: Status) -> None:
        """Add a status from the index, unless the memory has one of this upload."""
        if status.upload_id not in self._known:
            self._put(status, evict=False)

    async def other_than(self, seen: Status, *, limit_s: float) -> Status | None:
        """Wait until the status differs from `seen`; return None once the upload is dropped or the memory is closed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while not self._closed:
                    newer = self._known.get(seen.upload_id)
                    if newer is not None and newer != seen:
                        return newer
                    if not await self._change(seen.upload_id):
                        return None
        return None if self._closed else seen

    async def known(self, upload_id: str, *, limit_s: float) -> bool:
        """Wait until an upload is known, at most `limit_s` seconds. Return whether it is."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while not self._closed and upload_id not in self._known:
                    await self._change(upload_id)
        return upload_id in self._known

    def drop(self, upload_ids: Collection[str]) -> None:
        """Drop uploads, and end the waits for their changes."""
        if not upload_ids:
            return
        gone = frozenset(upload_ids)
        for upload_id in gone:
            self._known.pop(upload_id, None)
        # Remove the ids too, because they may name the shopper. One pass for all, because the list is long.
        self._changes = [one for one in self._changes if one[1] not in gone]
        heapq.heapify(self._changes)
        for upload_id in gone:
            self._wake(upload_id, known=False)

    def close(self) -> None:
        """End all waits, and all later ones at once."""
        self._closed = True
        for upload_id in tuple(self._waiting):
            self._wake(upload_id, known=False)

    async def _change(self, upload_id: str) -> bool:
        """Wait for a change. Return False if the upload was dropped."""
        bell: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        bells = self._waiting.setdefault(upload_id, set())
        bells.add(bell)
        try:
            return await bell
        finally:
            bells.discard(bell)
            if not bells and self._waiting.get(upload_id) is bells:
                del self._waiting[upload_id]

    def _put(self, status: Status, *, evict: bool = True) -> Status:
        before = self._known.get(status.upload_id)
        self._known[status.upload_id] = status
        if before is None or before.changed_at != status.changed_at:
            heapq.heappush(self._changes, (status.changed_at, status.upload_id))
        if evict:
            self._evict()
        self._wake(status.upload_id, known=True)
        return status

    def _evict(self) -> None:
        """Remove the uploads that changed longest ago. Callers that wait for one of them continue to wait."""
        now = self._clock()
        while self._changes:
            changed_at, upload_id = self._changes[0]
            status = self._known.get(upload_id)
            if status is not None and status.changed_at == changed_at:
                if len(self._known) <= self._most and (now - changed_at).total_seconds() <= self._keep_s:
                    return
                del self._known[upload_id]
            heapq.heappop(self._changes)

    def _wake(self, upload_id: str, *, known: bool) -> None:
        for bell in self._waiting.get(upload_id, ()):
            if not bell.done():
                bell.set_result(known)
