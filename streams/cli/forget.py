"""`hangtag forget`: remove a shopper here, and ask Klaviyo to do the same."""

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.table import Table

from schemas.events import Identity
from streams.config.settings import Settings, UnusableError

if TYPE_CHECKING:
    from klaviyo_sink.config import SinkConfig
    from streams.erasure.forget import Step

_WORDS = {
    "style_profiles": "style profiles in the database",
    "written_events": "entries of the ledger of events written",
    "photos": "photos in the store",
    "klaviyo_profiles": "profiles at Klaviyo",
}


def forget(
    shopper: str = typer.Argument(..., help="The shop's own id of the shopper."),
    email: str = typer.Option(None, help="An e-mail address by which Klaviyo knows the shopper."),
    klaviyo_id: str = typer.Option(None, help="Klaviyo's own id of the shopper's profile."),
    *,
    soft: bool = typer.Option(False, help="Keep the profile at Klaviyo; remove only the properties we wrote there."),
    dry_run: bool = typer.Option(False, help="Count what would be removed; remove nothing and ask Klaviyo nothing."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
) -> None:
    """
    Forget a shopper for good: style profile, ledger, photos, and the profile at Klaviyo.

    From then on every event of theirs is dropped, also of a replay. Cannot be undone. Safe to interrupt and to repeat;
    exits with 1 when something is left to do, and says what. What lies in the topics expires there (docs/privacy.md).
    """
    from sqlalchemy.exc import SQLAlchemyError

    from klaviyo_sink.state.database import StateUnavailableError
    from streams.wiring.klaviyo import make_sink_config

    settings = Settings()
    try:
        identity = Identity(external_id=shopper, email=email, klaviyo_id=klaviyo_id)
        config = make_sink_config(settings)
        steps = asyncio.run(_forget(settings, config, shopper, identity, soft=soft, dry_run=dry_run))
    except (UnusableError, ValueError) as error:
        # A validation error's own text quotes the value.
        told = str(error) if isinstance(error, UnusableError) else "the shopper, e-mail or a setting cannot be used"
        typer.echo(told, err=True)
        raise typer.Exit(2) from None
    except StateUnavailableError as error:
        typer.echo(f"nothing was removed: {error}", err=True)
        raise typer.Exit(1) from None
    except SQLAlchemyError as error:
        typer.echo(f"the state database failed ({type(error).__name__}): run the same command again", err=True)
        raise typer.Exit(1) from None
    _tell(steps, soft=soft, dry_run=dry_run, as_json=as_json)
    raise typer.Exit(1 if not dry_run and any(step.trouble for step in steps) else 0)


async def _forget(
    settings: Settings, config: "SinkConfig", shopper: str, identity: Identity, *, soft: bool, dry_run: bool
) -> "list[Step]":
    from klaviyo_sink.access import open_client
    from klaviyo_sink.state.database import open_database
    from streams.erasure.forget import Forgetting
    from streams.wiring.clock import now
    from streams.wiring.photos import make_store

    store = make_store(settings)
    engine = open_database(config.state_url)
    # Erasing is the right of another key; removing properties is what the sync stage may do anyway.
    key = config if soft else replace(config, key=settings.klaviyo_erasure_key, tokens=None)
    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    steps = []
    try:
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("", total=None)
            async with open_client(key) as klaviyo:
                forgetting = Forgetting(
                    settings,
                    engine,
                    store,
                    klaviyo,
                    now,
                    properties=config.names.every if soft else (),
                    dry_run=dry_run,
                    tell=lambda doing: progress.update(task, description=doing),
                )
                async for step in forgetting.run(shopper, identity):
                    steps.append(step)
                    if step.removed:
                        progress.console.print(f"{_WORDS[step.what]}: {step.removed}")
    finally:
        engine.dispose()
    return steps


def _tell(steps: "list[Step]", *, soft: bool, dry_run: bool, as_json: bool) -> None:
    if as_json:
        told: dict[str, object] = {step.what: step.removed for step in steps}
        told["left_to_do"] = {step.what: step.trouble for step in steps if step.trouble}
        typer.echo(json.dumps(told | {"soft": soft, "dry_run": dry_run}))
        return
    done = "would be removed" if dry_run else "removed"
    table = Table("what", done, "left to do")
    for step in steps:
        what = _WORDS[step.what]
        if step.what == "klaviyo_profiles":
            what += " (our properties)" if soft else " (erasure asked for)"
        table.add_row(what, str(step.removed), step.trouble or "", style="yellow" if step.trouble else None)
    Console().print(table)
    if not dry_run:
        typer.echo("from now on every event of this shopper is dropped")
        if any(step.trouble for step in steps):
            typer.echo("mend what is left to do, then run the same command again", err=True)
        elif not soft:
            typer.echo("Klaviyo works for a while on what it took before: run this once more a day later")
