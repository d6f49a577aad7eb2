"""`hangtag klaviyo preview`: shows what would be sent for one upload."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from streams.cli.support.boundary import CommandError
from streams.cli.support.search import AT, SHOPPER, SINCE, indexed, search, within
from streams.cli.support.terminal import json_line

if TYPE_CHECKING:
    from schemas.events import OutfitTagged
    from streams.config.settings import Settings
    from streams.kafka.within import Within

#: Largest file with one event, in bytes; a Kafka record may have a million.
_LARGEST = 10_000_000


def preview(
    upload: str = typer.Argument(
        metavar="UPLOAD_ID|FILE",
        help="Id of an upload in the tags topic, or a file with one OutfitTagged event, or - for stdin.",
    ),
    *,
    shopper: str = SHOPPER,
    since: str = SINCE,
    at: str = AT,
    as_json: bool = typer.Option(False, "--json", help="One JSON object per request, on a line."),
) -> None:
    """
    Print the exact bodies that the sync stage would send for an upload. Sends and stores nothing.

    The bodies include what the state database knows about the shopper. The database is not changed.
    """
    import asyncio
    import json

    from klaviyo_sink.sink import Written
    from streams.config.settings import Settings
    from streams.operations.preview import rehearse

    settings = Settings()
    tagged = _tagged(settings, upload, within(shopper, since, at))

    def show(request: str, body: bytes) -> None:
        content = json.loads(body)
        if as_json:
            print(json_line({"request": request, "body": content}))
        else:
            print(f"{request}\n{json_line(content, indent=2)}")

    outcome = asyncio.run(rehearse(settings, tagged, show, ledger=True))
    if isinstance(outcome, Written) and outcome.outcome == "unchanged":
        typer.echo("Klaviyo has this upload already, so it would not be sent. If it were sent again:", err=True)
        outcome = asyncio.run(rehearse(settings, tagged, show, ledger=False))
    if not isinstance(outcome, Written):
        raise CommandError(f"nothing would be sent: {outcome.message}")
    if outcome.outcome == "forgotten":
        typer.echo("nothing would be sent: the shopper was forgotten", err=True)


def _given(upload: str) -> bytes:
    import sys

    from schemas.input_files import read_small

    return sys.stdin.buffer.read() if upload == "-" else read_small(Path(upload), most_bytes=_LARGEST)


def _tagged(settings: Settings, upload: str, part: Within) -> OutfitTagged:
    """Return the newest OutfitTagged event that an argument refers to."""
    from schemas.codec import UndecodableError, decode
    from schemas.events import OutfitTagged
    from schemas.input_files import UnfitFileError
    from streams.operations.preview import newest_tagged

    try:
        if upload == "-" or Path(upload).is_file():
            return decode(OutfitTagged, _given(upload))
    except (UndecodableError, UnfitFileError, OSError) as error:
        raise CommandError(str(error)) from None
    with indexed(settings) as index:
        if index is not None:
            found = newest_tagged(settings, upload, index=index)
        else:
            found = search(
                # Search until now, because a retag may have published the tags again.
                replace(part, until=None),
                lambda there: newest_tagged(settings, upload, within=there),
                lambda tagged: tagged is not None,
                lambda _tagged: True,
            )
    if found is None:
        raise CommandError(f"no tags of upload {upload}: not tagged, unknown, or older than the topic keeps (7 days)")
    return found
