"""`hangtag trace`: shows every step of one upload, without a tracing backend."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import typer
from rich.text import Text

from streams.cli.support.boundary import CommandError
from streams.cli.support.search import AT, SHOPPER, SINCE, indexed, search, within
from streams.cli.support.tables import WIDE, console, table
from streams.cli.support.terminal import json_line, plain
from streams.config.settings import Settings

if TYPE_CHECKING:
    from schemas.events import OutfitTagged
    from streams.operations.trace import Trace


def trace(
    upload_id: str = typer.Argument(..., help="Id of the upload, as in its event."),
    since: str = SINCE,
    *,
    shopper: str = SHOPPER,
    at: str = AT,
    body: bool = typer.Option(True, "--body/--no-body", help="Also show what would be sent to Klaviyo."),
    wide: bool = WIDE,
    as_json: bool = typer.Option(
        False, "--json", help="One JSON object per message, then per request to Klaviyo, then where the upload is."
    ),
) -> None:
    """
    Follow one upload through every topic, to Klaviyo. Exits 1 if the upload is not found.

    Klaviyo's body is the one that would be sent now, from all that the state database knows about the shopper, without
    e-mail addresses. Nothing is sent or stored.
    """
    from streams.operations.trace import trace_upload

    settings, part = Settings(), within(shopper, since, at)
    with indexed(settings) as index:
        if index is not None:
            found = trace_upload(settings, upload_id, index=index)
        else:
            found = search(
                part,
                lambda there: trace_upload(settings, upload_id, within=there),
                lambda trace: trace.begins,
                lambda trace: trace.ended is not None,
            )
    if not found.steps:
        raise CommandError(f"no message of upload {upload_id} in any topic (they are kept for 7 days)")
    requests = _requests(settings, found.tagged) if body and found.tagged is not None else []
    if as_json:
        _print_json(found, requests)
    else:
        _print_table(found, requests, wide=wide)


def _requests(settings: Settings, tagged: OutfitTagged) -> list[dict[str, Any]]:
    """Return the requests that would be sent to Klaviyo; if they cannot be built, print why and return none."""
    from klaviyo_sink.sink import Written
    from streams.agents.dry_run import without_emails
    from streams.operations.preview import rehearse

    shown: list[dict[str, Any]] = []

    def show(request: str, content: bytes) -> None:
        shown.append({"request": request, "body": without_emails(json.loads(content))})

    try:
        outcome = asyncio.run(rehearse(settings, tagged, show, ledger=False))
    except ValueError as error:
        typer.echo(f"Klaviyo's body cannot be shown: {error}", err=True)
        return []
    if not isinstance(outcome, Written):
        typer.echo(f"nothing would be sent to Klaviyo: {outcome.message}", err=True)
    return shown


def _print_json(found: Trace, requests: list[dict[str, Any]]) -> None:
    for step in found.steps:
        typer.echo(plain(step.model_dump_json()))
    for request in requests:
        typer.echo(json_line({"what": "klaviyo"} | request))
    typer.echo(json.dumps({"what": "standing", "ended": found.ended, "outcome": found.standing}))


def _print_table(found: Trace, requests: list[dict[str, Any]], *, wide: bool) -> None:
    first = found.steps[0].at
    shown = table("when (UTC)", "after", "stage", "topic", "at", "what", "outcome", title=f"{first:%Y-%m-%d}")
    for step in found.steps:
        after = f"{(step.at - first).total_seconds() * 1000:.0f} ms"
        when = f"{step.at:%H:%M:%S.%f}"[:-3] if step.at.date() == first.date() else f"{step.at:%Y-%m-%d %H:%M:%S}"
        place = f"{step.partition}:{step.offset}"
        shown.add_row(when, after, Text(plain(step.stage)), step.topic, place, step.what, Text(plain(step.outcome)))
    console(wide=wide).print(shown)
    for request in requests:
        typer.echo(f"To Klaviyo: {request['request']}")
        typer.echo(json_line(request["body"], indent=2))
    typer.echo(plain(found.standing))
