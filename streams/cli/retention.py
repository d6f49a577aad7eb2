"""`hangtag retention`: delete photos that are older than photos may be."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from streams.config.settings import Settings

if TYPE_CHECKING:
    from streams.photos.retention import Folder, Swept
    from streams.photos.store import PhotoStore

app = typer.Typer(no_args_is_help=True, help=__doc__)


@app.callback()
def retention() -> None:
    """Say that this is a group of commands, though it has one as yet."""


@app.command(name="sweep")
def sweep_now(
    *,
    dry_run: bool = typer.Option(False, "--dry-run", help="Count what would be deleted; delete nothing."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
) -> None:
    """
    Delete the photos stored more than HANGTAG_PHOTO_RETENTION_DAYS ago, once and now.

    The recognize stage does so every hour by itself; this is for a look, and for when no stage runs. Exits with 1 when
    the store did not let it finish.
    """
    from streams.photos.retention import swept_folders
    from streams.wiring.clock import now
    from streams.wiring.photos import make_store

    settings = Settings()
    store, folders = make_store(settings), swept_folders(settings)
    kept_for = timedelta(days=settings.photo_retention_days)

    async def sweep_by_store_time() -> "tuple[datetime, Swept, str | None]":
        before = (await store.time() or now()) - kept_for
        return before, *await _sweep(store, folders, before, dry_run=dry_run)

    before, swept, trouble = asyncio.run(sweep_by_store_time())
    _tell(swept, before, trouble, dry_run=dry_run, as_json=as_json)
    raise typer.Exit(0 if trouble is None else 1)


async def _sweep(
    store: "PhotoStore", folders: "tuple[Folder, ...]", before: datetime, *, dry_run: bool
) -> "tuple[Swept, str | None]":
    from streams.photos.answers import StoreError
    from streams.photos.retention import Swept, sweep

    swept = Swept()
    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("sweeping", total=None)
        try:
            async for swept in sweep(store, folders, before=before, remove=not dry_run):
                progress.update(task, description=f"{swept.seen:,} looked at, {swept.due:,} too old")
        except StoreError as error:
            return swept, error.failure.message
    return swept, None


def _tell(swept: "Swept", before: datetime, trouble: str | None, *, dry_run: bool, as_json: bool) -> None:
    oldest = swept.oldest.isoformat(timespec="seconds") if swept.oldest is not None else None
    if as_json:
        told = {
            "before": before.isoformat(timespec="seconds"),
            "seen": swept.seen,
            "deleted": 0 if dry_run else swept.due,
            "due": swept.due,
            "due_bytes": swept.due_bytes,
            "oldest_left": oldest,
            "dry_run": dry_run,
            "error": trouble,
        }
        typer.echo(json.dumps(told))
    else:
        done = "would be deleted" if dry_run else "deleted"
        typer.echo(f"{swept.seen:,} looked at, {swept.due:,} {done} ({swept.due_bytes / 1e6:,.1f} MB)")
        typer.echo(f"the oldest left was stored {oldest}" if oldest else "none is left")
    if trouble is not None:
        typer.echo(f"stopped: {trouble}. Run it again to go on", err=True)
