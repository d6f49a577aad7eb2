"""
Everything that travels on a topic, as frozen models. No behaviour beyond validation.

Fields marked `repr=False` hold what a shopper wrote or who they are: they must never reach a log.
"""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

SCHEMA_VERSION = 1

_NO_CONTROL = r"^[^\x00-\x1f\x7f-\x9f]+$"
UploadId = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=_NO_CONTROL)]
ShopperId = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=_NO_CONTROL)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Score = Annotated[float, Field(ge=0, le=1)]
#: `category/value`, lower case English, for example `material/organic-cotton`.
TagId = Annotated[str, StringConstraints(pattern=r"^[a-z]+(-[a-z]+)*/[a-z0-9]+([.-][a-z0-9]+)*$", max_length=80)]
#: x1, y1, x2, y2 in pixels of the upright original photo.
BBox = tuple[int, int, int, int]


class Noun(BaseModel):
    """Frozen; unknown fields are ignored so that old readers survive new writers; errors never quote the input."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Identity(Noun):
    """How Klaviyo knows the shopper. Exactly one identifier is sent, the first present in this order."""

    klaviyo_id: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    #: At most 100 characters: Klaviyo's own limit (openapi 2026-07-15).
    email: Annotated[str, StringConstraints(max_length=100, pattern=r"^[^@\s]+@[^@\s]+$")] | None = Field(
        default=None, repr=False
    )
    external_id: ShopperId | None = None

    @model_validator(mode="after")
    def _one_at_least(self) -> Self:
        if self.klaviyo_id is None and self.email is None and self.external_id is None:
            msg = "identity needs klaviyo_id, email or external_id"
            raise ValueError(msg)
        return self


class Event(Noun):
    """What every event carries."""

    #: CloudEvents type of the event.
    ce_type: ClassVar[str]
    #: Name of the field that says when it happened, for `ce_time`.
    time_field: ClassVar[str]

    schema_version: Literal[1] = 1
    upload_id: UploadId
    shopper_id: ShopperId
    #: When the shopper posted the photo.
    uploaded_at: AwareDatetime
    #: True for old uploads run through again: recorded everywhere, but sets off no Klaviyo flow.
    backfill: bool = False

    def carried(self) -> dict[str, Any]:
        """Give the fields that every later event of the same upload repeats."""
        return {name: getattr(self, name) for name in ("upload_id", "shopper_id", "uploaded_at", "backfill")}


class Photo(Noun):
    """Where the photo lies, as its producer says."""

    uri: Annotated[str, StringConstraints(min_length=1, max_length=2048)]
    sha256: Sha256 | None = None
    content_type: Annotated[str, StringConstraints(max_length=255)] | None = None


def _identity_is_optional(schema: dict[str, Any]) -> None:
    # Producers may leave it out; readers always find one.
    schema["required"].remove("identity")


class PhotoUploaded(Event):
    """A shopper posted a photo, and it lies in the store."""

    model_config = ConfigDict(json_schema_extra=_identity_is_optional)

    ce_type: ClassVar[str] = "hangtag.photo-uploaded.v1"
    time_field: ClassVar[str] = "uploaded_at"

    photo: Photo
    #: Defaults to `external_id = shopper_id`.
    identity: Identity
    locale: Annotated[str, StringConstraints(max_length=35)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _known_by_shopper_id(cls, data: object) -> object:
        if isinstance(data, dict) and data.get("identity") is None and isinstance(data.get("shopper_id"), str):
            return data | {"identity": {"external_id": data["shopper_id"]}}
        return data


class PhotoRead(Noun):
    """The photo as it was read: its upright size in pixels and the digest of its stored bytes."""

    uri: str
    sha256: Sha256
    width: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]


class TextLine(Noun):
    """One recognized line."""

    text: str = Field(repr=False)
    bbox: BBox
    score: Score


class Quality(Noun):
    """How readable the photo was. `sharpness` is the variance of the Laplacian at <= 1,024 px."""

    verdict: Literal["ok", "blurry", "no_text", "cut_off"]
    sharpness: Annotated[float, Field(ge=0)]


class Engine(Noun):
    """What read the photo."""

    name: str
    model: str
    revision: str


class TextRecognized(Event):
    """The text in a photo. `texts` is empty when there was none."""

    ce_type: ClassVar[str] = "hangtag.text-recognized.v1"
    time_field: ClassVar[str] = "recognized_at"

    photo: PhotoRead
    identity: Identity
    texts: tuple[TextLine, ...]
    quality: Quality
    engine: Engine
    recognized_at: AwareDatetime


class Labels(Noun):
    """A tag's name for people."""

    en: str
    zh: str


class Evidence(Noun):
    """Why a tag was given: the line and the rule that matched in it."""

    text: str = Field(repr=False)
    bbox: BBox
    #: Id of the lexicon rule.
    rule: str
    #: Which of the upload's recognized `texts` the line is, counted from 0. Events from before it was noted lack it.
    line: Annotated[int, Field(ge=0)] | None = None


class Tag(Noun):
    """A fashion tag."""

    id: TagId
    category: str
    value: str
    labels: Labels
    score: Score
    #: Percent of the garment's composition, for materials on care labels.
    share: Annotated[float, Field(gt=0, le=100)] | None = None
    evidence: tuple[Evidence, ...]


class OutfitTagged(Event):
    """The tags of one upload: at least one, unless it corrects (backfill) an upload that has none left."""

    ce_type: ClassVar[str] = "hangtag.outfit-tagged.v1"
    time_field: ClassVar[str] = "tagged_at"

    identity: Identity
    tags: tuple[Tag, ...]
    #: Content hash of the lexicon that gave them.
    lexicon_version: str
    engine: Engine
    tagged_at: AwareDatetime

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
    lane: Literal["single", "bulk"]
    profile_version: Annotated[int, Field(ge=0)]
    synced_at: AwareDatetime


FeedbackCode = Literal["blurry", "no_text", "unreadable", "too_large", "unsupported"]


class Messages(Noun):
    """A sentence for the shopper in each language."""

    zh: str
    en: str


class UploadFeedback(Event):
    """The photo is unusable, and what the shopper can do about it."""

    ce_type: ClassVar[str] = "hangtag.upload-feedback.v1"
    time_field: ClassVar[str] = "judged_at"

    code: FeedbackCode
    messages: Messages
    judged_at: AwareDatetime


class DeadLetter(Noun):
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
