"""`hangtag upload`: stores photos and publishes their uploads."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import Progress

from streams.cli.support.boundary import CommandError
from streams.cli.support.terminal import json_line, plain
from streams.config.settings import Settings

if TYPE_CHECKING:
    from schemas.outcomes import Later, Misconfigured, Never
    from schemas.producer import Published, Upload, UploadProducer
    from schemas.spans import Spans

#: Longest wait for Kafka and its topic before the first upload, in seconds.
_PATIENCE_S = 15


def upload(
    photos: list[Path] = typer.Argument(..., help="Photos to upload.", exists=True, dir_okay=False),
    shopper: str = typer.Option(..., help="The shop's id of the shopper."),
    email: str = typer.Option(None, help="The shopper's e-mail address at Klaviyo, instead of the shopper id."),
    *,
    backfill: bool = typer.Option(False, "--backfill", help="Mark as old uploads: recorded, but they start no flow."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object per photo."),
) -> None:
    """
    Store photos and publish one upload each, as the shop's app would.

    Exits 1 if some were not published, and says which and why. Stops at the first failure that would affect all.
    """
    from schemas.producer import Upload
    from streams.kafka.clients import wait_for_topics
    from streams.telemetry.spans import make_spans
    from streams.wiring.kafka import make_topics
    from streams.wiring.uploads import make_uploads

    settings = Settings()
    spans = make_spans(settings, "upload")
    producer = make_uploads(settings, spans=spans)
    if trouble := wait_for_topics(settings, {make_topics(settings).uploads.name}, limit_s=_PATIENCE_S):
        raise CommandError(f"nothing was uploaded: {trouble}")
    identity = {"email": email} if email else None
    uploads = [Upload(photo=photo, shopper_id=shopper, identity=identity, backfill=backfill) for photo in photos]
    done = asyncio.run(_publish(producer, dict(zip(photos, uploads, strict=True)), spans, as_json=as_json))
    raise typer.Exit(0 if done == len(photos) else 1)


async def _publish(producer: UploadProducer, uploads: dict[Path, Upload], spans: Spans, *, as_json: bool) -> int:
    """Publish the uploads one by one and print each outcome; return the number published."""
    from schemas.outcomes import Never
    from schemas.producer import Published

    done = tried = 0
    async with producer:
        with Progress(console=Console(stderr=True), transient=True) as progress:
            for photo, one in progress.track(uploads.items(), description="uploading"):
                answer = await producer.publish(one)
                tried += 1
                done += isinstance(answer, Published)
                _tell(photo.name, answer, as_json=as_json)
                if not isinstance(answer, Published | Never):
                    break
    if left := len(uploads) - tried:
        typer.echo(f"{left} more were not tried, because they would fail too", err=True)
    await asyncio.to_thread(spans.close)
    return done


def _tell(photo: str, answer: Published | Later | Never | Misconfigured, *, as_json: bool) -> None:
    from schemas.producer import Published

    if not isinstance(answer, Published):
        typer.echo(plain(f"{photo}: {answer.message}"), err=True)
    elif not as_json:
        typer.echo(plain(f"{answer.upload_id}  {photo}"))
    if as_json:
        result = (
            asdict(answer) if isinstance(answer, Published) else {"error": answer.reason, "message": answer.message}
        )
        typer.echo(json_line({"photo": photo, **result}))
