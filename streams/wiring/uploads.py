"""Builds the producer that stores photos and publishes their uploads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.spans import NO_SPANS, Spans
from streams.config.settings import Settings
from streams.wiring.kafka import make_emitter, make_topics
from streams.wiring.photos import make_store

if TYPE_CHECKING:
    from schemas.emitter import Emitter
    from schemas.producer import UploadProducer


def make_uploads(settings: Settings, *, spans: Spans = NO_SPANS, emitter: Emitter | None = None) -> UploadProducer:
    """Create the producer that stores photos and publishes their uploads."""
    from schemas.producer import UploadProducer

    topic = make_topics(settings).uploads.name
    return UploadProducer(emitter or make_emitter(settings), make_store(settings), topic=topic, spans=spans)
