"""
One photo from bytes to `Reading`, with CPU work beside the engine's slots and memory bounded.

Serves the server, the command line and the page alike; knows no HTTP.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from ocr_worker.config import OcrConfig
from ocr_worker.engines.protocol import AnyEngine, Lines, Unfinished
from ocr_worker.images.decode import DecodedPhoto, open_photo
from ocr_worker.images.quality import focus, judge, sharpness
from ocr_worker.result import ReadImage, Reading, Refused
from ocr_worker.watchdog import WATCHDOG
from schemas.outcomes import Later, Misconfigured

T = TypeVar("T")


class Reader:
    """An engine and its slots. The engine stays its owner's to close."""

    def __init__(self, engine: AnyEngine, config: OcrConfig, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self.engine = engine
        self._limits = config.limits
        self._clock = clock
        self._slots = asyncio.Semaphore(config.slots)
        # Decoded photos are large: only as many as keep the slots busy may exist at once.
        self._decoded = asyncio.Semaphore(2 * config.slots)
        self._threads = ThreadPoolExecutor(min(config.slots, config.threads), thread_name_prefix="photo")

    async def read(
        self, data: bytes, on_begin: Callable[[], None] = lambda: None
    ) -> Reading | Refused | Later | Misconfigured:
        """
        Read a photo. Waits for a slot as long as it takes: bound what comes in before.

        `on_begin` is called when the waiting is over.

        May be cancelled at any time: what waits is dropped, and what runs in a thread ends there, unheard.
        """
        laps = _Laps(self._clock)
        async with self._decoded:
            on_begin()
            laps.lap("queue")
            photo = await self._off_loop(lambda: open_photo(data, self._limits))
            if isinstance(photo, Refused):
                return photo
            laps.lap("decode")
            prepared, sharp = await self._off_loop(lambda: (self.engine.prepare(photo), sharpness(photo.small)))
            laps.lap("prepare")
            raw: Any = Unfinished(prepared)
            while isinstance(raw, Unfinished):
                # A slot for each part: a long page does not hold up others.
                async with self._slots:
                    laps.lap("queue")
                    raw = await self.engine.recognize(raw.rest)
                    laps.lap("engine")
            if isinstance(raw, Refused | Later | Misconfigured):
                return raw
            found = await self._off_loop(lambda: self.engine.finish(raw, photo))
            laps.lap("finish")
        return self._reading(photo, found, sharp, laps.ms())

    async def aclose(self) -> None:
        """Free the threads."""
        await asyncio.to_thread(self._threads.shutdown)

    def _reading(self, photo: DecodedPhoto, found: Lines, sharp: float, timings: dict[str, float]) -> Reading:
        return Reading(
            texts=found.lines,
            image=ReadImage(width=photo.width, height=photo.height, sha256=photo.sha256),
            quality=judge(
                found.lines,
                found.flaws | ({"cut_off"} if photo.cut_off else set()),
                sharp,
                lambda: focus(photo.small),
            ),
            engine=self.engine.info,
            timings_ms=timings,
        )

    async def _off_loop(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, WATCHDOG.watched(work))


class _Laps:
    """Time from one step to the next; a step met twice adds up."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._started = self._last = clock()
        self._seconds = dict.fromkeys(("decode", "prepare", "queue", "engine", "finish"), 0.0)

    def lap(self, step: str) -> None:
        now = self._clock()
        self._seconds[step] += now - self._last
        self._last = now

    def ms(self) -> dict[str, float]:
        laps = {step: round(seconds * 1000, 2) for step, seconds in self._seconds.items()}
        return laps | {"total": round((self._last - self._started) * 1000, 2)}
