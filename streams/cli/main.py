"""The `hangtag` command: puts the command groups together. Holds no logic of its own."""

import sys

import structlog
import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError

from streams.cli import (
    broker,
    demo,
    dlq,
    doctor,
    forget,
    gateway,
    lag,
    retag,
    retention,
    rules,
    store,
    tail,
    topics,
    trace,
    upload,
    worker,
)
from streams.cli.klaviyo import group as klaviyo
from streams.cli.ocr import group as ocr
from streams.cli.ocr import ui as ocr_ui
from streams.config.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    # Its tracebacks show local variables, and those hold what shoppers photographed.
    pretty_exceptions_enable=False,
    help="Hangtag reads the text in shoppers' outfit photos and keeps their Klaviyo profiles up to date.",
)
app.command()(demo.demo)
app.command()(broker.broker)
app.add_typer(topics.app, name="topics")
app.add_typer(worker.app, name="worker")
app.add_typer(ocr.app, name="ocr")
ocr.app.command()(ocr_ui.ui)
app.command()(upload.upload)
app.command()(gateway.gateway)
app.command()(tail.tail)
app.command()(trace.trace)
app.add_typer(lag.app, name="lag")
app.add_typer(dlq.app, name="dlq")
app.add_typer(rules.app, name="rules")
app.command()(retag.retag)
app.add_typer(klaviyo.app, name="klaviyo")
app.add_typer(store.app, name="store")
app.add_typer(retention.app, name="retention")
app.command()(forget.forget)
app.command()(doctor.doctor)


def main() -> None:
    """Run the command line. Settings that make no sense are told by their variables' names, one a line; exit code 2."""
    # Stdout is for answers; a process that lives on sets its logs up further.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        app()
    except ValidationError as error:
        if error.title != Settings.__name__:
            raise
        for problem in error.errors(include_url=False, include_input=False):
            name = "".join(f"HANGTAG_{part.upper()}: " for part in map(str, problem["loc"][:1]))
            typer.echo(name + problem["msg"].removeprefix("Value error, "), err=True)
        sys.exit(2)
    except SettingsError as error:
        # It tells the field in its text only, and its cause may quote the value.
        field, why = str(error).split('"')[1], type(error.__cause__).__name__
        typer.echo(f"HANGTAG_{field.upper()}: cannot be read ({why}); lists and tables are written as JSON", err=True)
        sys.exit(2)
