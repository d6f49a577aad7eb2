"""
A sync stage that sends nothing: prints the requests it would make, publishes nothing, and commits for itself alone.

Each run is a consumer group of its own, so that the real one still finds every event, and so that a second run, which
remembers nothing of the first, begins where the topic does and shows the same.
"""

import json
from typing import Any

import structlog

from klaviyo_sink.sink import Sink, Written
from schemas.codec import Headers
from schemas.emitter import Emitter
from schemas.events import OutfitTagged
from schemas.outcomes import Later
from streams.config.settings import Settings
from streams.runtime.stage import HandlerResult

log = structlog.get_logger()

#: Stands where an e-mail address would: what a container prints ends in its logs.
HIDDEN = "(hidden)"


class Mute(Emitter):
    """Takes every message, the dead letters too, and sends none."""

    def __init__(self) -> None:
        """Connect to nothing."""

    async def send(self, topic: str, *, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        """Drop it."""

    async def aclose(self, *, limit_s: float = 10) -> None:
        """Close nothing."""


def apart(settings: Settings, run: str) -> Settings:
    """Give the settings of a dry run: the group of this `run` alone, which starts where the topic does."""
    group_prefix = f"{settings.group_prefix}-dry-run-{run}"
    return settings.model_copy(update={"klaviyo_dry_run": True, "group_prefix": group_prefix})


async def sync(event: OutfitTagged, *, sink: Sink) -> HandlerResult:
    """Do all but send; tell the log what would have come of it, without text or addresses."""
    written = await sink.sync(event)
    if isinstance(written, Later):
        return written
    if isinstance(written, Written):
        log.info("dry run", would_be=written.outcome, lane=written.lane, profile_version=written.profile_version)
    else:
        log.warning("dry run", would_be="a dead letter", reason=written.reason, message=written.message)
    return ()


def show(request: str, body: bytes) -> None:
    """Print a request on one line of stdout, as JSON, without e-mail addresses."""
    print(json.dumps({"request": request, "body": without_emails(json.loads(body))}, ensure_ascii=False), flush=True)  # noqa: T201 - what a dry run is for


def without_emails(value: Any) -> Any:
    """Give JSON with `HIDDEN` in the place of each e-mail address."""
    if isinstance(value, list):
        return [without_emails(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {name: HIDDEN if name == "email" else without_emails(one) for name, one in value.items()}
