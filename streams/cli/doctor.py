"""`hangtag doctor`: checks everything that a running Hangtag needs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from streams.cli.support.tables import WIDE, console
from streams.cli.support.terminal import json_line, plain

if TYPE_CHECKING:
    from rich.console import RenderableType

    from streams.operations.checks.answer import Checked

_STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}


def doctor(
    only: list[str] | None = typer.Argument(None, metavar="[CHECK]...", help="Names of checks; default: all."),
    *,
    wide: bool = WIDE,
    as_json: bool = typer.Option(False, "--json", help="One JSON object per line."),
) -> None:
    """
    Check Kafka, topics, schemas, lag, partitioner, store, OCR, look, lexicon, Klaviyo, clock, state, files and disk.

    Each line says ok, warn or fail, and what to do. Changes nothing: it writes one small object to the photo store and
    deletes it again. Exits 1 if a check fails.
    """
    import asyncio

    from streams.config.settings import Settings
    from streams.operations.doctor import CHECKS, examine

    unknown = set(only or ()) - CHECKS.keys()
    if unknown:
        raise typer.BadParameter(f"no check {', '.join(sorted(unknown))}; there are {', '.join(CHECKS)}")
    screen = console(wide=wide)

    async def look() -> bool:
        failed = False
        async for line in examine(Settings(), only=only or ()):
            failed |= line.status == "fail"
            if as_json:
                print(json_line(asdict(line)), flush=True)
            else:
                screen.print(_shown(line))
        return failed

    if asyncio.run(look()):
        raise typer.Exit(1)


def _shown(line: Checked) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    text = Text(plain(f"{line.name}: {line.finding}"))
    if line.advice:
        text.append(f"\n{line.advice}", style="bold")
    row = Table.grid(padding=(0, 2))
    row.add_column(width=4)
    row.add_column(overflow="fold")
    row.add_row(Text(line.status, style=_STYLES[line.status]), text)
    return row
