"""
One photo from bytes to `Reading`, with CPU work beside the engine's slots and memory bounded.

A look at the picture runs beside the reading, within its own time limit; the reading never depends on it.

Serves the server, the command line and the page alike; knows no HTTP.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any, Self, TypeVar

import structlog

from ocr_worker.config import OcrConfig
from ocr_worker.engines.protocol import AnyEngine, Lines, Unfinished
from ocr_worker.images.decode import DecodedPhoto, open_photo
from ocr_worker.images.quality import focus, judge, sharpness
from ocr_worker.look.looker import AnyLooker
from ocr_worker.result import ReadImage, Reading, Refused
from ocr_worker.watchdog import WATCHDOG
from schemas.events import Seen
from schemas.outcomes import Later, Misconfigured

log = structlog.get_logger(__name__)

T = TypeVar("T")


class Reader:
    """An engine and its slots, and what looks at pictures, if anything does. Both stay their owner's to close."""

    def __init__(
        self,
        engine: AnyEngine,
        config: OcrConfig,
        *,
        looker: AnyLooker | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.engine = engine
        self._looker = looker
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
        with ExitStack() as looks:
            glance: _Glance | None = None
            async with self._decoded:
                on_begin()
                laps.lap("queue")
                photo = await self._off_loop(lambda: open_photo(data, self._limits))
                if isinstance(photo, Refused):
                    return photo
                laps.lap("decode")
                if (looker := self._looker) is not None:
                    picture = await self._off_loop(partial(looker.prepare, photo))
                    glance = looks.enter_context(_Glance(looker, picture))
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
            seen: Seen | None = None
            if glance is not None:
                seen = await glance.seen()
                laps.lap("look")
        return self._reading(photo, found, sharp, laps.ms(), seen)

    async def aclose(self) -> None:
        """Free the threads."""
        await asyncio.to_thread(self._threads.shutdown)

    def _reading(
        self, photo: DecodedPhoto, found: Lines, sharp: float, timings: dict[str, float], seen: Seen | None
    ) -> Reading:
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
            seen=seen,
            timings_ms=timings,
        )

    async def _off_loop(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, WATCHDOG.watched(work))


class _Glance:
    """A look under way; it ends with whoever began it."""

    def __init__(self, looker: AnyLooker, picture: Any) -> None:
        self._task: asyncio.Task[Seen | None] = asyncio.create_task(looker.look(picture))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self._task.cancel()

    async def seen(self) -> Seen | None:
        """Wait for the look; one that failed unforeseen has seen nothing."""
        await asyncio.wait({self._task})
        error = self._task.exception()
        if error is not None:
            log.error("a look failed", exception=type(error).__name__)
        return self._task.result() if error is None else None


class _Laps:
    """Time from one step to the next; a step met twice adds up."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._started = self._last = clock()
        self._seconds = dict.fromkeys(("decode", "prepare", "queue", "engine", "finish"), 0.0)

    def lap(self, step: str) -> None:
        now = self._clock()
        self._seconds[step] = self._seconds.get(step, 0.0) + now - self._last
        self._last = now

    def ms(self) -> dict[str, float]:
        laps = {step: round(seconds * 1000, 2) for step, seconds in self._seconds.items()}
        return laps | {"total": round((self._last - self._started) * 1000, 2)}
