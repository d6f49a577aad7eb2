"""`hangtag worker`: run one stage, or all of them as supervised children."""

from __future__ import annotations

import asyncio
import signal
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from streams.config.settings import Settings, UnusableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemas.emitter import Emitter
    from schemas.events import Noun, TextRecognized
    from schemas.spans import Spans
    from streams.runtime.process import Background
    from streams.runtime.stage import HandlerResult, OnDelivered

app = typer.Typer(no_args_is_help=True, help=__doc__)


@app.command()
def recognize() -> None:
    """Photos to text: consume uploads, ask the OCR workers, publish texts and feedback."""
    from streams.agents.uploads import delete_read
    from streams.agents.uploads import recognize as handle
    from streams.photos.retention import keep_sweeping, swept_folders
    from streams.wiring.clock import now
    from streams.wiring.ocr import make_pool
    from streams.wiring.photos import make_store

    settings = Settings()
    kept_for = timedelta(days=settings.photo_retention_days)
    try:
        store, folders = make_store(settings), swept_folders(settings)
    except UnusableError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None

    async def parts(settings: Settings, _spans: Spans) -> tuple[Any, Any]:
        pool = make_pool(settings)
        return partial(handle, store=store, pool=pool, now=now, kept_for=kept_for), pool.aclose

    _run(
        "recognize",
        parts,
        settings,
        background=partial(keep_sweeping, store=store, folders=folders, kept_for=kept_for, now=now),
        on_delivered=partial(delete_read, store=store) if settings.photo_delete_after_read else None,
    )


@app.command()
def tag() -> None:
    """
    Text to tags: consume texts, apply the lexicon, publish tags.

    The lexicon is read again when the shop's own folder changes, and on SIGHUP.
    """
    from streams.agents.texts import tag as handle
    from streams.wiring.clock import now
    from streams.wiring.rules import make_live_tagger

    settings = Settings()
    try:
        live = make_live_tagger(settings)
    except UnusableError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None

    async def with_current(event: TextRecognized) -> HandlerResult:
        return await handle(event, tagger=live.current, now=now)

    async def parts(_settings: Settings, _spans: Spans) -> tuple[Any, Any]:
        return with_current, None

    async def follow(_leads: Callable[[], bool]) -> None:
        await live.follow(settings.lexicon_poll_s)

    _run("tag", parts, settings, reload=live.reload, background=follow)


@app.command()
def sync(
    *,
    dry_run: bool = typer.Option(False, help="Print what would be sent to Klaviyo; send, publish and store nothing."),
) -> None:
    """
    Tags to profiles: consume tags, write to Klaviyo, publish profiles.

    A dry run (also HANGTAG_KLAVIYO_DRY_RUN=true) reads as a consumer group of its own, each time from
    the oldest kept tags on, and leaves every event to the real stage.
    """
    import uuid

    from klaviyo_sink.dry_run import DryRun
    from streams.agents.tags import sync as handle
    from streams.operations import dry_run as dry
    from streams.wiring.clock import now
    from streams.wiring.klaviyo import make_interests, make_sink, make_sink_config

    settings = Settings().for_sync()
    if dry_run or settings.klaviyo_dry_run:
        settings = dry.apart(settings, uuid.uuid4().hex[:8])
    try:
        make_sink_config(settings)
        make_interests(settings)
    except ValueError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None

    async def parts(settings: Settings, spans: Spans) -> tuple[Any, Any]:
        if settings.klaviyo_dry_run:
            sink = await make_sink(settings, dry_run=DryRun(dry.show))
            return partial(dry.sync, sink=sink), sink.aclose
        sink = await make_sink(settings, spans=spans)
        return partial(handle, sink=sink, now=now), sink.aclose

    _run("sync", parts, settings, emitter=dry.Mute if settings.klaviyo_dry_run else None)


