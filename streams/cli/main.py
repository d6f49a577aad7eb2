"""The `hangtag` command: registers the command groups. Contains no logic of its own."""

import sys
from importlib.metadata import version

import structlog
import typer

from streams.cli import (
    broker,
    demo,
    dlq,
    doctor,
    forget,
    gateway,
    index,
    lag,
    plan,
    retag,
    retention,
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
from streams.cli.rules import group as rules
from streams.cli.support.boundary import Boundary

#: Panels of the help, by what the user wants to do.
TRY, RUN, WATCH, MEND, SET_UP = "Try it", "Run", "Watch", "Mend", "Set up"

app = typer.Typer(
    cls=Boundary,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    # Typer's tracebacks show local variables, which may contain shoppers' text.
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hangtag {version('hangtag')}")
        raise typer.Exit


@app.callback()
def hangtag(
    *,
    _version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    """Hangtag reads the text in shoppers' outfit photos and keeps their Klaviyo profiles up to date."""


app.command(rich_help_panel=TRY)(demo.demo)
app.command(rich_help_panel=TRY)(broker.broker)
app.command(rich_help_panel=TRY)(upload.upload)
app.add_typer(rules.app, name="rules", rich_help_panel=TRY)
app.add_typer(worker.app, name="worker", rich_help_panel=RUN)
app.add_typer(ocr.app, name="ocr", rich_help_panel=RUN)
ocr.app.command()(ocr_ui.ui)
app.command(rich_help_panel=RUN)(gateway.gateway)
app.add_typer(lag.app, name="lag", rich_help_panel=WATCH)
app.command(rich_help_panel=WATCH)(trace.trace)
app.command(rich_help_panel=WATCH)(tail.tail)
app.command(rich_help_panel=WATCH)(doctor.doctor)
app.add_typer(dlq.app, name="dlq", rich_help_panel=MEND)
app.add_typer(index.app, name="index", rich_help_panel=MEND)
app.command(rich_help_panel=MEND)(retag.retag)
app.command(rich_help_panel=MEND)(forget.forget)
app.add_typer(retention.app, name="retention", rich_help_panel=MEND)
app.command(rich_help_panel=SET_UP)(plan.plan)
app.add_typer(topics.app, name="topics", rich_help_panel=SET_UP)
app.add_typer(store.app, name="store", rich_help_panel=SET_UP)
app.add_typer(klaviyo.app, name="klaviyo", rich_help_panel=SET_UP)


def main() -> None:
    """Run the command line. Logs go to stderr, because stdout is for a command's output."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    app()
