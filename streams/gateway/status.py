"""
What became of uploads lately, as the gateway tells it: put together from the topics, bounded in time and number.

Knows no HTTP and no Kafka. Holds no text, no identity and no shopper's id. Used from one event loop only.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from schemas.events import (
    DeadLetter,
    Event,
    FeedbackCode,
    FrozenModel,
    Messages,
    OutfitTagged,
    PhotoUploaded,
    ProfileSynced,
    Sha256,
    TagId,
    TextRecognized,
    UploadFeedback,
    UploadId,
)

Step = Literal["uploaded", "recognized", "tagged", "synced"]
_ORDER: tuple[Step, ...] = ("uploaded", "recognized", "tagged", "synced")
_STEP_OF: dict[type[Event], Step] = {
    PhotoUploaded: "uploaded",
    TextRecognized: "recognized",
    OutfitTagged: "tagged",
    ProfileSynced: "synced",
}
#: The step that each stage takes.
_STEP_BY: dict[str, Step] = {"recognize": "recognized", "tag": "tagged", "sync": "synced"}


class Feedback(FrozenModel):
    """Why the photo is unusable, and what to tell the shopper."""

    code: FeedbackCode
    messages: Messages


class Failure(FrozenModel):
    """Where the upload stopped, and why: a dead letter, which someone may replay."""

    stage: str
    reason: str


class Status(FrozenModel):
    """What became of an upload so far."""

    upload_id: UploadId
    step: Step = "uploaded"
    """The last step it took. A photo whose text gives no tag stays `recognized`."""
    final: bool = False
    """Nothing more will happen, unless someone replays what failed."""
    feedback: Feedback | None = None
    """Set when the shopper should upload another photo."""
    failure: Failure | None = None
    """Set when it stopped on the way."""
    tags: tuple[TagId, ...] = ()
    """The tags of this photo."""
    changed_at: AwareDatetime
    """When the last of this happened."""
    sha256: Sha256 | None = Field(None, exclude=True, repr=False)


def after(status: Status, event: Event, at: datetime) -> Status:
    """Give the status once this event was seen too. Topics are read side by side, so that events come in any order."""
    told = _told(status, at)
    told["step"] = max(status.step, _STEP_OF.get(type(event), status.step), key=_ORDER.index)
    if isinstance(event, PhotoUploaded):
        told["sha256"] = event.photo.sha256
    elif isinstance(event, OutfitTagged):
        told["tags"] = tuple(tag.id for tag in event.tags)
    elif isinstance(event, UploadFeedback):
        told["feedback"] = Feedback(code=event.code, messages=event.messages)
    return _judged(told)


def stopped(status: Status, letter: DeadLetter, at: datetime) -> Status:
    """Give the status once this dead letter was seen too: that of the later stage counts."""
    failure = Failure(stage=letter.stage, reason=letter.reason)
    if status.failure is not None and _missed(status.failure) > _missed(failure):
        failure = status.failure
    return _judged(_told(status, at) | {"failure": failure})


def _told(status: Status, at: datetime) -> dict[str, Any]:
    return dict(status) | {"changed_at": max(status.changed_at, at)}


def _missed(failure: Failure) -> int:
    """Tell which step a failure kept the upload from, by number."""
    return _ORDER.index(_STEP_BY.get(failure.stage, "synced"))


def _judged(told: dict[str, Any]) -> Status:
    status = Status.model_validate(told)
    failure = status.failure
    if failure is not None and _missed(failure) <= _ORDER.index(status.step):
        # The step was taken all the same: its letter was replayed.
        failure = None
    # A blurry photo may still have had a line that gives tags.
    unusable = status.feedback is not None and status.feedback.code != "blurry"
    final = status.step == "synced" or failure is not None or unusable
    return status.model_copy(update={"failure": failure, "final": final})


class Memory:
    """The uploads that changed last: for `keep_s` seconds, and at most `most` of them."""

    def __init__(self, *, keep_s: float, most: int, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Start with none."""
        self._keep_s, self._most, self._clock = keep_s, most, clock
        self._known: OrderedDict[str, Status] = OrderedDict()
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}
        self._closed = False

    def __len__(self) -> int:
        return len(self._known)

    def get(self, upload_id: str) -> Status | None:
        """Tell what became of an upload; None when nothing of it is known (any more)."""
        return self._known.get(upload_id)

    def note(self, event: Event, at: datetime) -> Status:
        """Take in an event."""
        status = self._known.get(event.upload_id) or Status(upload_id=event.upload_id, changed_at=at)
        return self._put(after(status, event, at))

    def note_letter(self, upload_id: str, letter: DeadLetter, at: datetime) -> None:
        """Take in a dead letter; one that names no upload that could be, is left."""
        with suppress(ValueError):
            self._put(stopped(self._known.get(upload_id) or Status(upload_id=upload_id, changed_at=at), letter, at))

    async def other_than(self, seen: Status, *, limit_s: float) -> Status | None:
        """Wait until the upload's status is not `seen` any more; None once it is forgotten, or all waiting is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while not self._closed and self._known.get(seen.upload_id) == seen:
                    await self._change(seen.upload_id)
        return None if self._closed else self._known.get(seen.upload_id)

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
