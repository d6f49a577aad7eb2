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
from ocr_worker.contrast import lift_contrast
from ocr_worker.engine import AnyEngine, Lines
from ocr_worker.images import Photo, Pixels
from ocr_worker.reader import Reader
from ocr_worker.reading import Reading, Refused
from ocr_worker.second_pass import Box
from schemas.events import Engine as EngineInfo
from schemas.events import Tag, TextLine
from schemas.outcomes import Later, Misconfigured

TagLines = Callable[[Sequence[TextLine]], Sequence[Tag]]

_JPEG_QUALITY = 85


@dataclass(slots=True, eq=False)
class Steps:
    """What a photo goes through, noted while it is read."""

    photo: Photo | None = None
    #: The small picture as the engine got it; None when the engine does not tell.
    given: Pixels | None = None
    #: Where the engine looked a second time, px of the small picture.
    closer: list[Box] = field(default_factory=list)


@runtime_checkable
class Telling(Protocol):
    """An engine that can tell its steps."""

    def telling(self, steps: Steps) -> AnyEngine:
        """Give the same engine for one photo, writing down what it does there."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
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


async def look_at(
    data: bytes, engine: AnyEngine, config: OcrConfig, tag: TagLines
) -> Look | Refused | Later | Misconfigured:
    """Read a photo as the worker does, and find its tags. How many at once is the caller's to bound."""
    watched = _Watched(engine)
    reader = Reader(watched, replace(config, slots=1))
    try:
        reading = await reader.read(data)
    finally:
        await reader.aclose()
    if not isinstance(reading, Reading):
        return reading
    return await asyncio.to_thread(_look, reading, watched.steps, tag)


def _look(reading: Reading, steps: Steps, tag: TagLines) -> Look:
    started = time.perf_counter()
    tags = tuple(tag(reading.texts))
    rules_ms = (time.perf_counter() - started) * 1000
    if steps.photo is None:
        msg = "a photo was read without being prepared"
        raise RuntimeError(msg)
    small, given = steps.photo.small, steps.given
    return Look(
        reading=reading,
        tags=tags,
        rules_ms=rules_ms,
        jpeg=_jpeg(small),
        size=(small.shape[1], small.shape[0]),
        given=None if given is None else _jpeg(given),
        # The engine keeps the picture and drops the share; pure, so this is the very same one.
        lifted=0.0 if given is None or given is small else lift_contrast(small)[1],
        closer=tuple(steps.closer),
    )


def _jpeg(pixels: Pixels) -> bytes:
    _, encoded = cv2.imencode(
        ".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    )
    return bytes(encoded)


class _Watched:
    """An engine for one photo, with its steps noted."""

    def __init__(self, engine: AnyEngine) -> None:
        self.steps = Steps()
        self._engine = engine.telling(self.steps) if isinstance(engine, Telling) else engine

    @property
    def info(self) -> EngineInfo:
        return self._engine.info

    def prepare(self, photo: Photo) -> Any:
        self.steps.photo = photo
        return self._engine.prepare(photo)

    async def recognize(self, prepared: Any) -> Any:
        return await self._engine.recognize(prepared)

    def finish(self, raw: Any, photo: Photo) -> Lines:
        return self._engine.finish(raw, photo)

    async def aclose(self) -> None:
        """Nothing to free: the engine stays its owner's to close."""
