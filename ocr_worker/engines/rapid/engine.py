"""
The CPU engine: RapidOCR with the PP-OCR models in its wheel, so it works offline and downloads nothing.

The settings are those that measured best (docs/ocr.md). Knows no HTTP.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path

from ocr_worker.engines.protocol import Lines, Unfinished
from ocr_worker.engines.rapid.models import LOOK_BYTES, Detector, Models, Recognizer
from ocr_worker.engines.rapid.order import arrange
from ocr_worker.engines.rapid.page import Page
from ocr_worker.engines.rapid.passes import Passes, Seen
from ocr_worker.engines.rapid.quads import Quad
from ocr_worker.engines.rapid.second_pass import Box
from ocr_worker.engines.rapid.tiles import is_long
from ocr_worker.engines.rapid.view import View
from ocr_worker.images.contrast import lift_contrast
from ocr_worker.images.decode import DecodedPhoto, Pixels
from ocr_worker.images.memory import BUDGET, ORDINARY_PHOTO
from ocr_worker.result import Flaw
from ocr_worker.watchdog import WATCHDOG
from schemas.events import Engine as EngineInfo
from schemas.events import TextLine


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A photo and its small picture with contrast raised; for a long page also the tiles read so far."""

    photo: DecodedPhoto
    lifted: Pixels = field(repr=False)
    page: Page | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """Lines in px of a picture of `size`, and the regions that were read a second time, in px of the small picture."""

    size: tuple[int, int]
    quads: tuple[Quad, ...] = ()
    closer: tuple[Box, ...] = ()
    flaws: frozenset[Flaw] = frozenset()


class RapidEngine:
    """One shared RapidOCR instance (its sessions are thread-safe) and one thread per slot."""

    def __init__(
        self,
        slots: int,
        *,
        lift: bool = True,
        look_closer: bool = True,
        most_tiles: int = 16,
        detector: Detector = "auto",
        recognizer: Recognizer = "small",
        further_models: Path | None = None,
        tesseract: str | None = None,
    ) -> None:
        """
        Create an engine that reads `slots` photos at the same time.

        Args:
            slots: Number of threads.
            lift: Raise low contrast first.
            look_closer: Read parts again, enlarged, where that may find more.
            most_tiles: Most tiles that are read of a long page.
            detector: How lines are found; "auto" looks at half scale first.
            recognizer: Which model reads the lines.
            further_models: Folder of recognizers for more scripts.
            tesseract: Languages in which Tesseract reads lines that look foreign (`rus+ukr`).

        Raises:
            ValueError: The folder contains no model, or Tesseract or a language of it is missing.

        """
        self._lift, self._most_tiles = lift, most_tiles
        models = Models(detector, further_models, recognizer=recognizer, tesseract=tesseract)
        self._passes = Passes(models, lift=lift, look_closer=look_closer)
        BUDGET.grow_to(slots * (LOOK_BYTES + ORDINARY_PHOTO))
        self._threads = ThreadPoolExecutor(slots, thread_name_prefix="rapid")
        release = version("rapidocr")
        self.info = EngineInfo(name="rapid", model=f"PP-OCRv6-{recognizer}", revision=f"rapidocr-{release}")

    def prepare(self, photo: DecodedPhoto) -> Prepared:
        """Raise the contrast of the small picture."""
        return Prepared(photo, self._lifted(photo.small))

    async def recognize(self, prepared: Prepared) -> Read | Unfinished[Prepared]:
        """Read the small picture and look closer where that may find more; or read one tile of a long page."""
        read = self._read_tile if is_long(prepared.photo.width, prepared.photo.height) else self._read
        return await asyncio.get_running_loop().run_in_executor(self._threads, WATCHDOG.watched(lambda: read(prepared)))

    def finish(self, raw: Read, photo: DecodedPhoto) -> Lines:
        """Put the lines in reading order and map their boxes to the upright original."""
        scale = (photo.width / raw.size[0], photo.height / raw.size[1])
        quads = [quad.moved(scale) for quad in raw.quads]
        return Lines(_lines(quads, (photo.width, photo.height), raw.flaws), raw.flaws)

    async def aclose(self) -> None:
        """Wait for the threads and end them."""
        await asyncio.to_thread(self._threads.shutdown)

    def _read(self, prepared: Prepared) -> Read:
        photo = prepared.photo
        height, width = photo.small.shape[:2]
        detail = min(photo.long_side, max(photo.width, photo.height)) / max(height, width)
        seen = self._passes.read(View(photo.small, photo.pixels, detail), prepared.lifted)
        return _read((width, height), seen)

    def _read_tile(self, prepared: Prepared) -> Read | Unfinished[Prepared]:
        page = prepared.page or Page.of(prepared.photo, self._most_tiles)
        view = page.view()
        page = page.with_tile(self._passes.read(view, self._lifted(view.small), whole=False))
        if not page.is_read:
            return Unfinished(replace(prepared, page=page))
        quads, flaws = page.joined(self._passes.read_again)
        return Read(page.size, quads, page.boxes(prepared.photo.small.shape), flaws)

    def _lifted(self, pixels: Pixels) -> Pixels:
        return lift_contrast(pixels)[0] if self._lift else pixels


def _read(size: tuple[int, int], seen: Seen) -> Read:
    return Read(size, seen.quads, seen.closer, seen.flaws)


def _lines(quads: Sequence[Quad], size: tuple[int, int], flaws: frozenset[Flaw]) -> tuple[TextLine, ...]:
    return tuple(
        TextLine(
            text=line.quad.text,
            bbox=line.bbox,
            score=round(min(line.quad.score, 1.0), 4),
            direction=line.direction,
            reading_box=line.reading_box,
        )
        for line in arrange(quads, size, mirrored="mirrored" in flaws)
    )
