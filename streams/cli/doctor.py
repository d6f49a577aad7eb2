"""`hangtag doctor`: is everything there that a running Hangtag needs?"""

from __future__ import annotations

import json
from dataclasses import asdict

import typer

_STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}


def doctor(
    only: list[str] | None = typer.Argument(None, metavar="[CHECK]...", help="Names of checks; default: all."),
    *,
    as_json: bool = typer.Option(False, "--json", help="One JSON object per line."),
) -> None:
    """
    Check Kafka, topics, lag, photo store, OCR workers, lexicon, Klaviyo, clock, state, file limit and disk.

    Each line says ok, warn or fail, and what to do. Changes nothing but one small object in the photo store.
    Exits 1 when something fails.
    """
    import asyncio

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from streams.doctor import CHECKS, examine
    from streams.settings import Settings

    unknown = set(only or ()) - CHECKS.keys()
    if unknown:
        raise typer.BadParameter(f"no check {', '.join(sorted(unknown))}; there are {', '.join(CHECKS)}")
    found = asyncio.run(examine(Settings(), only=only or ()))
    if as_json:
        for line in found:
            print(json.dumps(asdict(line), ensure_ascii=False))
    else:
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        for line in found:
            told = Text(line.told)
            if line.advice:
                told.append(f"\n{line.advice}", style="bold")
            table.add_row(Text(line.status, style=_STYLES[line.status]), line.name, told)
        Console().print(table)
    if any(line.status == "fail" for line in found):
        raise typer.Exit(1)
