"""`hangtag upload`: store photos and publish their uploads."""

import asyncio
import json
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import Progress

from streams.settings import Settings


def upload(
    photos: list[Path] = typer.Argument(..., help="Photos to upload.", exists=True, dir_okay=False),
    shopper: str = typer.Option(..., help="The shop's own id of the shopper."),
    email: str = typer.Option(None, help="Identify the shopper to Klaviyo by e-mail instead of by shopper id."),
    *,
    backfill: bool = typer.Option(False, help="Old uploads: recorded, but they set off no Klaviyo flow."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object per photo."),
) -> None:
    """Store photos and publish one upload each, as the shop's app would."""
    from streams import wiring
    from streams.kafka import wait_for_topics
    from streams.publish import publish_upload

    settings = Settings()
    topic = wiring.make_topics(settings).uploads
    wait_for_topics(settings, {topic.name})

    async def run() -> int:
        failed = 0
        emitter, store = wiring.make_emitter(settings), wiring.make_store(settings)
        with Progress(console=Console(stderr=True), transient=True) as progress:
            for photo in progress.track(photos, description="uploading"):
                answer = await publish_upload(
                    photo.read_bytes(),
                    name=photo.name,
                    shopper_id=shopper,
                    email=email,
                    store=store,
                    emitter=emitter,
                    topic=topic,
                    now=wiring.now,
                    backfill=backfill,
                )
                if not isinstance(answer, str):
                    failed += 1
                    typer.echo(f"{photo.name}: {answer.message}", err=True)
                elif as_json:
                    typer.echo(json.dumps({"photo": photo.name, "upload_id": answer}, ensure_ascii=False))
                else:
                    typer.echo(f"{answer}  {photo.name}")
        await emitter.aclose()
        return failed

    raise typer.Exit(1 if asyncio.run(run()) else 0)
