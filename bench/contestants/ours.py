"""Our stage, as `hangtag worker` runs it."""

import sys

from job import recognized

from schemas.events import PhotoUploaded
from streams import wiring
from streams.logs import set_up_logs
from streams.process import Parts, run
from streams.settings import Settings
from streams.stage import Answer

settings = Settings(
    bootstrap_servers=sys.argv[1],
    topic_prefix=sys.argv[2].rpartition(".")[0],
    group_prefix=sys.argv[4],
    log_level="error",
)


async def read(event: PhotoUploaded) -> Answer:
    """Answer at once."""
    return (recognized(event),)


async def make() -> Parts:
    """Wire the real stage."""
    emitter = wiring.make_emitter(settings)
    return Parts(wiring.make_stage(settings, "recognize", read, emitter), emitter.aclose)


set_up_logs(settings)
run(settings, make)
