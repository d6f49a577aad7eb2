"""`hangtag index`: the index of uploads in the state database."""

import json
import time

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from streams.cli.support.boundary import CommandError
from streams.config.settings import Settings

app = typer.Typer(no_args_is_help=True, help=__doc__)


@app.command()
def show(*, as_json: bool = typer.Option(False, "--json", help="One JSON object.")) -> None:
    """Show how many messages the index is behind the topics. Exits with 1 where there is no index."""
    from klaviyo_sink.state.database import StateUnavailableError
    from streams.index.lookup import open_index

    settings = Settings()
    try:
        index = open_index(settings, strict=True)
    except StateUnavailableError as error:
        raise CommandError(str(error)) from None
    if index is None:
        raise CommandError(
            "the state database has no index of uploads; the sync stage writes it (HANGTAG_INDEX_UPLOADS)"
        )
    with index:
        behind = index.behind()
    if as_json:
        typer.echo(json.dumps({"behind": behind}))
    else:
        typer.echo(f"{sum(behind.values())} messages behind")
        for topic, messages in behind.items():
            typer.echo(f"{messages:8} {topic}")


@app.command()
def rebuild() -> None:
    """
    Delete the index and build it again from all messages in the topics. Safe to interrupt and to repeat.

    A sync stage may run at the same time. Until the command has ended, the gateway may not find some uploads.
    """
    from sqlalchemy.exc import SQLAlchemyError

    from klaviyo_sink.state.database import StateUnavailableError, open_database
    from klaviyo_sink.state.uploads import clear
    from streams.index.projector import Projector
    from streams.wiring.clock import now

    settings = Settings()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed} messages"))
    began = time.monotonic()
    try:
        engine = open_database(settings.state_url.get_secret_value())
        try:
            clear(engine)
        finally:
            engine.dispose()
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("indexing", total=None)
            Projector(settings, now=now).run(lambda: True, to_end=True, tell=lambda: progress.advance(task))
            read = int(progress.tasks[0].completed)
    except (StateUnavailableError, SQLAlchemyError) as error:
        reason = str(error) if isinstance(error, StateUnavailableError) else type(error).__name__
        raise CommandError(f"the state database failed ({reason}): run the same command again") from None
    typer.echo(f"{read} messages indexed in {time.monotonic() - began:.0f} s")
