"""`hangtag forget`: erases a shopper's data here and at Klaviyo."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.table import Table

from streams.cli.support.boundary import UNUSABLE, CommandError
from streams.cli.support.terminal import json_line, plain
from streams.config.settings import Settings, UnusableError

if TYPE_CHECKING:
    from klaviyo_sink.config import SinkConfig
    from schemas.events import Identity
    from streams.erasure.forget import ErasureStep
    from streams.erasure.profiles import NameUse

_WORDS = {
    "style_profiles": "style profiles in the database",
    "written_events": "entries of the ledger of written events",
    "photos": "photos in the store",
    "klaviyo_profiles": "profiles at Klaviyo, erased or cleared of our properties",
}


def forget(
    shopper: str = typer.Argument(..., help="The shop's id of the shopper."),
    email: str = typer.Option(None, help="An e-mail address of the shopper at Klaviyo."),
    klaviyo_id: str = typer.Option(None, help="Klaviyo's id of the shopper's profile."),
    *,
    soft: bool = typer.Option(False, "--soft", help="Keep the profiles at Klaviyo; remove only Hangtag's properties."),
    include_shared: bool = typer.Option(
        False, "--include-shared", help="Also erase profiles at Klaviyo that other shoppers use."
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only list and count what would be removed."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
) -> None:
    """
    Erase a shopper for good: style profile, ledger, photos, and the profiles at Klaviyo.

    Lists every identifier that the shopper may have at Klaviyo, and the other shoppers with the same one. A shared
    profile is kept, without Hangtag's properties, unless you pass --include-shared. Run --dry-run first.

    From then on the stages drop every event of this shopper, replays included. Cannot be undone. Safe to interrupt and
    to repeat. Exits 1 if something is left to do, and says what. Messages in the topics expire there (docs/privacy.md).
    """
    from sqlalchemy.exc import SQLAlchemyError

    from klaviyo_sink.state.database import StateUnavailableError
    from schemas.events import Identity
    from streams.wiring.klaviyo import make_sink_config

    settings = Settings()
    try:
        identity = Identity(external_id=shopper, email=email, klaviyo_id=klaviyo_id)
        config = make_sink_config(settings)
        work = _forget(settings, config, shopper, identity, soft=soft, include_shared=include_shared, dry_run=dry_run)
        steps = asyncio.run(work)
    except UnusableError:
        raise
    except ValueError:
        # The text of a validation error quotes the value.
        raise CommandError("the shopper, the e-mail address or a setting is not valid", UNUSABLE) from None
    except StateUnavailableError as error:
        raise CommandError(f"nothing was removed: {error}") from None
    except SQLAlchemyError as error:
        raise CommandError(f"the state database failed ({type(error).__name__}): run the same command again") from None
    _tell(steps, soft=soft, dry_run=dry_run, as_json=as_json)
    raise typer.Exit(1 if not dry_run and any(step.trouble for step in steps) else 0)


async def _forget(
    settings: Settings,
    config: SinkConfig,
    shopper: str,
    identity: Identity,
    *,
    soft: bool,
    include_shared: bool,
    dry_run: bool,
) -> list[ErasureStep]:
    from klaviyo_sink.access import open_client
    from klaviyo_sink.state.database import open_database
    from streams.erasure.forget import Forgetting
    from streams.erasure.profiles import KlaviyoAccess
    from streams.index.lookup import open_index
    from streams.kafka.reader import UnreadableTopicError
    from streams.wiring.clock import now
    from streams.wiring.photos import make_store, open_versions

    store = make_store(settings)
    engine = open_database(config.state_url)
    try:
        index = open_index(settings)
    except UnreadableTopicError:
        # Continue without Kafka: enter the erasure ledger, and let the steps that need the topics report that.
        index = None
    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    steps = []
    try:
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("", total=None)
            # Erasing needs another key's scope. The sync stage's key may remove properties.
            erasing = replace(config, key=settings.klaviyo_erasure_key, tokens=None)
            async with (
                open_client(config) as writer,
                open_client(erasing) as eraser,
                open_versions(settings) as versions,
            ):
                access = KlaviyoAccess(writer, None if soft else eraser, config.names.every, include_shared)
                forgetting = Forgetting(
                    settings,
                    engine,
                    store,
                    access,
                    now,
                    dry_run=dry_run,
                    versions=versions,
                    index=index,
                    tell=lambda doing: progress.update(task, description=doing),
                )
                async for step in forgetting.run(shopper, identity):
                    steps.append(step)
                    if step.removed:
                        progress.console.print(f"{_WORDS[step.what]}: {step.removed}")
    finally:
        engine.dispose()
        if index is not None:
            index.close()
    return steps


def _tell(steps: list[ErasureStep], *, soft: bool, dry_run: bool, as_json: bool) -> None:
    names = [name for step in steps for name in step.names]
    if as_json:
        report: dict[str, object] = {step.what: step.removed for step in steps}
        report["names"] = [
            {"name": one.kind, "value": one.value, "used_by": one.used_by, "action": one.action} for one in names
        ]
        report["notes"] = [step.note for step in steps if step.note]
        report["left_to_do"] = {step.what: step.trouble for step in steps if step.trouble}
        typer.echo(json_line(report | {"soft": soft, "dry_run": dry_run}))
        return
    _tell_names(names)
    done = "would be removed" if dry_run else "removed"
    table = Table("what", done, "left to do")
    for step in steps:
        counted = "" if dry_run and step.what == "klaviyo_profiles" else str(step.removed)
        left = escape(plain(step.trouble or ""))
        table.add_row(_WORDS[step.what], counted, left, style="yellow" if step.trouble else None)
    Console().print(table)
    for step in steps:
        if step.note:
            typer.echo(plain(step.note), err=True)
    if not dry_run:
        typer.echo("from now on the stages drop every event of this shopper")
        if any(step.trouble for step in steps):
            typer.echo("fix what is left to do, then run the same command again", err=True)
        elif not soft:
            typer.echo("Klaviyo may still process requests from before: run this command again in a day")


def _tell_names(names: Sequence[NameUse]) -> None:
    table = Table("identifier at Klaviyo", "value", "other shoppers who use it", "at Klaviyo")
    for one in names:
        cells = (one.kind, one.value, ", ".join(one.used_by), one.action)
        table.add_row(*(escape(plain(cell)) for cell in cells), style="yellow" if one.used_by else None)
    Console().print(table)