@app.command()
def notifications() -> None:
    """
    A bucket's notifications to uploads: consume HANGTAG_NOTIFICATIONS_TOPIC (S3's form), publish uploads.

    Only for photos that are put into the bucket without publishing their uploads.
    """
    from streams.agents.notifications import announce
    from streams.photos.bucket_events import KeyTemplate, Notification
    from streams.wiring.clock import now
    from streams.wiring.photos import make_store

    settings = Settings()
    try:
        template = KeyTemplate(settings.notifications_key)
    except ValueError as error:
        typer.echo(f"HANGTAG_NOTIFICATIONS_KEY: {error}", err=True)
        raise typer.Exit(2) from None
    if settings.notifications_topic is None:
        typer.echo("No bucket tells of its photos: set HANGTAG_NOTIFICATIONS_TOPIC", err=True)
        raise typer.Exit(2)

    async def parts(settings: Settings, _spans: Spans) -> tuple[Any, Any]:
        store, kept_for = make_store(settings), timedelta(days=settings.photo_retention_days)
        return partial(announce, template=template, store=store, now=now, kept_for=kept_for), None

    _run("notifications", parts, settings, reads=Notification)


@app.command(name="all")
def all_stages() -> None:
    """
    Run the three stages as children (four with HANGTAG_NOTIFICATIONS_TOPIC); start them again when they end.

    Signals are passed on, SIGHUP too. Exits with code 73 when a stage halts on purpose (too many dead
    letters), and stops the others.
    """
    from streams.config.settings import child_environment
    from streams.flow import flow_of
    from streams.runtime.supervisor import Child, hangtag, keep_running, pass_on
    from streams.telemetry.logs import set_up_logs

    settings = Settings()
    set_up_logs(settings)

    async def run() -> int:
        stopping = asyncio.Event()
        children = [
            Child(
                stage,
                hangtag("worker", stage),
                # One health port each, counted up from the one given.
                child_environment(health_port=settings.health_port + at if settings.health_port else 0),
            )
            for at, stage in enumerate(flow_of(settings))
        ]

        def on_signal() -> None:
            if stopping.is_set():
                pass_on(children, signal.SIGTERM)
            stopping.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, on_signal)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, pass_on, children, signal.SIGHUP)
        return await keep_running(children, stopping, grace_s=settings.drain_s + 15)

    raise typer.Exit(asyncio.run(run()))


def _run(
    name: str,
    parts: Any,
    settings: Settings | None = None,
    *,
    emitter: Callable[[], Emitter] | None = None,
    reads: type[Noun] | None = None,
    reload: Callable[[], object] | None = None,
    background: Background | None = None,
    on_delivered: OnDelivered | None = None,
) -> None:
    from streams.erasure.guard import Forgotten, but_not_of_the_forgotten
    from streams.runtime.process import Parts, leave, run
    from streams.telemetry.logs import set_up_logs
    from streams.telemetry.spans import make_spans
    from streams.wiring.kafka import make_emitter
    from streams.wiring.stages import make_stage

    settings = settings or Settings()
    set_up_logs(settings)
    try:
        spans = make_spans(settings, name)
    except UnusableError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    forgotten = Forgotten(settings.state_url.get_secret_value())

    async def make() -> Parts:
        handle, close = await parts(settings, spans)
        # The sync stage, too, though its sink asks the ledger: work on an event may outlast the forgetting, and a dead
        # letter or an answer would keep the shopper.
        handle = but_not_of_the_forgotten(handle, forgotten.includes)
        build = emitter or partial(make_emitter, settings, crash=leave)
        # It may ask a Schema Registry first.
        speaking = await asyncio.to_thread(build)

        async def aclose() -> None:
            await speaking.aclose()
            if close is not None:
                await close()
            await asyncio.to_thread(forgotten.close)
            await asyncio.to_thread(spans.close)

        stage = make_stage(settings, name, handle, speaking, spans=spans, reads=reads, on_delivered=on_delivered)
        return Parts(stage, aclose, reload=reload, background=background)

    run(settings, make)
