"""`hangtag topics`: creates missing topics, and shows where the cluster differs from the design."""

import json

import typer

from streams.cli.support.tables import console, table
from streams.config.settings import Settings

app = typer.Typer(no_args_is_help=True, help=__doc__)


@app.command()
def apply() -> None:
    """
    Create the missing topics. Existing topics are not changed or deleted.

    With HANGTAG_SCHEMA_REGISTRY_URL it also registers the events' schemas where they are missing.
    """
    from streams.kafka.schema_registry import register_missing
    from streams.kafka.topics import create_missing

    settings = Settings()
    # Schemas first: creating topics fails on the embedded broker, and its events may have schemas.
    for subject in register_missing(settings):
        typer.echo(f"registered {subject}")
    created = create_missing(settings)
    typer.echo("\n".join(f"created {name}" for name in created) or "every topic exists already")
    _show(settings, as_json=False)


@app.command(name="list")
def list_topics(*, as_json: bool = typer.Option(False, "--json", help="One JSON object per topic.")) -> None:
    """Compare the cluster's topics with the design. Exits 1 if they differ."""
    _show(Settings(), as_json=as_json)


def _show(settings: Settings, *, as_json: bool) -> None:
    from streams.kafka.topics import compare

    found = compare(settings)
    if as_json:
        for topic in found:
            typer.echo(json.dumps(topic.model_dump()))
    else:
        shown = table("topic", "partitions", "kept for", "differs from the design")
        for topic in found:
            days = "?" if topic.retention_ms is None else f"{topic.retention_ms / 86_400_000:g} days"
            shown.add_row(
                topic.name,
                str(topic.partitions or "-"),
                days,
                "; ".join(topic.drift),
                style="yellow" if topic.drift else None,
            )
        console().print(shown)
    if any(topic.drift for topic in found):
        raise typer.Exit(1)
