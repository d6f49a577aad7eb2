"""
Plans each stage: its handler with the parts that it needs, and its background tasks.

`streams/wiring/assembly.py` builds the whole stage from the plan.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from schemas.spans import Spans
from streams.config.settings import Settings, UnusableError
from streams.runtime.stage import Handler, HandlerResult
from streams.wiring.assembly import Close, StagePlan, with_handler
from streams.wiring.clock import now

if TYPE_CHECKING:
    from klaviyo_sink.sink import Sink
    from ocr_worker.pool.pool import OcrPool
    from schemas.events import TextRecognized


def recognize(settings: Settings, *, pool: OcrPool | None = None) -> StagePlan:
    """
    Plan the stage from photos to texts. `pool` replaces the pool of OCR workers.

    Raises:
        UnusableError: the photo store cannot be opened, or HANGTAG_NOTIFICATIONS_KEY cannot be used.

    """
    from streams.agents import uploads
    from streams.erasure.photos import delete_forgotten
    from streams.photos.folders import swept_folders
    from streams.photos.retention import keep_sweeping
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
        # A photo takes a second or more. A kiosk that uploads under a single id would get less than one a second.
        overlaps_keys=True,
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
        UnusableError: HANGTAG_NOTIFICATIONS_TOPIC is not set, or HANGTAG_NOTIFICATIONS_KEY cannot be used.

    """
    from streams.agents.notifications import announce
    from streams.erasure.photos import delete_forgotten
    from streams.photos.bucket.events import Notification
    from streams.photos.folders import photo_template
    from streams.wiring.photos import make_store

    template = photo_template(settings)
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
    Plan the stage that publishes a foreign producer's uploads again, keyed and partitioned as Hangtag does it.

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
