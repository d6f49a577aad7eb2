"""
The results of reading one photo: a `Reading` (the JSON body of `POST /ocr`) or `Refused`.

Data and the wire contract only; knows no engine, server or client.
"""

import operator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from schemas.events import Engine, FrozenModel, Seen, Sha256, TextLine

RefusalCode = Literal["unreadable", "too_large", "unsupported"]

#: Flaws of a reading: what the engine could not read of the photo, or how it had to change the photo first.
Flaw = Literal["cut_off", "too_long", "script_unsupported", "mirrored"]
Verdict = Literal["ok", "blurry", "no_text"] | Flaw

#: The multipart field of `POST /ocr` with the photo.
FIELD = "image"
#: Reason of a worker that is full.
BUSY = "ocr-busy"
#: Request header of `POST /ocr`: read this photo only while the worker has no other.
ALONE = "Hangtag-Alone"
#: HTTP status per refusal. The server writes it, the pool maps it back.
STATUS: dict[RefusalCode, int] = {"unreadable": 400, "too_large": 413, "unsupported": 415}


@dataclass(frozen=True, slots=True)
class Refused:
    """The photo itself is the problem: the same bytes give the same result again."""

    code: RefusalCode
    #: A sentence for people; never quotes the photo's content.
    message: str


class ReadImage(FrozenModel):
    """Upright size in pixels before scaling, and the digest of the received bytes."""

    width: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]
    sha256: Sha256


class ReadQuality(FrozenModel):
    """How readable the photo was, and what its owner can do about it."""

    #: `cut_off`: not all of the photo or its text was read. `too_long`: the page is longer than the engine reads.
    #: `script_unsupported`: some lines are in a script that the engine does not know, and were left out. `mirrored`:
    #: the photo was a mirror image, and was flipped to read it.
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
