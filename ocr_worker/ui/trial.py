"""
Reads one photo for the page: the `Reading`, the tags, and the pictures between the processing steps.

Knows neither the page nor the rules: the caller passes the function that finds the tags.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import cv2

from ocr_worker.config import OcrConfig
from ocr_worker.engines.protocol import AnyEngine, Lines
from ocr_worker.engines.rapid.second_pass import Box
from ocr_worker.images.contrast import lift_contrast
from ocr_worker.images.decode import DecodedPhoto, Pixels
from ocr_worker.look.looker import AnyLooker
from ocr_worker.reader import Reader
from ocr_worker.result import Reading, Refused
from schemas.events import Engine as EngineInfo
from schemas.events import Seen, Tag, TextLine
from schemas.outcomes import Later, Misconfigured

#: Gives the tags of a photo from its lines and from what a look at it showed.
TagLines = Callable[[Sequence[TextLine], Seen | None], Sequence[Tag]]

_JPEG_QUALITY = 85


@runtime_checkable
class ShowsPicture(Protocol):
    """A prepared photo whose engine exposes the picture that it reads."""

    @property
    def lifted(self) -> Pixels:
        """The small picture, with contrast raised where it was low."""


@runtime_checkable
class ShowsLooks(Protocol):
    """A raw result whose engine exposes where it looked a second time."""

    @property
    def closer(self) -> Sequence[Box]:
        """The regions of the second look, in px of the small picture."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Everything that the page shows of one photo. Must never be logged."""

    reading: Reading
    tags: tuple[Tag, ...]
    rules_ms: float
    #: JPEG of the upright photo at most 1,024 px long, and its width and height.
    jpeg: bytes = field(repr=False)
    size: tuple[int, int]
    #: JPEG of the picture that the engine read (None if it does not expose it), and the share of tiles with raised
    #: contrast.
    given: bytes | None = field(repr=False)
    lifted: float
    #: Regions of the second look, in px of the small picture.
    closer: tuple[Box, ...]


async def try_photo(
    data: bytes, engine: AnyEngine, config: OcrConfig, tag: TagLines, looker: AnyLooker | None = None
) -> Trial | Refused | Later | Misconfigured:
    """Read a photo as the worker does, and find its tags. The caller limits the concurrent calls."""
    watched = _Watched(engine)
    reader = Reader(watched, replace(config, slots=1), looker=looker)
    try:
        reading = await reader.read(data)
    finally:
        await reader.aclose()
    if not isinstance(reading, Reading):
        return reading
    return await asyncio.to_thread(_trial, reading, watched, tag)


def _trial(reading: Reading, seen: "_Watched", tag: TagLines) -> Trial:
    started = time.perf_counter()
    tags = tuple(tag(reading.texts, reading.seen))
    rules_ms = (time.perf_counter() - started) * 1000
    assert seen.photo is not None  # noqa: S101 - there is no reading without `prepare`
    small = seen.photo.small
    given = seen.prepared.lifted if isinstance(seen.prepared, ShowsPicture) else None
    return Trial(
        reading=reading,
        tags=tags,
        rules_ms=rules_ms,
        jpeg=_jpeg(small),
        size=(small.shape[1], small.shape[0]),
        given=None if given is None else _jpeg(given),
        # The engine keeps only the picture. The function is pure, so calling it again gives the same share.
        lifted=0.0 if given is None or given is small else lift_contrast(small)[1],
        closer=tuple(seen.raw.closer) if isinstance(seen.raw, ShowsLooks) else (),
    )


def _jpeg(pixels: Pixels) -> bytes:
    _, encoded = cv2.imencode(
        ".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    )
    return bytes(encoded)


class _Watched:
    """An engine for one photo that records what each step returns."""

    def __init__(self, engine: AnyEngine) -> None:
        self.photo: DecodedPhoto | None = None
        self.prepared: Any = None
        self.raw: Any = None
        self._engine = engine

    @property
    def info(self) -> EngineInfo:
        return self._engine.info

    def prepare(self, photo: DecodedPhoto) -> Any:
        self.photo, self.prepared = photo, self._engine.prepare(photo)
        return self.prepared

    async def recognize(self, prepared: Any) -> Any:
        self.raw = await self._engine.recognize(prepared)
        return self.raw

    def finish(self, raw: Any, photo: DecodedPhoto) -> Lines:
        return self._engine.finish(raw, photo)

    async def aclose(self) -> None:
        """Do nothing: the owner of the engine closes it."""
