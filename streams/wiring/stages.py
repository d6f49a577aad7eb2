"""Binds handlers to their topics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.emitter import Emitter
from schemas.spans import UNWATCHED, Spans
from streams.config.settings import Settings
from streams.flow import flow_of
from streams.runtime.dead_letters import HaltLimit
from streams.runtime.retry import RetryPolicy
from streams.runtime.stage import Handler, OnDelivered, Route, Stage

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
    on_delivered: OnDelivered | None = None,
) -> Stage:
    """Connect a handler with its topics; `reads` is the model of messages that are not our events."""
    consumed, produced = flow_of(settings)[name]
    return Stage(
        name,
        Route(consumed, {topic.event: topic for topic in produced if topic.event is not None}, reads),
        handle,
        emitter=emitter,
        halt=HaltLimit(in_a_row=settings.halt_in_a_row, share=settings.halt_share),
        retry=RetryPolicy(settings.retry_base_s, settings.retry_cap_s, settings.handler_timeout_s),
        spans=spans,
        on_delivered=on_delivered,
    )
