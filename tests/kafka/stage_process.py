"""
Run a `recognize` stage whose OCR is a stand-in with a long-tailed latency, as a process of its own.

Everything else is the real thing: Faust, window, stage, producer, dead letters, signals, exit codes.
Used by the tests and the benchmarks: `python stage_process.py MEAN_MS TAIL_MS [poison]`.
"""

import asyncio
import random
import sys

from schemas.events import Engine, PhotoRead, PhotoUploaded, Quality, TextLine, TextRecognized
from streams import wiring
from streams.logs import set_up_logs
from streams.process import Parts, run
from streams.settings import Settings
from streams.stage import Answer

ENGINE = Engine(name="stand-in", model="none", revision="0")


async def main() -> Parts:
    mean_s, tail_s = (float(argument) / 1000 for argument in sys.argv[1:3])
    rng = random.Random(0)

    async def read(event: PhotoUploaded) -> Answer:
        if event.locale == "bug":
            raise RuntimeError("planted secret: 4711")
        if mean_s:
            await asyncio.sleep(tail_s if rng.random() < 0.01 else rng.expovariate(1 / mean_s))
        return (
            TextRecognized(
                **event.carried(),
                photo=PhotoRead(uri=event.photo.uri, sha256="0" * 64, width=1, height=1),
                identity=event.identity,
                texts=(TextLine(text="棉100%", bbox=(0, 0, 1, 1), score=0.9),),
                quality=Quality(verdict="ok", sharpness=1.0),
                engine=ENGINE,
                recognized_at=wiring.now(),
            ),
        )

    emitter = wiring.make_emitter(settings)
    return Parts(wiring.make_stage(settings, "recognize", read, emitter), emitter.aclose)


if __name__ == "__main__":
    settings = Settings()
    set_up_logs(settings)
    run(settings, main)
