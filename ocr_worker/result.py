"""
What reading one photo ends in: a `Reading` (the JSON answer of `POST /ocr`) or `Refused`.

Nouns and the wire contract only; knows no engine, no server and no client.
"""

import operator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from schemas.events import Engine, FrozenModel, Seen, Sha256, TextLine

RefusalCode = Literal["unreadable", "too_large", "unsupported"]

#: What kept an engine from reading all of a photo as it stands.
Flaw = Literal["cut_off", "too_long", "script_unsupported", "mirrored"]
Verdict = Literal["ok", "blurry", "no_text"] | Flaw

#: The multipart field of `POST /ocr` that carries the photo.
FIELD = "image"
#: Why a worker takes no photo just now: it is full.
BUSY = "ocr-busy"
#: Request header of `POST /ocr`: read this photo only while the worker has no other.
ALONE = "Hangtag-Alone"
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


class ReadQuality(FrozenModel):
    """How readable the photo was, and what its owner can do about it."""

    #: `cut_off`: the photo or its text was not read to the end. `too_long`: the page is longer than is read.
    #: `script_unsupported`: some lines, left out, are in a script that the engine does not know. `mirrored`: the photo
    #: was read after mirroring it back.
    verdict: Verdict
    #: Variance of the Laplacian of the photo at 1,024 px or less; higher is sharper.
    sharpness: Annotated[float, Field(ge=0)]
    #: Chinese and English, set when the verdict is not `ok`.
    hint: str | None = None


class Reading(FrozenModel):
    """Everything read from one photo. Boxes are pixels of the upright original."""

    texts: tuple[TextLine, ...]
    image: ReadImage
    quality: ReadQuality
    engine: Engine
    #: What a look at the picture showed; absent if nothing looked, or no answer came in time.
    seen: Seen | None = Field(default=None, exclude_if=operator.not_)
    #: Milliseconds per step: decode, prepare, queue, engine, finish, total; look, if a look was awaited.
    timings_ms: dict[str, float]
