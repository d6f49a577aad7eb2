"""`hangtag worker`: run one stage, or all of them as supervised children."""

from __future__ import annotations

import asyncio
import signal
from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from streams.settings import Settings

if TYPE_CHECKING:
    from schemas.events import TextRecognized
    from streams.live_tagger import LiveTagger
    from streams.producer import Emitter
    from streams.stage import Answer

app = typer.Typer(no_args_is_help=True, help=__doc__)


@app.command()
def recognize() -> None:
    """Photos to text: consume uploads, ask the OCR workers, publish texts and feedback."""
    from streams import wiring
    from streams.agents.uploads import recognize as handle

    async def parts(settings: Settings) -> tuple[Any, Any]:
        pool = wiring.make_pool(settings)
        return partial(handle, store=wiring.make_store(settings), pool=pool, now=wiring.now), pool.aclose

    _run("recognize", parts)


@app.command()
def tag() -> None:
    """
    Text to tags: consume texts, apply the lexicon, publish tags.

    The lexicon is read again when the shop's own folder changes, and on SIGHUP.
    """
    from streams import wiring
    from streams.agents.texts import tag as handle
    from streams.settings import UnusableError

    settings = Settings()
    try:
        live = wiring.make_live_tagger(settings)
    except UnusableError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None

    async def with_current(event: TextRecognized) -> Answer:
        return await handle(event, tagger=live.current, now=wiring.now)

    async def parts(_settings: Settings) -> tuple[Any, Any]:
        return with_current, None

    _run("tag", parts, settings, live=live)


@app.command()
def sync(
    *,
    dry_run: bool = typer.Option(False, help="Print what would be sent to Klaviyo; send, publish and store nothing."),
) -> None:
    """
    Tags to profiles: consume tags, write to Klaviyo, publish profiles.

    A dry run (also HANGTAG_KLAVIYO_DRY_RUN=true) reads as a consumer group of its own, from the
    oldest kept tags on (a second time where it stopped), and leaves every event to the real one.
    """
    from klaviyo_sink.dry_run import DryRun
    from streams import dry_run as dry
    from streams import wiring
    from streams.agents.tags import sync as handle

    settings = Settings().for_sync()
    if dry_run or settings.klaviyo_dry_run:
        settings = dry.apart(settings)
    try:
        wiring.make_sink_config(settings)
        wiring.make_interests(settings)
    except ValueError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None

    async def parts(settings: Settings) -> tuple[Any, Any]:
        if settings.klaviyo_dry_run:
            sink = await wiring.make_sink(settings, dry_run=DryRun(dry.show))
            return partial(dry.sync, sink=sink), sink.aclose
        sink = await wiring.make_sink(settings)
        return partial(handle, sink=sink, now=wiring.now), sink.aclose

    _run("sync", parts, settings, emitter=dry.Mute() if settings.klaviyo_dry_run else None)


@app.command(name="all")
def all_stages() -> None:
    """
    Run the three stages as children; start them again when they end.

    Signals are passed on, SIGHUP too. Exits with code 73 when a stage halts on purpose (too many dead
    letters), and stops the others.
    """
    from streams.logs import set_up_logs
    from streams.settings import child_environment
    from streams.supervisor import Child, hangtag, keep_running, pass_on

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
            for at, stage in enumerate(("recognize", "tag", "sync"))
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
    emitter: Emitter | None = None,
    live: LiveTagger | None = None,
) -> None:
    from streams import wiring
    from streams.logs import set_up_logs
    from streams.process import Parts, leave, run

    settings = settings or Settings()
    set_up_logs(settings)

    async def make() -> Parts:
        handle, close = await parts(settings)
        speaking = emitter or wiring.make_emitter(settings, crash=leave)

        async def aclose() -> None:
            await speaking.aclose()
            if close is not None:
                await close()

        stage = wiring.make_stage(settings, name, handle, speaking)
        if live is None:
            return Parts(stage, aclose)
        return Parts(stage, aclose, reload=live.reload, beside=partial(live.follow, settings.lexicon_poll_s))

    run(settings, make)
