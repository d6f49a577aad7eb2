"""
The gateway's memory of upload statuses, bounded in time and number. Lets callers wait for a change.

Knows no HTTP and no Kafka. Used from one event loop only.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from schemas.events import DeadLetter, Event
from schemas.steady_clock import now as steady_now
from streams.index.status import Status, after, stopped


class Memory:
    """The status of the uploads that changed last: for `keep_s` seconds, and at most `most` of them."""

    def __init__(self, *, keep_s: float, most: int, clock: Callable[[], datetime] = steady_now) -> None:
        """Start with none."""
        self._keep_s, self._most, self._clock = keep_s, most, clock
        self._known: OrderedDict[str, Status] = OrderedDict()
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}
        self._closed = False

    def __len__(self) -> int:
        return len(self._known)

    def get(self, upload_id: str) -> Status | None:
        """Return the status of an upload; None if it is unknown or no longer remembered."""
        return self._known.get(upload_id)

    def note(self, event: Event, at: datetime) -> Status:
        """Take in an event."""
        status = self._known.get(event.upload_id) or Status(upload_id=event.upload_id, changed_at=at)
        return self._put(after(status, event, at))

    def note_letter(self, upload_id: str, letter: DeadLetter, at: datetime) -> None:
        """Take in a dead letter. One without a valid upload id is ignored."""
        with suppress(ValueError):
            self._put(stopped(self._known.get(upload_id) or Status(upload_id=upload_id, changed_at=at), letter, at))

    async def other_than(self, seen: Status, *, limit_s: float) -> Status | None:
        """Wait until the status differs from `seen`; return None once the upload is evicted or the memory is closed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while not self._closed and self._known.get(seen.upload_id) == seen:
                    await self._change(seen.upload_id)
        return None if self._closed else self._known.get(seen.upload_id)

    async def known(self, upload_id: str, *, limit_s: float) -> bool:
        """Wait until something is known of an upload; False when nothing is after the limit."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while not self._closed and upload_id not in self._known:
                    await self._change(upload_id)
        return upload_id in self._known

    def drop(self, upload_id: str) -> None:
        """Forget an upload at once, and end the waiting for its changes."""
        if upload_id in self._known:
            self._forget(upload_id)

    def close(self) -> None:
        """End all waiting, for good."""
        self._closed = True
        for upload_id in tuple(self._waiting):
            self._wake(upload_id)

    async def _change(self, upload_id: str) -> None:
        bell: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        bells = self._waiting.setdefault(upload_id, set())
        bells.add(bell)
        try:
            await bell
        finally:
            bells.discard(bell)
            if not bells and self._waiting.get(upload_id) is bells:
                del self._waiting[upload_id]

    def _put(self, status: Status) -> Status:
        self._known[status.upload_id] = status
        self._known.move_to_end(status.upload_id)
        now = self._clock()
        while self._known:
            oldest = next(iter(self._known.values()))
            if len(self._known) <= self._most and (now - oldest.changed_at).total_seconds() <= self._keep_s:
                break
            self._forget(oldest.upload_id)
        self._wake(status.upload_id)
        return status

    def _forget(self, upload_id: str) -> None:
        del self._known[upload_id]
        self._wake(upload_id)

    def _wake(self, upload_id: str) -> None:
        for bell in self._waiting.get(upload_id, ()):
            if not bell.done():
                bell.set_result(None)
