"""
Everything that travels on a topic, as frozen models. No behaviour beyond validation.

Fields marked `repr=False` hold what a shopper wrote or who they are: they must never reach a log.
The docstrings are the descriptions in schemas/jsonschema/ and schemas/asyncapi.yaml: they speak to other teams.
"""

import operator
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema, model_validator

SCHEMA_VERSION = 1

_NO_CONTROL = r"^[^\x00-\x1f\x7f-\x9f]+$"
UploadId = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=_NO_CONTROL)]
ShopperId = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=_NO_CONTROL)]
Email = Annotated[str, StringConstraints(max_length=100, pattern=r"^[^@\s]+@[^@\s]+$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Score = Annotated[float, Field(ge=0, le=1)]
#: `category/value`, lower case English, for example `material/organic-cotton`.
TagId = Annotated[str, StringConstraints(pattern=r"^[a-z]+(-[a-z]+)*/[a-z0-9]+([.-][a-z0-9]+)*$", max_length=80)]
#: x1, y1, x2, y2 in pixels of the upright original photo. Every draft of JSON Schema reads this schema alike.
BBox = Annotated[
    tuple[int, int, int, int],
    WithJsonSchema({"type": "array", "items": {"type": "integer"}, "minItems": 4, "maxItems": 4}),
]


class FrozenModel(BaseModel):
    """Frozen; unknown fields are ignored so that old readers survive new writers; errors never quote the input."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, use_attribute_docstrings=True)


class Identity(FrozenModel):
    """How Klaviyo knows the shopper. Exactly one identifier is sent, the first present in this order."""

    klaviyo_id: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    """Klaviyo's own id of the profile."""
    email: Email | None = Field(default=None, repr=False)
    """The shopper's e-mail address, at most 100 characters: Klaviyo's own limit (openapi 2026-07-15)."""
    external_id: ShopperId | None = None
    """The shop's own id of the shopper."""

    @model_validator(mode="after")
    def _one_at_least(self) -> Self:
        if self.klaviyo_id is None and self.email is None and self.external_id is None:
            msg = "identity needs klaviyo_id, email or external_id"
            raise ValueError(msg)
        return self


class Event(FrozenModel):
    """What every event carries."""

    #: CloudEvents type of the event.
    ce_type: ClassVar[str]
    #: Name of the field that says when it happened, for `ce_time`.
    time_field: ClassVar[str]

    schema_version: Literal[1] = 1
    """Version of this event's schema. Readers refuse one they do not know; fields may be added within one."""
    upload_id: UploadId
    """The upload: one photo a shopper posted. The same in every event it leads to, and `ce_id` of each."""
    shopper_id: ShopperId
    """The shop's own id of the shopper, and the key of every message."""
    uploaded_at: AwareDatetime
    """When the shopper posted the photo, with a time zone."""
    backfill: bool = False
    """True for old uploads run through again: recorded everywhere, but sets off no Klaviyo flow."""

    def carried(self) -> dict[str, Any]:
        """Give the fields that every later event of the same upload repeats."""
        return {name: getattr(self, name) for name in ("upload_id", "shopper_id", "uploaded_at", "backfill")}


class Photo(FrozenModel):
    """Where the photo lies, as its producer says."""

    uri: Annotated[str, StringConstraints(min_length=1, max_length=2048)]
    """Address in the photo store."""
    sha256: Sha256 | None = None
    """Digest of the photo's bytes, lower case hex."""
    content_type: Annotated[str, StringConstraints(max_length=255)] | None = None
    """Media type as the shopper's app gave it. What the photo is, is decided by its bytes."""


def _identity_is_optional(schema: dict[str, Any]) -> None:
    # Producers may leave it out; readers always find one.
    schema["required"].remove("identity")


class PhotoUploaded(Event):
    """A shopper posted a photo, and it lies in the store."""

    model_config = ConfigDict(json_schema_extra=_identity_is_optional)
    ce_type: ClassVar[str] = "hangtag.photo-uploaded.v1"
    time_field: ClassVar[str] = "uploaded_at"

    photo: Photo
    """The photo, which lies in the store already."""
    identity: Identity
    """How Klaviyo knows the shopper. Left out, it is `external_id = shopper_id`."""
    locale: Annotated[str, StringConstraints(max_length=35)] | None = None
    """The shopper's language as a BCP 47 tag, for example `zh-CN`."""

    @model_validator(mode="before")
    @classmethod
    def _known_by_shopper_id(cls, data: object) -> object:
        if isinstance(data, dict) and data.get("identity") is None and isinstance(data.get("shopper_id"), str):
            return data | {"identity": {"external_id": data["shopper_id"]}}
        return data


class PhotoRead(FrozenModel):
    """The photo as it was read: its upright size in pixels and the digest of its stored bytes."""

    uri: str
    """Address in the photo store."""
    sha256: Sha256
    """Digest of the stored bytes, lower case hex."""
    width: Annotated[int, Field(ge=1)]
    """Pixels from left to right, upright."""
    height: Annotated[int, Field(ge=1)]
    """Pixels from top to bottom, upright."""


#: Which way a line runs: degrees clockwise from left to right.
Direction = Literal[0, 90, 180, 270]


class TextLine(FrozenModel):
    """One recognized line."""

    text: str = Field(repr=False)
    """The characters, as they stand in the photo."""
    bbox: BBox
    """Where: x1, y1, x2, y2 in pixels of the upright original photo."""
    score: Score
    """How sure the engine is, 0 to 1."""
    direction: Direction = Field(default=0, exclude_if=operator.not_)
    """Which way the line runs: 0 left to right, 90 down (as columns of Chinese do), 180 upside down, 270 up."""
    reading_box: BBox | None = Field(default=None, exclude_if=operator.not_)
    """Where the line stands once its block is turned to run left to right. Left out where that is `bbox`."""

    @property
    def placed(self) -> BBox:
        """Where the line stands for whoever reads it: its `reading_box`, else its `bbox`."""
        return self.reading_box or self.bbox


#: What readers of the first schema know under a broader word.
QualityDetail = Literal["too_long", "mirrored", "script_unsupported"]


class Quality(FrozenModel):
    """How readable the photo was."""

    verdict: Literal["ok", "blurry", "no_text", "cut_off"]
    """`cut_off`: not all of the text was read."""
    detail: QualityDetail | None = None
    """
    Says more than `verdict`. `too_long`: the page is longer than is read. `script_unsupported`: some lines are in a
    script that the engine does not know. `mirrored`: the photo was read after mirroring it back.
    """
    sharpness: Annotated[float, Field(ge=0)]
    """Variance of the Laplacian of the photo at 1,024 px or less; higher is sharper."""


class Engine(FrozenModel):
    """What read the photo."""

    name: str
    """The engine, for example `rapid` or `hunyuan`."""
    model: str
    """The model it runs."""
    revision: str
    """Which revision of the model."""


class TextRecognized(Event):
    """The text in a photo. `texts` is empty when there was none."""

    ce_type: ClassVar[str] = "hangtag.text-recognized.v1"
    time_field: ClassVar[str] = "recognized_at"

    photo: PhotoRead
    """The photo that was read."""
    identity: Identity
    """How Klaviyo knows the shopper."""
    texts: tuple[TextLine, ...]
    """The recognized lines, which `evidence.line` of a tag counts from 0."""
    quality: Quality
    """How readable the photo was."""
    engine: Engine
    """What read it."""
    recognized_at: AwareDatetime
    """When it was read."""


class Labels(FrozenModel):
    """A tag's name for people."""

    en: str
    """In English."""
    zh: str
    """In Chinese."""


class Evidence(FrozenModel):
    """Why a tag was given: the line and the rule that matched in it."""

    text: str = Field(repr=False)
    """The recognized line."""
    bbox: BBox
    """Where: x1, y1, x2, y2 in pixels of the upright original photo."""
    rule: str
    """Id of the lexicon rule."""
    line: Annotated[int, Field(ge=0)] | None = None
    """Which of the upload's recognized `texts` it is, counted from 0. Events from before it was noted lack it."""


class Tag(FrozenModel):
    """A fashion tag."""

    id: TagId
    """`category/value` in lower case English, for example `material/organic-cotton`."""
    category: str
    """First part of the id: `material`, `style`, `category`, `pattern` and so on. More may come."""
    value: str
    """Second part of the id."""
    labels: Labels
    """Its name for people."""
    score: Score
    """How sure we are, 0 to 1: the line's score times the quality of the match."""
    share: Annotated[float, Field(gt=0, le=100)] | None = None
    """Percent of the garment's composition, for materials on care labels."""
    share_unsure: bool = False
    """True where the shares of the garment do not add up to 100: a line may not have been read, or a figure misread."""
    evidence: tuple[Evidence, ...]
    """The lines that gave it."""


class OutfitTagged(Event):
    """The tags of one upload: at least one, unless it corrects (backfill) an upload that has none left."""

    ce_type: ClassVar[str] = "hangtag.outfit-tagged.v1"
    time_field: ClassVar[str] = "tagged_at"

    identity: Identity
    """How Klaviyo knows the shopper."""
    tags: tuple[Tag, ...]
    """The tags, each once."""
    lexicon_version: str
    """Content hash of the lexicon that gave them."""
    engine: Engine
    """What read the photo."""
    tagged_at: AwareDatetime
    """When they were given."""

    @model_validator(mode="after")
    def _has_tags_or_corrects(self) -> Self:
        if not self.tags and not self.backfill:
            raise ValueError("only a correction (backfill) may have no tags")
        return self


class ProfileSynced(Event):
    """The shopper's Klaviyo profile says what their style profile says."""

    ce_type: ClassVar[str] = "hangtag.profile-synced.v1"
    time_field: ClassVar[str] = "synced_at"

    outcome: Literal["written", "unchanged", "forgotten"]
    """`unchanged`: Klaviyo had it already. `forgotten`: the shopper was removed, so nothing was written."""
    lane: Literal["single", "bulk"]
    """How it was written: by itself, or in a job with many others."""
    profile_version: Annotated[int, Field(ge=0)]
    """Version of the style profile that was written; higher is newer."""
    synced_at: AwareDatetime
    """When Klaviyo had it."""


FeedbackCode = Literal["blurry", "no_text", "unreadable", "too_large", "unsupported"]
FeedbackDetail = Literal["too_long", "mirrored", "script_unsupported", "cut_off"]


class Messages(FrozenModel):
    """A sentence for the shopper in each language."""

    zh: str
    """In Chinese."""
    en: str
    """In English."""


class UploadFeedback(Event):
    """The photo is unusable, and what the shopper can do about it."""

    ce_type: ClassVar[str] = "hangtag.upload-feedback.v1"
    time_field: ClassVar[str] = "judged_at"

    code: FeedbackCode
    """Why the photo is unusable, or only in part usable."""
    detail: FeedbackDetail | None = None
    """Says more than `code`, where that has no word of its own for the reason."""
    messages: Messages
    """What to tell the shopper."""
    judged_at: AwareDatetime
    """When it was found unusable."""


class DeadLetter(FrozenModel):
    """Why a message stopped. The message itself stays untouched beside these facts, which travel as headers."""

    topic: str
    partition: int
    offset: int
    stage: str
    exception_class: str
    message: str
    reason: str
    attempts: Annotated[int, Field(ge=1)]


EVENTS: tuple[type[Event], ...] = (PhotoUploaded, TextRecognized, OutfitTagged, ProfileSynced, UploadFeedback)
