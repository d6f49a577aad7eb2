"""
The composition root: chooses the real parts from settings. Tests choose others and use the same handlers.

Each function imports what it makes, so that a process loads the parts of its own stage only.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from schemas.topics import Topics, topics
from streams.dead_letters import HaltLimit
from streams.kafka import client_config
from streams.producer import Emitter
from streams.settings import Settings
from streams.stage import Handler, Stage

if TYPE_CHECKING:
    from klaviyo_sink.sink import Sink
    from ocr_worker.pool import OcrPool
    from rules.tagger import Tagger
    from streams.store import PhotoStore


def now() -> datetime:
    """Tell the time, with its zone."""
    return datetime.now(UTC)


def make_topics(settings: Settings) -> Topics:
    """Name the topics."""
    return topics(settings.topic_prefix)


def make_store(settings: Settings) -> PhotoStore:
    """Open the photo store."""
    from streams.store import PhotoStore

    return PhotoStore(settings.store_url, max_bytes=settings.photo_max_bytes)


def make_pool(settings: Settings) -> OcrPool:
    """Reach the OCR workers."""
    from ocr_worker.pool import OcrPool

    return OcrPool(
        settings.ocr_urls,
        token=settings.ocr_token,
        timeout_s=settings.ocr_timeout_s,
        max_connections=settings.in_flight,
    )


def make_tagger(settings: Settings) -> Tagger:
    """Read the lexicon."""
    from rules.lexicon import load_lexicon
    from rules.tagger import Tagger

    return Tagger(load_lexicon(settings.lexicon))


async def make_sink(settings: Settings) -> Sink:
    """Open the style profiles and the way to Klaviyo."""
    from klaviyo_sink.naming import PropertyNames
    from klaviyo_sink.sink import SinkConfig, open_sink

    return await open_sink(
        SinkConfig(
            url=settings.klaviyo_url,
            key=settings.klaviyo_key,
            revision=settings.klaviyo_revision,
            metric=settings.klaviyo_metric,
            timeout_s=settings.klaviyo_timeout_s,
            state_url=settings.state_url,
            names=PropertyNames(
                prefix=settings.klaviyo_property_prefix,
                aliases=settings.klaviyo_aliases,
                labels=settings.klaviyo_labels,
            ),
        )
    )


def make_emitter(settings: Settings, *, crash: Callable[[Exception], object] = lambda _error: None) -> Emitter:
    """Make the one producer of this process; `crash` is told when it can never deliver again."""
    return Emitter(client_config(settings), crash=crash)


def make_stage(settings: Settings, name: str, handle: Handler, emitter: Emitter) -> Stage:
    """Bind a handler to its topics: what each stage consumes and publishes is told here, and nowhere else."""
    all_topics = make_topics(settings)
    consumed, produced = {
        "recognize": (all_topics.uploads, (all_topics.texts, all_topics.feedback)),
        "tag": (all_topics.texts, (all_topics.tags,)),
        "sync": (all_topics.tags, (all_topics.profiles,)),
    }[name]
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
    )
