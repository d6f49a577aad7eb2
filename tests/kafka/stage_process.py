"""
Run a `recognize` stage whose OCR is a stand-in, as a separate process.

Everything else is the real thing: Faust, window, stage, producer, dead letters, signals, exit codes.
An upload's `locale` selects what the stand-in does: `bug` raises until there is a file `fixed` in
the folder of the first argument, `later` fails while there is a file `outage`, `slow-5000` takes
5 s; anything else takes a long-tailed time around the mean of the second argument, in ms.
"""

import asyncio
import random
import sys
from pathlib import Path

import structlog

from schemas.events import Engine, PhotoRead, PhotoUploaded, Quality, TextLine, TextRecognized
from schemas.outcomes import Later
from streams.config.settings import Settings
from streams.runtime.stage import Handler, HandlerResult
from streams.wiring.assembly import run_stage, with_handler
from streams.wiring.clock import now

log = structlog.get_logger()

ENGINE = Engine(name="stand-in", model="none", revision="0")
#: One photo in a hundred takes so much longer than the mean.
TAIL = 20


def recognized(event: PhotoUploaded) -> TextRecognized:
    """Return the same line of text for every photo."""
    return TextRecognized(
        **event.carried(),
        photo=PhotoRead(uri=event.photo.uri, sha256="0" * 64, width=1, height=1),
        identity=event.identity,
        texts=(TextLine(text="棉100%", bbox=(0, 0, 1, 1), score=0.9),),
        quality=Quality(verdict="ok", sharpness=1.0),
        engine=ENGINE,
        recognized_at=now(),
    )


def read_as_told() -> Handler:
    folder, mean_s = Path(sys.argv[1]), float(sys.argv[2]) / 1000
    fixed, outage = folder / "fixed", folder / "outage"
    rng = random.Random(0)

    async def read(event: PhotoUploaded) -> HandlerResult:
        asked = event.locale or ""
        if asked == "bug" and not fixed.exists():
            raise RuntimeError(f"planted secret: {4000 + 711}")
        if asked == "later" and outage.exists():
            return Later("ocr-down", "the stand-in was told to fail")
        if asked.startswith("slow-"):
            # Tests wait for this line before they send a signal.
            log.info("slow work begins")
            await asyncio.sleep(int(asked.removeprefix("slow-")) / 1000)
        elif mean_s:
            await asyncio.sleep(mean_s * TAIL if rng.random() < 0.01 else rng.expovariate(1 / mean_s))
        return (recognized(event),)

    return read


if __name__ == "__main__":
    run_stage(with_handler("recognize", Settings(), read_as_told(), overlaps_keys=True))
