"""
What reading one photo ends in: a `Reading` (the JSON answer of `POST /ocr`) or `Refused`.

Nouns and the wire contract only; knows no engine, no server and no client.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from schemas.events import Engine, FrozenModel, Quality, Sha256, TextLine

RefusalCode = Literal["unreadable", "too_large", "unsupported"]

#: The multipart field of `POST /ocr` that carries the photo.
FIELD = "image"
#: The HTTP status of each refusal: the server writes it, the pool reads it back.
STATUS: dict[RefusalCode, int] = {"unreadable": 400, "too_large": 413, "unsupported": 415}


@dataclass(frozen=True, slots=True)
class Refused:
    """The photo itself is the problem: sending the same bytes again gives the same answer."""

    code: RefusalCode
    #: A sentence for people; never quotes the photo's content.
    message: str


class ReadImage(FrozenModel):
    """Upright size in pixels, before any scaling of ours, and the digest of the bytes received."""

    width: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]
    sha256: Sha256


class ReadQuality(Quality):
    """How readable the photo was, and what its owner can do about it."""

    #: Chinese and English, set when the verdict is not `ok`.
    hint: str | None = None


class Reading(FrozenModel):
    """Everything read from one photo. Boxes are pixels of the upright original."""

    texts: tuple[TextLine, ...]
    image: ReadImage
    quality: ReadQuality
    engine: Engine
    #: Milliseconds per step: decode, prepare, queue, engine, finish, total.
    timings_ms: dict[str, float]
