"""
The values inside events, as frozen models: photos, lines, tags, identities. No behaviour beyond validation.

Fields marked `repr=False` are personal data or recognized text, and must never reach a log.
The docstrings are the descriptions in schemas/jsonschema/ and schemas/asyncapi.yaml, which other teams read.
Import these names from `schemas.events`.
"""

import operator
from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

_NO_CONTROL = r"^[^\x00-\x1f\x7f-\x9f]+$"
UploadId = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=_NO_CONTROL)]
ShopperId = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=_NO_CONTROL)]
Email = Annotated[str, StringConstraints(max_length=100, pattern=r"^[^@\s]+@[^@\s]+$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Score = Annotated[float, Field(ge=0, le=1)]
#: `category/value`, lower case English, for example `material/organic-cotton`.
TagId = Annotated[str, StringConstraints(pattern=r"^[a-z]+(-[a-z]+)*/[a-z0-9]+([.-][a-z0-9]+)*$", max_length=80)]


def _exists_in_utc(moment: datetime) -> datetime:
    try:
        moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("no such time in UTC") from None
    return moment


#: A time with its zone. 9999-12-31T23:00-12:00 is refused, because whoever converts it to UTC fails.
Moment = Annotated[AwareDatetime, AfterValidator(_exists_in_utc)]
#: x1, y1, x2, y2 in pixels of the upright original photo. The schema means the same in every JSON Schema draft.
BBox = Annotated[
    tuple[int, int, int, int],
    WithJsonSchema({"type": "array", "items": {"type": "integer"}, "minItems": 4, "maxItems": 4}),
]


class FrozenModel(BaseModel):
    """Frozen. Ignores unknown fields, so that old readers accept new events; errors never quote the input."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, use_attribute_docstrings=True)


class Identity(FrozenModel):
    """Identifiers of the shopper at Klaviyo. Only the first one present, in this order, is sent."""

    klaviyo_id: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    """Klaviyo's id of the profile."""
    email: Email | None = Field(default=None, repr=False)
    """The shopper's e-mail address, at most 100 characters: Klaviyo's limit (openapi 2026-07-15)."""
    external_id: ShopperId | None = None
    """The shop's id of the shopper."""

    @model_validator(mode="after")
    def _one_at_least(self) -> Self:
        if self.klaviyo_id is None and self.email is None and self.external_id is None:
            msg = "identity needs klaviyo_id, email or external_id"
            raise ValueError(msg)
        return self


class Photo(FrozenModel):
    """Where the photo is stored, as its producer reports."""

    uri: Annotated[str, StringConstraints(min_length=1, max_length=2048)]
    """Address in the photo store."""
    sha256: Sha256 | None = None
    """Digest of the photo's bytes, lower case hex."""
    content_type: Annotated[str, StringConstraints(max_length=255)] | None = None
    """Media type as the shopper's app reports it. Hangtag decides by the bytes."""


class PhotoRead(FrozenModel):
    """The photo that was read: its upright size in pixels and the digest of its stored bytes."""

    uri: str
    """Address in the photo store."""
    sha256: Sha256
    """Digest of the stored bytes, lower case hex."""
    width: Annotated[int, Field(ge=1)]
    """Width of the upright photo in pixels."""
    height: Annotated[int, Field(ge=1)]
    """Height of the upright photo in pixels."""


#: Reading direction of a line: degrees clockwise from left to right.
Direction = Literal[0, 90, 180, 270]


class TextLine(FrozenModel):
    """One recognized line."""

    text: str = Field(repr=False)
    """The characters, as they appear in the photo."""
    bbox: BBox
    """Box around the line: x1, y1, x2, y2 in pixels of the upright original photo."""
    score: Score
    """Confidence of the engine, 0 to 1."""
    direction: Direction = Field(default=0, exclude_if=operator.not_)
    """Reading direction: 0 left to right, 90 down (as columns of Chinese do), 180 upside down, 270 up."""
    reading_box: BBox | None = Field(default=None, exclude_if=operator.not_)
    """The line's box after its block is rotated to run left to right. Absent if equal to `bbox`."""

    @property
    def placed(self) -> BBox:
        """The box that decides the reading order: `reading_box` if present, else `bbox`."""
        return self.reading_box or self.bbox


#: Reasons that the first version of the schema can only express by a broader `verdict`.
QualityDetail = Literal["too_long", "mirrored", "script_unsupported"]


class Quality(FrozenModel):
    """How readable the photo was."""

    verdict: Literal["ok", "blurry", "no_text", "cut_off"]
    """`cut_off`: only part of the text was read."""
    detail: QualityDetail | None = None
    """
    More detail on `verdict`. `too_long`: the page is longer than the engine reads. `script_unsupported`: some lines
    are in a script that the engine does not know. `mirrored`: the photo was a mirror image, and was flipped to read it.
    """
    sharpness: Annotated[float, Field(ge=0)]
    """Variance of the Laplacian of the photo at 1,024 px or less; higher is sharper."""


class Engine(FrozenModel):
    """The engine that read the photo, or looked at it."""

    name: str
    """Name of the engine, for example `rapid` or `hunyuan`."""
    model: str
    """Name of the model."""
    revision: str
    """Revision of the model."""


class Labels(FrozenModel):
    """Display name of a tag."""

    en: str
    """In English."""
    zh: str
    """In Chinese."""


class SeenValue(FrozenModel):
    """One value that a look chose from its closed list."""

    tag: TagId
    """Id of the tag that the value stands for."""
    bbox: BBox
    """Box of the garment, or of the whole picture: x1, y1, x2, y2 in pixels of the upright original photo."""
    score: Score
    """Probability of the value against its rivals, 0 to 1."""


class Seen(FrozenModel):
    """What a look at the picture itself showed. It holds values of a closed list, and no words of its own."""

    engine: Engine
    """What looked at the photo."""
    values: tuple[SeenValue, ...]
    """The values, without any judgement of how sure is sure enough."""


#: `read`: the evidence is text in the photo. `seen`: the evidence is the picture.
EvidenceKind = Literal["read", "seen"]


def _is_none(value: object) -> bool:
    return value is None


def _is_read(kind: EvidenceKind) -> bool:
    return kind == "read"


class Evidence(FrozenModel):
    """Why the upload has a tag: a line and the rule that matched it, or a place in the picture."""

    kind: EvidenceKind = Field(default="read", exclude_if=_is_read)
    """`read`: the evidence is a recognized line. `seen`: the evidence is the picture. Absent if `read`."""
    text: str = Field(repr=False)
    """Text of the recognized line; empty if `kind` is `seen`."""
    bbox: BBox
    """Box around the line or the garment: x1, y1, x2, y2 in pixels of the upright original photo."""
    rule: str
    """Id of the rule in the lexicon."""
    line: Annotated[int, Field(ge=0)] | None = None
    """Index of the line in the upload's recognized `texts`, from 0. Absent in events of older versions."""
    score: Score | None = Field(default=None, exclude_if=_is_none)
    """Probability of the value against its rivals, 0 to 1, if `kind` is `seen`. Absent otherwise."""


class Tag(FrozenModel):
    """A fashion tag."""

    id: TagId
    """`category/value` in lower case English, for example `material/organic-cotton`."""
    category: str
    """First part of the id: `material`, `style`, `category`, `pattern` and so on. New ones may be added."""
    value: str
    """Second part of the id."""
    labels: Labels
    """Display name."""
    score: Score
    """Confidence, 0 to 1, of the best evidence: the line's score times the match's quality, or the score of a look."""
    share: Annotated[float, Field(gt=0, le=100)] | None = None
    """Share of the garment's composition in percent, for materials on care labels."""
    share_unsure: bool = False
    """True if the garment's shares do not add up to 100: the engine may have missed a line or misread a figure."""
    evidence: tuple[Evidence, ...]
    """The lines and places that the tag comes from."""

    @property
    def seen_only(self) -> bool:
        """Whether only the picture shows it, and no text says it."""
        return bool(self.evidence) and all(one.kind == "seen" for one in self.evidence)


class Messages(FrozenModel):
    """A message for the shopper in each language."""

    zh: str
    """In Chinese."""
    en: str
    """In English."""
