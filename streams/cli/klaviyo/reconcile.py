"""`hangtag klaviyo reconcile`: makes the state database and Klaviyo agree again after a restore."""

import typer

from streams.cli.support.boundary import CommandError

#: Text of each line of the summary, by field of the report.
_WORDS = {
    "uploads": "uploads read from the tags topic",
    "shoppers": "shoppers",
    "behind": "shoppers whose profile was newer than the state database",
    "mended": "profiles whose lists were corrected",
    "lost_values": "profiles that lose values of uploads which the topic no longer keeps",
    "forgotten": "forgotten shoppers, skipped",
    "failed": "shoppers that failed",
}


def reconcile(
    *,
    dry_run: bool = typer.Option(False, "--dry-run", help="Only compare; change nothing here or at Klaviyo."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
) -> None:
    """
    Rebuild the state database from the tags topic, and update every profile at Klaviyo from it.

    Run it after a restore, with the sync stage stopped: docs/operations.md. It sends no event, so no flow starts. It
    needs the sync stage's key. Safe to interrupt and to repeat. Exits 1 if a shopper failed.
    """
    import asyncio
    import json

    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    from klaviyo_sink.account.reconcile import Report
    from streams.config.settings import Settings
    from streams.operations.reconcile import reconcile as run

    async def work() -> Report:
        report = Report()
        columns = (SpinnerColumn(), TextColumn("{task.description}"))
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("reading", total=None)
            async for report in run(Settings(), dry_run=dry_run):
                doing = f"{report.uploads} uploads of {len(report.shoppers)} shoppers"
                progress.update(task, description=doing)
        return report

    report = asyncio.run(work())
    counts = {name: getattr(report, name) for name in _WORDS}
    numbers = {name: count if isinstance(count, int) else len(count) for name, count in counts.items()}
    if as_json:
        print(json.dumps(numbers | {"dry_run": dry_run}))
    else:
        for name, number in numbers.items():
            print(f"{number:8} {_WORDS[name]}")
    if report.failed:
        reasons = ", ".join(sorted(set(report.failed.values())))
        raise CommandError(f"{len(report.failed)} shoppers failed ({reasons}): run the same command again")
