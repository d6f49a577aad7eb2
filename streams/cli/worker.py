"""`hangtag worker`: run one stage, or all of them as supervised children."""

import asyncio
import signal
from functools import partial
from typing import Any

import typer

from streams.settings import Settings

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
    """Text to tags: consume texts, apply the lexicon, publish tags."""
    from streams import wiring
    from streams.agents.texts import tag as handle

    async def parts(settings: Settings) -> tuple[Any, Any]:
        return partial(handle, tagger=wiring.make_tagger(settings), now=wiring.now), None

    _run("tag", parts)


@app.command()
def sync() -> None:
    """Tags to profiles: consume tags, write to Klaviyo, publish profiles."""
    from streams import wiring
    from streams.agents.tags import sync as handle

    async def parts(settings: Settings) -> tuple[Any, Any]:
        sink = await wiring.make_sink(settings)
        return partial(handle, sink=sink, now=wiring.now), sink.aclose

    _run("sync", parts)


@app.command(name="all")
def all_stages() -> None:
    """
    Run the three stages as children; start them again when they end.

    Signals are passed on. Exits with code 73 when a stage halts on purpose (too many dead
    letters), and stops the others.
    """
    from streams.logs import set_up_logs
    from streams.settings import child_environment
    from streams.supervisor import Child, hangtag, keep_running

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
                for child in children:
                    if child.process is not None and child.process.returncode is None:
                        child.process.send_signal(signal.SIGTERM)
            stopping.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, on_signal)
        return await keep_running(children, stopping, grace_s=settings.drain_s + 15)

    raise typer.Exit(asyncio.run(run()))


def _run(name: str, parts: Any) -> None:
    from streams import wiring
    from streams.logs import set_up_logs
    from streams.process import Parts, leave, run

    settings = Settings()
    set_up_logs(settings)

    async def make() -> Parts:
        handle, close = await parts(settings)
        emitter = wiring.make_emitter(settings, crash=leave)

        async def aclose() -> None:
            await emitter.aclose()
            if close is not None:
                await close()

        return Parts(wiring.make_stage(settings, name, handle, emitter), aclose)

    run(settings, make)
