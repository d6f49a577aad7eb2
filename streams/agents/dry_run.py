"""
`sync --dry-run`: prints the requests that the sync stage would send for an event. Sends nothing.

Each run has a consumer group of its own. So the real group still gets every event, and a second run starts at the
beginning of the topic again.
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

#: Replaces e-mail addresses, because a container's output ends in its logs.
HIDDEN = "(hidden)"


class SilentEmitter(Emitter):
    """Drops every message, dead letters too."""

    def __init__(self) -> None:
        """Do not connect."""

    async def send(self, topic: str, *, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        """Drop the message."""

    async def aclose(self, *, limit_s: float = 10) -> None:
        """Do nothing."""


def settings_of_dry_run(settings: Settings, run: str) -> Settings:
    """Return the settings of a dry run: a consumer group of its own, named after `run`."""
    group_prefix = f"{settings.group_prefix}-dry-run-{run}"
    return settings.model_copy(update={"klaviyo_dry_run": True, "group_prefix": group_prefix})


async def sync(event: OutfitTagged, *, sink: Sink) -> HandlerResult:
    """Do everything but send, and log the outcome without text or addresses."""
    written = await sink.sync(event)
    if isinstance(written, Later):
        return written
    if isinstance(written, Written):
        log.info("dry run", would_be=written.outcome, lane=written.lane, profile_version=written.profile_version)
    else:
        log.warning("dry run", would_be="a dead letter", reason=written.reason, message=written.message)
    return ()


def print_request(request: str, body: bytes) -> None:
    """Print a request on one line of stdout, as JSON, without e-mail addresses."""
    print(json.dumps({"request": request, "body": without_emails(json.loads(body))}, ensure_ascii=False), flush=True)  # noqa: T201 - what a dry run is for


def without_emails(value: Any) -> Any:
    """Return the JSON value with `HIDDEN` in place of each e-mail address."""
    if isinstance(value, list):
        return [without_emails(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {name: HIDDEN if name == "email" else without_emails(one) for name, one in value.items()}
