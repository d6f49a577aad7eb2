"""The `hangtag` command: puts the command groups together. Holds no logic of its own."""

import typer

from streams.cli import klaviyo, ocr, rules

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(ocr.app, name="ocr")
app.add_typer(rules.app, name="rules")
app.add_typer(klaviyo.app, name="klaviyo")


def main() -> None:
    """Run the command line."""
    app()
