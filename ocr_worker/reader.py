"""
Reads one photo, from bytes to `Reading`: CPU work in threads, the engine's work in slots, limited memory.

A look at the picture runs in parallel with the reading, within its own time limit. The reading never depends on it.
Used by the server, the command line and the page; knows no HTTP.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Self, TypeVar

import structlog

from ocr_worker.config import OcrConfig
from ocr_worker.engines.protocol import AnyEngine, Unfinished
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
    """Reads photos with an engine that has a number of slots, and with a looker, if any. The caller closes both."""

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
        # Decoded photos are large, so decode only as many at a time as keep the slots busy.
        self._decoded = asyncio.Semaphore(2 * config.slots)
        self._threads = ThreadPoolExecutor(min(config.slots, config.threads), thread_name_prefix="photo")

    async def read(
        self, data: bytes, on_begin: Callable[[], None] = lambda: None
    ) -> Reading | Refused | Later | Misconfigured:
        """
        Read a photo. Waits for a slot without a time limit, so the caller must limit the concurrent calls.

        `on_begin` is called when the wait ends.

        May be cancelled at any time: a waiting photo is dropped. Work in a thread runs to its end, and its result is
        dropped.
        """
        laps = _Laps(self._clock)
        with _Glance() as glance:
            outcome = await self._read(data, on_begin, laps, glance)
            if self._looker is None or not isinstance(outcome, Reading):
                return outcome
            # Wait only now: a look may take seconds, and the decoded photo has been released.
            seen = await glance.seen()
        laps.lap("look")
        return outcome.model_copy(update={"seen": seen, "timings_ms": laps.ms()})

    async def aclose(self) -> None:
        """End the threads."""
        await asyncio.to_thread(self._threads.shutdown)

    async def _read(
        self, data: bytes, on_begin: Callable[[], None], laps: "_Laps", glance: "_Glance"
    ) -> Reading | Refused | Later | Misconfigured:
        """Read the text of a photo. Starts the look as soon as the photo is decoded."""
        async with self._decoded:
            on_begin()
            laps.lap("queue")
            photo = await self._off_loop(lambda: open_photo(data, self._limits))
            if isinstance(photo, Refused):
                return photo
            laps.lap("decode")
            await self._look(photo, glance)
            prepared, sharp = await self._off_loop(lambda: (self.engine.prepare(photo), sharpness(photo.small)))
            laps.lap("prepare")
            raw: Any = Unfinished(prepared)
            while isinstance(raw, Unfinished):
                # Each part takes a slot of its own, so that a long page does not delay other photos.
                async with self._slots:
                    laps.lap("queue")
                    raw = await self.engine.recognize(raw.rest)
                    laps.lap("engine")
            if isinstance(raw, Refused | Later | Misconfigured):
                return raw
            found = await self._off_loop(lambda: self.engine.finish(raw, photo))
            laps.lap("finish")
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
            timings_ms=laps.ms(),
        )

    async def _look(self, photo: DecodedPhoto, glance: "_Glance") -> None:
        """Start the look at a photo. If the looker cannot prepare it, there is no look, and the reading continues."""
        if self._looker is None:
            return
        try:
            picture = await self._off_loop(partial(self._looker.prepare, photo))
        except Exception as error:  # noqa: BLE001 - whatever fails in a look, the text is read
            _log_failure(error)
        else:
            glance.start(self._looker.look(picture))

    async def _off_loop(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, WATCHDOG.watched(work))


class _Glance:
    """The look at one photo, in the background; leaving the block cancels it."""

    def __init__(self) -> None:
        self._task: asyncio.Task[Seen | None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        if self._task is not None:
            self._task.cancel()

    def start(self, look: Coroutine[Any, Any, Seen | None]) -> None:
        self._task = asyncio.create_task(look)
        # If the photo is refused meanwhile, nobody retrieves the error of the look. asyncio would then log its message.
        self._task.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def seen(self) -> Seen | None:
        """Wait for the look. Return None if it was not started or failed unexpectedly."""
        if self._task is None:
            return None
        await asyncio.wait({self._task})
        error = self._task.exception()
        if error is not None:
            _log_failure(error)
        return self._task.result() if error is None else None


def _log_failure(error: BaseException) -> None:
    log.error("a look failed", exception=type(error).__name__)


class _Laps:
    """Measures the time per step; the times of a repeated step add up."""

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
