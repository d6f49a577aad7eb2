"""`hangtag worker`: runs one stage, or all stages as supervised child processes."""

from __future__ import annotations

import asyncio
import signal

import typer

from streams.config.settings import Settings

app = typer.Typer(no_args_is_help=True, help=__doc__)


@app.command()
def recognize() -> None:
    """Recognize text: consume uploads, call the OCR workers, publish texts and feedback."""
    from streams.wiring import stages
    from streams.wiring.assembly import run_stage

    run_stage(stages.recognize(Settings()))


@app.command()
def tag() -> None:
    """
    Find tags: consume texts, apply the lexicon, publish tags.

    Reloads the lexicon when a file in the shop's own folder changes, and on SIGHUP.
    """
    from streams.wiring import stages
    from streams.wiring.assembly import run_stage

    run_stage(stages.tag(Settings()))


@app.command()
def sync(
    *,
    dry_run: bool = typer.Option(
        False, "--dry-run", help="Only print what would be sent to Klaviyo; send, publish and store nothing."
    ),
) -> None:
    """
    Update profiles: consume tags, write to Klaviyo, publish profiles.

    A dry run (also HANGTAG_KLAVIYO_DRY_RUN=true) reads all kept tags in a consumer group of its own, so the real stage
    still gets every event.
    """
    import uuid

    from streams.wiring import stages
    from streams.wiring.assembly import run_stage

    settings = Settings().for_sync()
    if dry_run or settings.klaviyo_dry_run:
        run_stage(stages.dry_sync(settings, uuid.uuid4().hex[:8]))
    run_stage(stages.sync(settings))


@app.command()
def notifications() -> None:
    """
    Publish uploads for a bucket's notifications: consume HANGTAG_NOTIFICATIONS_TOPIC (S3's format), publish uploads.

    Needed only if photos are put into the bucket without publishing their uploads.
    """
    from streams.wiring import stages
    from streams.wiring.assembly import run_stage

    run_stage(stages.notifications(Settings()))


@app.command()
def rekey() -> None:
    """
    Correct the keys of uploads: consume HANGTAG_REKEY_TOPIC, publish each upload again keyed by the shopper's id.

    Needed only for a producer whose partitioner cannot be changed (docs/producers.md).
    """
    from streams.wiring import stages
    from streams.wiring.assembly import run_stage

    run_stage(stages.rekey(Settings()))


@app.command(name="all")
def all_stages() -> None:
    """
    Run every stage as a child process, and restart it when it ends.

    The stages are recognize, tag and sync, and notifications and rekey if their topics are set.

    Signals are passed on, SIGHUP too. If a stage halts on purpose (too many dead letters), stops the others and exits
    with code 73.
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
                # One health port per child, counted up from the configured one.
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
