"""
Every event that travels on a topic, as a frozen model. No behaviour beyond validation.

The docstrings are the descriptions in schemas/jsonschema/ and schemas/asyncapi.yaml, which other teams read.
"""

import operator
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from schemas.parts import (
    BBox,
    Direction,
    Engine,
    Evidence,
    EvidenceKind,
    FrozenModel,
    Identity,
    Labels,
    Messages,
    Moment,
    Photo,
    PhotoRead,
    Quality,
    QualityDetail,
    Seen,
    SeenValue,
    Sha256,
    ShopperId,
    Tag,
    TagId,
    TextLine,
    UploadId,
)

__all__ = [
    "EVENTS",
    "SCHEMA_VERSION",
    "BBox",
    "DeadLetter",
    "Direction",
    "Engine",
    "Event",
    "Evidence",
    "EvidenceKind",
    "FeedbackCode",
    "FeedbackDetail",
    "FrozenModel",
    "Identity",
    "Labels",
    "Messages",
    "OutfitTagged",
    "Photo",
    "PhotoRead",
    "PhotoUploaded",
    "ProfileSynced",
    "Quality",
    "QualityDetail",
    "Seen",
    "SeenValue",
    "Sha256",
    "ShopperId",
    "Tag",
    "TagId",
    "TextLine",
    "TextRecognized",
    "UploadFeedback",
    "UploadId",
]

SCHEMA_VERSION = 1


class Event(FrozenModel):
    """The fields that every event has."""

    #: CloudEvents type of the event.
    ce_type: ClassVar[str]
    #: Name of the field with the time of the event, for `ce_time`.
    time_field: ClassVar[str]

    schema_version: Literal[1] = 1
    """Version of this event's schema. Readers reject other versions. Fields may be added within a version."""
    upload_id: UploadId
    """Id of the upload: one photo that a shopper posted. All events of the upload carry it, also as `ce_id`."""
    shopper_id: ShopperId
    """The shop's id of the shopper, and the key of every message."""
    uploaded_at: Moment
    """When the shopper posted the photo, with time zone."""
    backfill: bool = False
    """True for an old upload that is processed again: it is recorded everywhere, but triggers no Klaviyo flow."""

    def carried(self) -> dict[str, Any]:
        """Return the fields that every later event of the same upload repeats."""
        return {name: getattr(self, name) for name in ("upload_id", "shopper_id", "uploaded_at", "backfill")}


def _identity_is_optional(schema: dict[str, Any]) -> None:
    # Producers may omit it. The validator below then fills it in, so readers always get one.
    schema["required"].remove("identity")


class PhotoUploaded(Event):
    """A shopper posted a photo, and the photo is stored."""

    model_config = ConfigDict(json_schema_extra=_identity_is_optional)
    ce_type: ClassVar[str] = "hangtag.photo-uploaded.v1"
    time_field: ClassVar[str] = "uploaded_at"

    photo: Photo
    """The stored photo."""
    identity: Identity
    """Identifiers of the shopper at Klaviyo. The default is `external_id = shopper_id`."""
    locale: Annotated[str, StringConstraints(max_length=35)] | None = None
    """The shopper's language as a BCP 47 tag, for example `zh-CN`."""

    @model_validator(mode="before")
    @classmethod
    def _known_by_shopper_id(cls, data: object) -> object:
        if isinstance(data, dict) and data.get("identity") is None and isinstance(data.get("shopper_id"), str):
            return data | {"identity": {"external_id": data["shopper_id"]}}
        return data


class TextRecognized(Event):
    """The recognized text of a photo. `texts` is empty if the photo has no text."""

    ce_type: ClassVar[str] = "hangtag.text-recognized.v1"
    time_field: ClassVar[str] = "recognized_at"

    photo: PhotoRead
    """The photo that was read."""
    identity: Identity
    """Identifiers of the shopper at Klaviyo."""
    texts: tuple[TextLine, ...]
    """The recognized lines. `evidence.line` of a tag is an index into them."""
    quality: Quality
    """How readable the photo was."""
    seen: Seen | None = Field(default=None, exclude_if=operator.not_)
    """What a look at the picture showed. Absent if nothing looked, or no answer came in time."""
    engine: Engine
    """The OCR engine that read the photo."""
    recognized_at: Moment
    """When the photo was read."""


class OutfitTagged(Event):
    """The tags of one upload. Only a correction (`backfill`) may have none: it removes the tags sent before."""

    ce_type: ClassVar[str] = "hangtag.outfit-tagged.v1"
    time_field: ClassVar[str] = "tagged_at"

    identity: Identity
    """Identifiers of the shopper at Klaviyo."""
    tags: tuple[Tag, ...]
    """The tags, without duplicates."""
    lexicon_version: str
    """Content hash of the lexicon."""
    engine: Engine
    """The OCR engine that read the photo."""
    look: Engine | None = Field(default=None, exclude_if=operator.not_)
    """What looked at the photo. Absent if nothing did; then every tag was read."""
    tagged_at: Moment
    """When the upload was tagged."""

    @model_validator(mode="after")
    def _has_tags_or_corrects(self) -> Self:
        if not self.tags and not self.backfill:
            raise ValueError("only a correction (backfill) may have no tags")
        return self


class ProfileSynced(Event):
    """The shopper's Klaviyo profile is up to date with their style profile."""

    ce_type: ClassVar[str] = "hangtag.profile-synced.v1"
    time_field: ClassVar[str] = "synced_at"

    outcome: Literal["written", "unchanged", "forgotten"]
    """`unchanged`: Klaviyo had the same state already. `forgotten`: the shopper was erased, so nothing was written."""
    lane: Literal["single", "bulk"]
    """How it was written: in a request of its own, or in a bulk job with other profiles."""
    profile_version: Annotated[int, Field(ge=0)]
    """Version of the style profile that was written; higher is newer."""
    synced_at: Moment
    """When Klaviyo accepted it."""


FeedbackCode = Literal["blurry", "no_text", "unreadable", "too_large", "unsupported"]
FeedbackDetail = Literal["too_long", "mirrored", "script_unsupported", "cut_off"]


class UploadFeedback(Event):
    """The photo could not be used, or only in part, with a message that says what the shopper can do."""

    ce_type: ClassVar[str] = "hangtag.upload-feedback.v1"
    time_field: ClassVar[str] = "judged_at"

    code: FeedbackCode
    """Why the photo could not be used, or only in part."""
    detail: FeedbackDetail | None = None
    """A more exact reason than `code`, if there is one."""
    messages: Messages
    """The message for the shopper."""
    judged_at: Moment
    """When the photo was judged."""


class DeadLetter(FrozenModel):
    """Why a stage could not process a message. These fields travel as headers; the message itself stays unchanged."""

    topic: str
    partition: int
    offset: int
    stage: str
    exception_class: str
    message: str
    reason: str
    attempts: Annotated[int, Field(ge=1)]


EVENTS: tuple[type[Event], ...] = (PhotoUploaded, TextRecognized, OutfitTagged, ProfileSynced, UploadFeedback)
