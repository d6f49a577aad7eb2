"""
Builds each whole stage as its process runs it: handler, erasure guard, emitter and what runs in the background.

Commands, tests and benches take stages from here, so that none of them runs without the guard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from schemas.spans import NO_SPANS, Spans
from streams.config.settings import Settings, UnusableError
from streams.flow import flow_of
from streams.runtime.dead_letters import HaltLimit
from streams.runtime.retry import RetryPolicy
from streams.runtime.stage import Handler, HandlerResult, OnDelivered, Route, Stage
from streams.wiring.clock import now

if TYPE_CHECKING:
    from klaviyo_sink.sink import Sink
    from ocr_worker.pool.pool import OcrPool
    from schemas.emitter import Emitter
    from schemas.events import Event, FrozenModel, TextRecognized
    from streams.erasure.guard import ForgottenShoppers
    from streams.runtime.process import Background, Parts

Close = Callable[[], Awaitable[None]]

#: Stages that work on several events of one shopper at a time. A photo takes a second or more: one at a time would
#: read less than one photo a second of a kiosk that uploads under a single id.
_OVERLAPS_KEYS = frozenset({"recognize"})


@dataclass(frozen=True, slots=True)
class StagePlan:
    """What one stage adds to the parts that every stage has. `assemble` builds the stage from it."""

    #: Name in `streams.flow`: recognize, tag, sync, notifications or rekey.
    name: str
    settings: Settings
    #: Opens the handler's own parts (pool, sink) on the event loop; returns the handler and what closes them.
    open_handler: Callable[[Spans], Awaitable[tuple[Handler, Close | None]]]
    #: Model of the consumed messages, if they are not the topic's events.
    reads: type[FrozenModel] | None = None
    #: Runs on SIGHUP.
    reload: Callable[[], object] | None = None
    #: Background task; the process ends when it does.
    background: Background | None = None
    #: Runs after a handler's events are delivered and before their input is committed.
    on_delivered: OnDelivered | None = None
    #: Runs for each event of a forgotten shopper that ends without a result.
    on_forgotten: Callable[[Event], Awaitable[None]] | None = None
    #: Creates the producer of messages; None for the real one.
    make_emitter: Callable[[], Emitter] | None = None


def with_handler(name: str, settings: Settings, handle: Handler) -> StagePlan:
    """Plan a stage around a handler that needs no opening: a stand-in of a test or bench."""

    async def opened(_spans: Spans) -> tuple[Handler, None]:
        return handle, None

    return StagePlan(name, settings, opened)


def recognize(settings: Settings, *, pool: OcrPool | None = None) -> StagePlan:
    """
    Plan the stage from photos to texts. `pool` replaces the pool of OCR workers.

    Raises:
        UnusableError: the photo store cannot be opened, or HANGTAG_NOTIFICATIONS_KEY is no template.

    """
    from streams.agents import uploads
    from streams.erasure.photos import delete_forgotten
    from streams.photos.retention import keep_sweeping, swept_folders
    from streams.wiring.ocr import make_pool
    from streams.wiring.photos import make_store

    store, folders = make_store(settings), swept_folders(settings)
    kept_for = timedelta(days=settings.photo_retention_days)

    async def opened(_spans: Spans) -> tuple[Handler, Close | None]:
        readers = pool or make_pool(settings)
        handle = partial(uploads.recognize, store=store, pool=readers, now=now, kept_for=kept_for)
        return handle, None if pool else readers.aclose

    return StagePlan(
        "recognize",
        settings,
        opened,
        background=partial(keep_sweeping, store=store, folders=folders, kept_for=kept_for, now=now),
        on_delivered=partial(uploads.delete_read, store=store) if settings.photo_delete_after_read else None,
        on_forgotten=partial(delete_forgotten, store=store),
    )


def tag(settings: Settings) -> StagePlan:
    """
    Plan the stage from texts to tags. It reloads the lexicon when its files change, and on SIGHUP.

    Raises:
        UnusableError: the lexicon has mistakes.

    """
    from streams.agents import texts
    from streams.wiring.rules import make_live_tagger

    live = make_live_tagger(settings)

    async def handle(event: TextRecognized) -> HandlerResult:
        return await texts.tag(event, tagger=live.current, now=now)

    async def opened(_spans: Spans) -> tuple[Handler, None]:
        return handle, None

    async def follow(_leads: Callable[[], bool]) -> None:
        await live.follow(settings.lexicon_poll_s)

    return StagePlan("tag", settings, opened, reload=live.reload, background=follow)


def sync(settings: Settings, *, sink: Sink | None = None) -> StagePlan:
    """
    Plan the stage from tags to Klaviyo profiles. `sink` replaces the one that writes to Klaviyo.

    Beside it, one process of the group indexes uploads (`streams/index`) and prunes the ledger of written events.

    Raises:
        ValueError: a Klaviyo setting or the lexicon cannot be used.

    """
    from streams.agents import tags
    from streams.wiring.beside_sync import beside_sync
    from streams.wiring.klaviyo import make_interests, make_sink, make_sink_config

    # Settings that cannot be used end the process before it waits for Kafka.
    make_sink_config(settings)
    make_interests(settings)

    async def opened(spans: Spans) -> tuple[Handler, Close | None]:
        writer = sink or await make_sink(settings, spans=spans)
        return partial(tags.sync, sink=writer, now=now), None if sink else writer.aclose

    return StagePlan("sync", settings, opened, background=beside_sync(settings, now=now))


def dry_sync(settings: Settings, run: str) -> StagePlan:
    """
    Plan a sync stage that prints its requests and sends none. `run` names its consumer group.

    Raises:
        ValueError: as `sync`.

    """
    from klaviyo_sink.dry_run import DryRun
    from streams.agents import dry_run
    from streams.wiring.klaviyo import make_interests, make_sink, make_sink_config

    settings = dry_run.settings_of_dry_run(settings, run)
    make_sink_config(settings)
    make_interests(settings)

    async def opened(_spans: Spans) -> tuple[Handler, Close | None]:
        sink = await make_sink(settings, dry_run=DryRun(dry_run.print_request))
        return partial(dry_run.sync, sink=sink), sink.aclose

    return StagePlan("sync", settings, opened, make_emitter=dry_run.SilentEmitter)


def notifications(settings: Settings) -> StagePlan:
    """
    Plan the stage from a bucket's notifications to uploads.

    Raises:
        UnusableError: HANGTAG_NOTIFICATIONS_TOPIC is not set, or HANGTAG_NOTIFICATIONS_KEY is no template.

    """
    from streams.agents.notifications import announce
    from streams.erasure.photos import delete_forgotten
    from streams.photos.bucket.events import KeyTemplate, Notification
    from streams.wiring.photos import make_store

    try:
        template = KeyTemplate(settings.notifications_key)
    except ValueError as error:
        raise UnusableError(f"HANGTAG_NOTIFICATIONS_KEY: {error}") from None
    if settings.notifications_topic is None:
        raise UnusableError("This stage reads a bucket's notifications: set HANGTAG_NOTIFICATIONS_TOPIC to their topic")
    kept_for = timedelta(days=settings.photo_retention_days)
    store = make_store(settings)

    async def opened(_spans: Spans) -> tuple[Handler, None]:
        return partial(announce, template=template, store=store, now=now, kept_for=kept_for), None

    delete = partial(delete_forgotten, store=store)
    return StagePlan("notifications", settings, opened, reads=Notification, on_forgotten=delete)


def rekey(settings: Settings) -> StagePlan:
    """
    Plan the stage that publishes a foreign producer's uploads again, keyed and partitioned as ours.

    Raises:
        UnusableError: HANGTAG_REKEY_TOPIC is not set, or names a topic of the flow.

    """
    from streams.agents.rekey import rekey as publish_again
    from streams.wiring.kafka import make_topics

    if settings.rekey_topic is None:
        raise UnusableError("This stage publishes uploads again: set HANGTAG_REKEY_TOPIC to the topic they are on")
    if settings.rekey_topic in {topic.name for topic in make_topics(settings).all()}:
        raise UnusableError(
            f"HANGTAG_REKEY_TOPIC: {settings.rekey_topic} is a topic of the flow, so every upload would be published"
            " again for ever. Let the producer publish to a topic of its own, and set that"
        )
    return with_handler("rekey", settings, publish_again)


async def assemble(
    plan: StagePlan,
    *,
    spans: Spans = NO_SPANS,
    emitter: Emitter | None = None,
    forgotten: ForgottenShoppers | None = None,
) -> Parts:
    """
    Build the stage of a plan: its handler under the erasure guard, bound to its topics.

    Args:
        plan: What the stage is.
        spans: Records a span for each try.
        emitter: Delivers messages; None for the plan's own.
        forgotten: The forgotten shoppers; None to read them from the state database.

    Raises:
        UnusableError: the Schema Registry does not answer, or the state database cannot be opened.

    """
    from streams.erasure.guard import ForgottenShoppers, drop_forgotten
    from streams.runtime.process import Parts

    known = forgotten or ForgottenShoppers(plan.settings.state_url.get_secret_value())
    handle, close = await plan.open_handler(spans)
    # The sync stage is guarded too, although its sink reads the ledger: work on an event may outlast the erasure, and
    # a dead letter would keep the shopper.
    guarded = drop_forgotten(handle, known.includes, plan.on_forgotten)
    if emitter is None:
        # In a thread, because a Schema Registry may have to answer first.
        emitter = await asyncio.to_thread(plan.make_emitter or partial(_real_emitter, plan.settings))
    producer = emitter

    async def aclose() -> None:
        await producer.aclose()
        if close is not None:
            await close()
        await asyncio.to_thread(known.close)
        await asyncio.to_thread(spans.close)

    return Parts(bind(plan, guarded, producer, spans=spans), aclose, reload=plan.reload, background=plan.background)


def run_stage(plan: StagePlan) -> NoReturn:
    """
    Run a planned stage as this process until a signal.

    Raises:
        UnusableError: traces are wanted, and OpenTelemetry is not installed.

    """
    from streams.runtime.process import run
    from streams.telemetry.logs import set_up_logs
    from streams.telemetry.spans import make_spans

    set_up_logs(plan.settings)
    spans = make_spans(plan.settings, plan.name)
    run(plan.settings, partial(assemble, plan, spans=spans))


def bind(plan: StagePlan, handle: Handler, emitter: Emitter, *, spans: Spans = NO_SPANS) -> Stage:
    """Bind a handler to the plan's topics, as the settings want retries and halts."""
    settings = plan.settings
    consumed, produced = flow_of(settings)[plan.name]
    return Stage(
        plan.name,
        Route(
            consumed,
            {topic.event: topic for topic in produced if topic.event is not None},
            plan.reads,
            overlaps_keys=plan.name in _OVERLAPS_KEYS,
        ),
        handle,
        emitter=emitter,
        halt=HaltLimit(in_a_row=settings.halt_in_a_row, share=settings.halt_share),
        retry=RetryPolicy(settings.retry_base_s, settings.retry_cap_s, settings.handler_timeout_s),
        spans=spans,
        on_delivered=plan.on_delivered,
    )


def _real_emitter(settings: Settings) -> Emitter:
    from streams.runtime.process import leave
    from streams.wiring.kafka import make_emitter

    return make_emitter(settings, crash=leave)
