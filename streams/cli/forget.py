"""`hangtag forget`: remove a shopper here, and ask Klaviyo to do the same."""

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
    "written_events": "entries of the ledger of events written",
    "photos": "photos in the store",
    "klaviyo_profiles": "profiles at Klaviyo, erased or without our properties",
}


def forget(
    shopper: str = typer.Argument(..., help="The shop's own id of the shopper."),
    email: str = typer.Option(None, help="An e-mail address by which Klaviyo knows the shopper."),
    klaviyo_id: str = typer.Option(None, help="Klaviyo's own id of the shopper's profile."),
    *,
    soft: bool = typer.Option(
        False, "--soft", help="Keep the profiles at Klaviyo; remove only the properties we wrote there."
    ),
    include_shared: bool = typer.Option(
        False, "--include-shared", help="Erase a profile at Klaviyo although other shoppers use it too."
    ),
    dry_run: bool = typer.Option(
        False, "--dry-run", help="List and count what would be removed; remove and erase nothing."
    ),
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
) -> None:
    """
    Forget a shopper for good: style profile, ledger, photos, and the profiles at Klaviyo.

    Lists every name by which Klaviyo may know the shopper, with the other shoppers who use the same name: their
    profile stays, without our properties, unless --include-shared. Look at --dry-run first.

    From then on every event of theirs is dropped, also of a replay. Cannot be undone. Safe to interrupt and to repeat;
    exits with 1 when something is left to do, and says what. What lies in the topics expires there (docs/privacy.md).
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
        # A validation error's own text quotes the value.
        raise CommandError("the shopper, e-mail or a setting cannot be used", UNUSABLE) from None
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
        # The erasure ledger is entered all the same, and the steps that need the topics say that they lack them.
        index = None
    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    steps = []
    try:
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("", total=None)
            # Erasing is the right of another key; removing properties is what the sync stage may do anyway.
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
        told: dict[str, object] = {step.what: step.removed for step in steps}
        told["names"] = [
            {"name": one.kind, "value": one.value, "used_by": one.used_by, "action": one.action} for one in names
        ]
        told["notes"] = [step.note for step in steps if step.note]
        told["left_to_do"] = {step.what: step.trouble for step in steps if step.trouble}
        typer.echo(json_line(told | {"soft": soft, "dry_run": dry_run}))
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
        typer.echo("from now on every event of this shopper is dropped")
        if any(step.trouble for step in steps):
            typer.echo("mend what is left to do, then run the same command again", err=True)
        elif not soft:
            typer.echo("Klaviyo works for a while on what it took before: run this once more a day later")


def _tell_names(names: Sequence[NameUse]) -> None:
    table = Table("name at Klaviyo", "value", "other shoppers who use it", "at Klaviyo")
    for one in names:
        cells = (one.kind, one.value, ", ".join(one.used_by), one.action)
        table.add_row(*(escape(plain(cell)) for cell in cells), style="yellow" if one.used_by else None)
    Console().print(table)
