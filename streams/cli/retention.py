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
    from collections.abc import AsyncIterator

    from streams.photos.sweep import Swept

app = typer.Typer(no_args_is_help=True, help=__doc__)


@app.callback()
def retention() -> None:
    """Make typer treat this as a group, though it has only one command so far."""


@app.command(name="sweep")
def sweep_now(
    *,
    dry_run: bool = typer.Option(False, "--dry-run", help="Only count what would be deleted."),
    everything: bool = typer.Option(
        False, "--all", help="Check every object, not only the days that may contain a photo that is too old."
    ),
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
) -> None:
    """
    Delete the photos that were stored more than HANGTAG_PHOTO_RETENTION_DAYS ago, once.

    Run it by hand for a check, or regularly with --all where no recognize stage runs. That stage sweeps by itself.
    Photos that Hangtag stored have their day in the key: uploads/by.day/DAY/. Without --all, it relies on those days:
    it lists the days that may contain a photo that is too old, and all keys without a day.
    Exits 1 if the store did not let it finish.
    """
    from streams.photos.folders import swept_folders
    from streams.photos.sweep import sweep, sweep_everything
    from streams.wiring.clock import now
    from streams.wiring.photos import make_store

    settings = Settings()
    store, folders = make_store(settings), swept_folders(settings)
    kept_for = timedelta(days=settings.photo_retention_days)

    async def sweep_by_store_time() -> "tuple[datetime, Swept, str | None]":
        before = (await store.time() or now()) - kept_for
        if everything:
            swept = sweep_everything(store, folders, before=before, rest_before=before, remove=not dry_run)
        else:
            swept = sweep(store, folders, before=before, remove=not dry_run)
        return before, *await _show(swept)

    before, swept, trouble = asyncio.run(sweep_by_store_time())
    _tell(swept, before, trouble, dry_run=dry_run, as_json=as_json)
    raise typer.Exit(0 if trouble is None else 1)


async def _show(sweeping: "AsyncIterator[Swept]") -> "tuple[Swept, str | None]":
    """Sweep, and show the progress; return what was swept, and why the store failed, if it did."""
    from streams.photos.answers import StoreError
    from streams.photos.sweep import Swept

    swept = Swept()
    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("sweeping", total=None)
        try:
            async for swept in sweeping:
                progress.update(task, description=f"{swept.seen:,} checked, {swept.due:,} too old")
        except StoreError as error:
            return swept, error.failure.message
    return swept, None


def _tell(swept: "Swept", before: datetime, trouble: str | None, *, dry_run: bool, as_json: bool) -> None:
    # After a failure, photos may be left that it never saw.
    oldest = swept.oldest.isoformat(timespec="seconds") if swept.oldest is not None and trouble is None else None
    if as_json:
        report = {
            "before": before.isoformat(timespec="seconds"),
            "seen": swept.seen,
            "deleted": 0 if dry_run else swept.due,
            "due": swept.due,
            "due_bytes": swept.due_bytes,
            "oldest_left": oldest,
            "days_not_checked": swept.days_not_checked,
            "dry_run": dry_run,
            "error": trouble,
        }
        typer.echo(json.dumps(report))
    else:
        done = "would be deleted" if dry_run else "deleted"
        typer.echo(f"{swept.seen:,} checked, {swept.due:,} {done} ({swept.due_bytes / 1e6:,.1f} MB)")
        if swept.days_not_checked:
            typer.echo(f"folders of younger days not checked: {swept.days_not_checked:,} (--all checks them)")
        if trouble is None:
            which = "checked photo" if swept.days_not_checked else "photo"
            typer.echo(f"no remaining {which} was stored before {oldest}" if oldest else f"no {which} remains")
    if trouble is not None:
        typer.echo(f"stopped: {trouble}. Run it again to continue", err=True)
