"""Our stages, as `hangtag worker` runs them; the parts outside the stream core answer at once."""

import sys

from job import recognized

from klaviyo_sink.sink import Written
from schemas.events import Event, OutfitTagged, PhotoUploaded
from schemas.spans import TraceHeaders
from streams.config.settings import Settings
from streams.runtime.stage import HandlerResult
from streams.wiring import stages
from streams.wiring.assembly import StagePlan, run_stage, with_handler

stage = sys.argv[5] if len(sys.argv) > 5 else "pass-through"
settings = Settings(
    bootstrap_servers=sys.argv[1],
    topic_prefix=sys.argv[2].rpartition(".")[0],
    group_prefix=sys.argv[4],
    log_level="error",
)


class InstantSink:
    """Klaviyo, if it took no time."""

    async def sync(self, _event: OutfitTagged, *, trace: TraceHeaders) -> Written:
        """Say that it was written."""
        del trace
        return Written(outcome="written", lane="single", profile_version=1)


async def read(event: Event) -> HandlerResult:
    """Answer at once."""
    assert isinstance(event, PhotoUploaded)  # noqa: S101 - the lane holds nothing else
    return (recognized(event),)


def plan() -> StagePlan:
    """Plan the stage under test as its command does; only parts outside the stream core are replaced."""
    if stage == "recognize":
        return stages.recognize(settings)
    if stage == "tag":
        return stages.tag(settings)
    if stage == "sync":
        return stages.sync(settings, sink=InstantSink())  # type: ignore[arg-type] # a fake
    return with_handler("recognize", settings, read, overlaps_keys=True)


run_stage(plan())
