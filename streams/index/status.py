"""
Computes the status of an upload from its events and dead letters, for the gateway, `hangtag trace` and the demo.

Pure: knows no HTTP, no Kafka and no clock. A status contains no text, no identity and no shopper's id.
"""

import operator
from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from schemas.events import (
    DeadLetter,
    Event,
    FeedbackCode,
    FeedbackDetail,
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

StepName = Literal["uploaded", "recognized", "tagged", "synced"]
#: How an upload can end.
Ending = Literal["synced", "feedback", "no_tags", "dead_letter"]
_ORDER: tuple[StepName, ...] = ("uploaded", "recognized", "tagged", "synced")
_STEP_OF: dict[type[Event], StepName] = {
    PhotoUploaded: "uploaded",
    TextRecognized: "recognized",
    OutfitTagged: "tagged",
    ProfileSynced: "synced",
}
#: The step that each stage completes.
_STEP_BY: dict[str, StepName] = {"recognize": "recognized", "tag": "tagged", "sync": "synced"}


class Feedback(FrozenModel):
    """Why the photo is unusable, and the message for the shopper."""

    code: FeedbackCode
    detail: FeedbackDetail | None = Field(None, exclude_if=operator.not_)
    messages: Messages

    @property
    def is_partial(self) -> bool:
        """Whether some of the photo's text was read, which may still give tags."""
        return self.code == "blurry" or self.detail is not None


class Failure(FrozenModel):
    """Where the upload stopped, and why: a dead letter, which someone may replay."""

    stage: str
    reason: str


class Status(FrozenModel):
    """The status of an upload."""

    upload_id: UploadId
    step: StepName = "uploaded"
    """The last step that was completed. A photo whose text gives no tag stays `recognized`."""
    final: bool = False
    """Nothing more will happen, unless someone replays what failed."""
    feedback: Feedback | None = None
    """Set when the shopper should upload another photo."""
    failure: Failure | None = None
    """Set if a stage could not process it."""
    tags: tuple[TagId, ...] = ()
    """The tags of this photo."""
    changed_at: AwareDatetime
    """When the status last changed."""
    sha256: Sha256 | None = Field(None, exclude=True, repr=False)


def after(status: Status, event: Event, at: datetime) -> Status:
    """
    Return the status after one more event.

    Events may arrive in any order, because the topics are read in parallel.
    """
    facts = _facts(status, at)
    facts["step"] = max(status.step, _STEP_OF.get(type(event), status.step), key=_ORDER.index)
    if isinstance(event, PhotoUploaded):
        facts["sha256"] = event.photo.sha256
    elif isinstance(event, OutfitTagged):
        facts["tags"] = tuple(tag.id for tag in event.tags)
    elif isinstance(event, UploadFeedback):
        facts["feedback"] = Feedback(code=event.code, detail=event.detail, messages=event.messages)
    return _settled(facts)


def stopped(status: Status, letter: DeadLetter, at: datetime) -> Status:
    """Return the status after one more dead letter. Of two letters, that of the later stage counts."""
    failure = Failure(stage=letter.stage, reason=letter.reason)
    if status.failure is not None and _missed(status.failure) > _missed(failure):
        failure = status.failure
    return _settled(_facts(status, at) | {"failure": failure})


def ending(status: Status, *, tag_stage_past: bool = False) -> Ending | None:
    """
    Return how the upload ended, or None if it has not ended.

    `tag_stage_past`: the tag stage has committed the upload's text. The topics do not show that, so without it a text
    that gives no tag counts as not ended.
    """
    if status.step == "synced":
        return "synced"
    if status.failure is not None:
        return "dead_letter"
    if status.step == "tagged":
        return None
    if status.feedback is not None and (not status.feedback.is_partial or tag_stage_past):
        return "feedback"
    return "no_tags" if tag_stage_past else None


def _facts(status: Status, at: datetime) -> dict[str, Any]:
    return dict(status) | {"changed_at": max(status.changed_at, at)}


def _missed(failure: Failure) -> int:
    """Return the index of the step that a failure prevented."""
    return _ORDER.index(_STEP_BY.get(failure.stage, "synced"))


def _settled(facts: dict[str, Any]) -> Status:
    status = Status.model_validate(facts)
    if status.failure is not None and _missed(status.failure) <= _ORDER.index(status.step):
        # The step was completed after all, because someone replayed the letter.
        status = status.model_copy(update={"failure": None})
    final = ending(status) is not None
    return status if status.final == final else status.model_copy(update={"final": final})
