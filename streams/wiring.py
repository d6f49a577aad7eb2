"""
The composition root: chooses the real parts from settings. Tests choose others and use the same handlers.

Each function imports what it makes, so that a process loads the parts of its own stage (and the erasure ledger) only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from schemas.emitter import Emitter
from schemas.spans import UNWATCHED, Spans
from schemas.topics import Topics, topics
from streams import metrics
from streams.dead_letters import HaltLimit
from streams.flow import flow_of
from streams.kafka import client_config
from streams.settings import Settings, UnusableError
from streams.stage import Delivered, Handler, Stage

if TYPE_CHECKING:
    from ssl import SSLContext

    from klaviyo_sink.api.client import KlaviyoClient
    from klaviyo_sink.api.oauth import TokenFile
    from klaviyo_sink.config import SinkConfig
    from klaviyo_sink.dry_run import DryRun
    from klaviyo_sink.profile.wording import InterestsOf
    from klaviyo_sink.sink import Sink
    from ocr_worker.pool.pool import OcrPool
    from ocr_worker.server.request import Fetch
    from rules.tagger import Tagger
    from schemas.events import Noun
    from schemas.outcomes import Later, Misconfigured, Never
    from schemas.producer import UploadProducer
    from streams.live_tagger import LiveTagger
    from streams.store import PhotoStore


def now() -> datetime:
    """Tell the time, with its zone."""
    return datetime.now(UTC)


def make_topics(settings: Settings) -> Topics:
    """Name the topics."""
    return topics(settings.topic_prefix)


def make_store(settings: Settings) -> PhotoStore:
    """
    Open the photo store.

    Raises:
        UnusableError: the URL is none, or the folder cannot be made.

    """
    from obstore.exceptions import BaseError

    from streams.store import PhotoStore

    try:
        return PhotoStore(settings.store_url, max_bytes=settings.photo_max_bytes)
    except (BaseError, OSError, ValueError) as error:
        raise UnusableError(f"HANGTAG_STORE_URL cannot be used ({type(error).__name__})") from None


def make_pool(settings: Settings) -> OcrPool:
    """Reach the OCR workers."""
    from ocr_worker.pool.pool import OcrPool, Surroundings
    from streams import pool_metrics

    pool = OcrPool(
        settings.ocr_urls,
        token=settings.ocr_token,
        timeout_s=settings.ocr_timeout_s,
        max_connections=settings.in_flight,
        surroundings=Surroundings(tls=make_ocr_tls(settings), told=pool_metrics.told),
    )
    pool_metrics.watch(pool.status)
    return pool


def make_ocr_tls(settings: Settings) -> SSLContext | None:
    """Say whose certificates of OCR workers are believed; None for the public ones."""
    import ssl

    return ssl.create_default_context(cafile=settings.ocr_tls_ca) if settings.ocr_tls_ca else None


def make_fetch(settings: Settings, *, by_uri: bool) -> Fetch | None:
    """
    Allow an OCR worker to read photos by name: those of the store with `by_uri`, those below the roots in any case.

    Raises:
        ValueError: a root is not a plain http(s) address.

    """
    if not by_uri and not settings.ocr_uri_roots:
        return None
    from ocr_worker.result import Refused
    from ocr_worker.server.web_photos import WebLimits, WebPhotos
    from streams.store import TooLarge

    web = WebPhotos(settings.ocr_uri_roots, WebLimits(settings.photo_max_bytes))
    store = make_store(settings) if by_uri else None

    async def fetch(uri: str) -> bytes | Refused | Later | Never | Misconfigured:
        if store is None or web.covers(uri):
            return await web.get(uri)
        photo = await store.get(uri)
        if isinstance(photo, TooLarge):
            return Refused("too_large", f"a photo may have at most {settings.photo_max_bytes:,} bytes")
        return photo

    return fetch


def make_tagger(settings: Settings) -> Tagger:
    """
    Read the lexicon.

    Raises:
        UnusableError: it has mistakes.

    """
    return make_live_tagger(settings).current


def make_live_tagger(settings: Settings) -> LiveTagger:
    """Read the lexicon, to be read again when it changes. Raises as `make_tagger`."""
    from rules.lexicon.problems import LexiconError
    from streams.live_tagger import LiveTagger

    try:
        live = LiveTagger(settings.lexicon)
    except LexiconError as error:
        raise UnusableError(f"HANGTAG_LEXICON: {error.brief()}") from None
    metrics.LEXICON.watch(lambda: {(live.current.lexicon.version,): 1})
    return live


async def make_sink(settings: Settings, *, dry_run: DryRun | None = None, spans: Spans = UNWATCHED) -> Sink:
    """
    Open the style profiles and the way to Klaviyo.

    Raises:
        UnusableError: the lexicon has mistakes, or the state database cannot be opened.

    """
    from klaviyo_sink.sink import open_sink
    from klaviyo_sink.state.database import StateUnavailableError
    from streams import sink_metrics

    config = replace(make_sink_config(settings), interests_of=make_interests(settings), spans=spans)
    try:
        sink = await open_sink(config, dry_run=dry_run)
    except StateUnavailableError as error:
        raise UnusableError(f"HANGTAG_STATE_URL: {error}") from None
    sink_metrics.watch(sink.status)
    return sink


def make_interests(settings: Settings) -> InterestsOf:
    """
    Bring the lexicon's interests to the style profiles. They are read once: a sync stage is started anew for others.

    Raises:
        UnusableError: the lexicon has mistakes.

    """
    from rules.lexicon.load import load_lexicon
    from rules.lexicon.problems import LexiconError
    from streams.interests import interests_held

    try:
        return interests_held(load_lexicon(settings.lexicon).interests)
    except LexiconError as error:
        raise UnusableError(f"HANGTAG_LEXICON: {error.brief()}") from None


def make_klaviyo(settings: Settings) -> KlaviyoClient:
    """Reach Klaviyo without the style profiles."""
    from klaviyo_sink.access import open_client

    return open_client(make_sink_config(settings))


def make_sink_config(settings: Settings) -> SinkConfig:
    """Tell the sink what it must know."""
    from klaviyo_sink.config import SinkConfig
    from klaviyo_sink.profile.naming import PropertyNames
    from klaviyo_sink.profile.recency import Recency

    return SinkConfig(
        url=settings.klaviyo_url,
        key=settings.klaviyo_key,
        revision=settings.klaviyo_revision,
        metric=settings.klaviyo_metric,
        timeout_s=settings.klaviyo_timeout_s,
        state_url=settings.state_url.get_secret_value(),
        names=PropertyNames(
            prefix=settings.klaviyo_property_prefix,
            aliases=settings.klaviyo_aliases,
            labels=settings.klaviyo_labels,
        ),
        recency=Recency(timedelta(days=settings.profile_half_life_days)),
        tokens=make_token_file(settings),
    )


def make_token_file(settings: Settings) -> TokenFile | None:
    """
    Find the OAuth tokens, where settings name them.

    Raises:
        ValueError: the app they belong to is not named.

    """
    from klaviyo_sink.api.oauth import TokenFile, token_url

    if settings.klaviyo_tokens_file is None:
        return None
    if settings.klaviyo_client_id is None or settings.klaviyo_client_secret is None:
        raise ValueError(
            "OAuth tokens need their app: set HANGTAG_KLAVIYO_CLIENT_ID and HANGTAG_KLAVIYO_CLIENT_SECRET too"
        )
    return TokenFile(
        settings.klaviyo_tokens_file,
        settings.klaviyo_client_id,
        settings.klaviyo_client_secret,
        token_url(settings.klaviyo_url),
    )


def make_emitter(
    settings: Settings,
    *,
    crash: Callable[[Exception], object] = lambda _error: None,
    patience_s: float = 30,
    as_it_is: bool = False,
) -> Emitter:
    """
    Make the one producer of this process; `crash` is told when it can never deliver again.

    `as_it_is`: for bytes that came from Kafka, framed or not, and not for new events.

    Raises:
        UnusableError: the Schema Registry does not answer, or lacks a schema.

    """
    from streams.schema_registry import frames

    config = client_config(settings) | {"delivery.timeout.ms": int(patience_s * 1000)}
    return Emitter(config, frames=None if as_it_is else frames(settings), crash=crash)


def make_uploads(settings: Settings, *, spans: Spans = UNWATCHED, emitter: Emitter | None = None) -> UploadProducer:
    """Make what stores photos and publishes their uploads."""
    from schemas.producer import UploadProducer

    topic = make_topics(settings).uploads.name
    return UploadProducer(emitter or make_emitter(settings), make_store(settings), topic=topic, spans=spans)


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
