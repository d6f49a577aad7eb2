"""`hangtag retention`: deletes photos that are older than the retention time."""

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
    """Make typer treat this as a group, though it has only one command so far."""


@app.command(name="sweep")
def sweep_now(
    *,
    dry_run: bool = typer.Option(False, "--dry-run", help="Only count what would be deleted."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
) -> None:
    """
    Delete the photos that were stored more than HANGTAG_PHOTO_RETENTION_DAYS ago, once.

    The recognize stage does this every hour. Run it by hand for a check, or when no stage runs. Exits 1 if the store
    failed before the end.
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
                progress.update(task, description=f"{swept.seen:,} checked, {swept.due:,} too old")
        except StoreError as error:
            return swept, error.failure.message
    return swept, None


def _tell(swept: "Swept", before: datetime, trouble: str | None, *, dry_run: bool, as_json: bool) -> None:
    oldest = swept.oldest.isoformat(timespec="seconds") if swept.oldest is not None else None
    if as_json:
        report = {
            "before": before.isoformat(timespec="seconds"),
            "seen": swept.seen,
            "deleted": 0 if dry_run else swept.due,
            "due": swept.due,
            "due_bytes": swept.due_bytes,
            "oldest_left": oldest,
            "dry_run": dry_run,
            "error": trouble,
        }
        typer.echo(json.dumps(report))
    else:
        done = "would be deleted" if dry_run else "deleted"
        typer.echo(f"{swept.seen:,} checked, {swept.due:,} {done} ({swept.due_bytes / 1e6:,.1f} MB)")
        typer.echo(f"the oldest remaining photo was stored {oldest}" if oldest else "no photo remains")
    if trouble is not None:
        typer.echo(f"stopped: {trouble}. Run it again to continue", err=True)
