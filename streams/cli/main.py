"""The `hangtag` command: puts the command groups together. Holds no logic of its own."""

import sys

import structlog
import typer

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

app = typer.Typer(
    cls=Boundary,
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
    """Run the command line. Logs go to stderr, because stdout is for a command's answer."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    app()
