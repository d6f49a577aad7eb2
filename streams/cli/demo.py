"""`hangtag demo`: runs the whole chain once and shows the result of every photo."""

import asyncio
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from statistics import quantiles
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from streams.cli.support.boundary import CommandError
from streams.cli.support.terminal import json_line, plain


def demo(
    photos: Path = typer.Option(
        None, help="A folder of photos. Default: the sample photos.", exists=True, file_okay=False
    ),
    *,
    as_json: bool = typer.Option(False, "--json", help="One JSON object per photo, then one summary object."),
) -> None:
    """
    Run the whole chain on this machine: Kafka, OCR, rules, a local Klaviyo. Nothing leaves this machine.

    Sets up the example campaign in the local Klaviyo and lets its shoppers consent to texts, so its SMS are shown too.
    Exits 0 only if every photo reached an end: synced, feedback, no_tags or dead_letter.
    """
    found = sorted(
        path for path in (photos or _samples()).iterdir() if path.is_file() and not path.name.startswith(".")
    )
    if not found:
        raise typer.BadParameter(f"no files in {photos}")
    raise typer.Exit(asyncio.run(_run(found, as_json=as_json)))


async def _run(photos: list[Path], *, as_json: bool) -> int:
    from streams.operations import demo as chain

    work = asyncio.ensure_future(_demo(chain, photos, as_json=as_json))
    signals = 0

    def on_signal() -> None:
        nonlocal signals
        signals += 1
        if signals == 1:
            work.cancel()
        else:
            # The kernel ends the children when this process exits (see supervisor).
            os._exit(130)

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    try:
        return await work
    except asyncio.CancelledError:
        typer.echo("stopped", err=True)
        return 130
    except chain.DemoError as error:
        raise CommandError(f"the demo failed: {error}") from None


async def _demo(chain: Any, photos: list[Path], *, as_json: bool) -> int:
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as progress:
        task = progress.add_task("starting", total=len(photos))
        async with chain.running(lambda text: progress.update(task, description=text)) as running:
            progress.update(task, description="uploading photos")
            uploads = await chain.feed(running, photos, lambda: progress.advance(task))
            progress.update(task, description="reading, tagging, syncing", completed=0)
            journeys = await chain.watch(
                running,
                uploads,
                limit_s=120 + 10 * len(photos),
                tell=lambda ended: progress.update(task, completed=ended),
            )
            profiles, texts = await chain.profiles(running), await chain.texts(running, uploads)
            progress.update(task, description="stopping")
    rows = [(uploads[upload_id], journeys[upload_id]) for upload_id in uploads]
    (_print_json if as_json else _print_tables)(rows, profiles, texts)
    return 0 if all(journey.outcome for _, journey in rows) else 1


def _summary(rows: list[Any], profiles: list[Any]) -> dict[str, int]:
    outcomes = [journey.outcome for _, journey in rows]
    times = sorted(journey.ms for _, journey in rows if journey.outcome)
    cuts = quantiles(times, n=100, method="inclusive") if len(times) > 1 else times * 99 or [0] * 99
    return {
        "uploads": len(rows),
        "synced": outcomes.count("synced"),
        "feedback": outcomes.count("feedback"),
        "no_tags": outcomes.count("no_tags"),
        "dead_letters": outcomes.count("dead_letter"),
        "lost": outcomes.count(None),
        "profiles": len(profiles),
        "p50_ms": round(cuts[49]),
        "p95_ms": round(cuts[94]),
    }


def _print_json(rows: list[Any], profiles: list[Any], texts: list[Any]) -> None:
    for photo, journey in rows:
        line = {
            "photo": photo.name,
            "outcome": journey.outcome or "lost",
            "texts": list(journey.texts),
            "tags": [tag.id for tag in journey.tags],
            "ms": journey.ms,
        }
        typer.echo(json_line(line))
    summary = _summary(rows, profiles) | {"sms": [asdict(one) for one in texts]}
    typer.echo(json_line(summary))


def _print_tables(rows: list[Any], profiles: list[Any], texts: list[Any]) -> None:
    # A file or a pipe gets a width that fits the evidence.
    console = Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=130)
    table = Table("photo", "lines", "tags (share, evidence)", "ended", "ms", title="Photos")
    for photo, journey in rows:
        tags = "\n".join(_tag(tag) for tag in journey.tags) or "-"
        ended = {"feedback": f"feedback: {journey.feedback}", "dead_letter": f"dead letter: {journey.letter}"}.get(
            journey.outcome, journey.outcome or "LOST"
        )
        table.add_row(escape(plain(photo.name)), str(len(journey.texts)), escape(tags), escape(ended), str(journey.ms))
    console.print(table)
    for_people = Table("profile", "property", "value", title="Klaviyo's profiles")
    for profile in profiles:
        attributes = profile.get("attributes", profile)
        name = attributes.get("external_id") or attributes.get("email") or profile.get("id")
        for property_name, value in attributes.get("properties", {}).items():
            shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            for_people.add_row(escape(str(name)), escape(property_name), escape(shown))
            name = ""
    console.print(for_people)
    to_phones = Table("shopper", "because of", "campaign", "text", "when", title="SMS that Klaviyo's flow sends")
    for one in texts:
        when = "at once" if one.status == "sent" else f"{one.at} (quiet hours until then)"
        cells = (one.shopper, one.photo, one.campaign, one.text, when)
        to_phones.add_row(*map(escape, cells))
    console.print(to_phones if texts else "No SMS: no photo shows a cotton T-shirt.")
    console.print(
        "  ".join(f"{name}: {value}" for name, value in _summary(rows, profiles).items()) + f"  sms: {len(texts)}"
    )


def _tag(tag: Any) -> str:
    share = f" {tag.share:g} %{'?' * tag.share_unsure}" if tag.share is not None else ""
    evidence = "seen" if tag.seen_only else tag.evidence[0].text if tag.evidence else ""
    return f"{tag.id}{share} ← {evidence[:28]}"


def _samples() -> Path:
    """Return the folder of sample photos: in the installed package, or next to the sources."""
    import streams

    for place in (Path(streams.__file__).parent / "samples", Path(streams.__file__).parents[1] / "samples" / "photos"):
        if place.is_dir():
            return place
    raise typer.BadParameter("this installation has no sample photos; name a folder with --photos")
