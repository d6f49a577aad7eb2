"""
One photo read for the page: the `Reading`, the tags, and what the photo went through on the way.

Knows no page and no rules: it is handed the function that gives the tags.
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
    """What an engine prepared, if it tells which picture it was given."""

    @property
    def lifted(self) -> Pixels:
        """The small picture, contrast lifted where that was low."""


@runtime_checkable
class ShowsLooks(Protocol):
    """What an engine recognized, if it tells where it looked a second time."""

    @property
    def closer(self) -> Sequence[Box]:
        """Where, in px of the small picture."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """All that the page shows of one photo: never to be logged."""

    reading: Reading
    tags: tuple[Tag, ...]
    rules_ms: float
    #: JPEG of the upright photo at <= 1,024 px, and its width and height.
    jpeg: bytes = field(repr=False)
    size: tuple[int, int]
    #: JPEG of what the engine was given, None when it does not tell; and the share of its tiles that were lifted.
    given: bytes | None = field(repr=False)
    lifted: float
    #: px of the small picture.
    closer: tuple[Box, ...]


async def try_photo(
    data: bytes, engine: AnyEngine, config: OcrConfig, tag: TagLines, looker: AnyLooker | None = None
) -> Trial | Refused | Later | Misconfigured:
    """Read a photo as the worker does, and find its tags. How many at once is the caller's to bound."""
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
        # The engine keeps the picture and drops the share; pure, so this is the very same one.
        lifted=0.0 if given is None or given is small else lift_contrast(small)[1],
        closer=tuple(seen.raw.closer) if isinstance(seen.raw, ShowsLooks) else (),
    )


def _jpeg(pixels: Pixels) -> bytes:
    _, encoded = cv2.imencode(
        ".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    )
    return bytes(encoded)


class _Watched:
    """An engine for one photo, with what passes through its hands kept."""

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
        """Nothing to free: the engine stays its owner's to close."""
