"""Binds handlers to their topics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.emitter import Emitter
from schemas.spans import UNWATCHED, Spans
from streams.config.settings import Settings
from streams.flow import flow_of
from streams.runtime.dead_letters import HaltLimit
from streams.runtime.stage import Delivered, Handler, Stage

if TYPE_CHECKING:
    from schemas.events import Noun


def make_stage(
    settings: Settings,
    name: str,
    handle: Handler,
    emitter: Emitter,
    *,
    spans: Spans = UNWATCHED,
    reads: type[Noun] | None = None,
    delivered: Delivered | None = None,
) -> Stage:
    """Bind a handler to its topics; `reads` is what it takes where the topic carries no events."""
    consumed, produced = flow_of(settings)[name]
    return Stage(
        name,
        consumed,
        handle,
        outputs={topic.event: topic for topic in produced if topic.event is not None},
        emitter=emitter,
        halt=HaltLimit(in_a_row=settings.halt_in_a_row, share=settings.halt_share),
        retry_base_s=settings.retry_base_s,
        retry_cap_s=settings.retry_cap_s,
        handler_timeout_s=settings.handler_timeout_s,
        reads=reads,
        spans=spans,
        delivered=delivered,
    )
