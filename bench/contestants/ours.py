"""Our stages, as `hangtag worker` runs them; the parts outside the stream core answer at once."""

import sys
from functools import partial

from job import recognized

from klaviyo_sink.sink import Written
from schemas.events import Event, OutfitTagged, PhotoUploaded
from schemas.spans import Cause
from streams.agents import tags, texts, uploads
from streams.config.settings import Settings
from streams.runtime.process import Parts, run
from streams.runtime.stage import Handler, HandlerResult
from streams.telemetry.logs import set_up_logs
from streams.wiring.clock import now
from streams.wiring.kafka import make_emitter
from streams.wiring.ocr import make_pool
from streams.wiring.photos import make_store
from streams.wiring.rules import make_tagger
from streams.wiring.stages import make_stage

stage = sys.argv[5] if len(sys.argv) > 5 else "pass-through"
settings = Settings(
    bootstrap_servers=sys.argv[1],
    topic_prefix=sys.argv[2].rpartition(".")[0],
    group_prefix=sys.argv[4],
    log_level="error",
)


class InstantSink:
    """Klaviyo, if it took no time."""

    async def sync(self, _event: OutfitTagged, *, cause: Cause) -> Written:
        """Say that it was written."""
        del cause
        return Written(outcome="written", lane="single", profile_version=1)


async def read(event: Event) -> HandlerResult:
    """Answer at once."""
    assert isinstance(event, PhotoUploaded)  # noqa: S101 - the lane holds nothing else
    return (recognized(event),)


async def make() -> Parts:
    """Wire the real stage."""
    emitter = make_emitter(settings)
    handlers: dict[str, tuple[str, Handler]] = {"pass-through": ("recognize", read)}
    if stage == "recognize":
        handlers[stage] = (
            stage,
            partial(uploads.recognize, store=make_store(settings), pool=make_pool(settings), now=now),
        )
    elif stage == "tag":
        handlers[stage] = (stage, partial(texts.tag, tagger=make_tagger(settings), now=now))
    elif stage == "sync":
        handlers[stage] = (stage, partial(tags.sync, sink=InstantSink(), now=now))
    name, handle = handlers[stage]
    return Parts(make_stage(settings, name, handle, emitter), emitter.aclose)


set_up_logs(settings)
run(settings, make)
