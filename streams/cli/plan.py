"""`hangtag plan`: computes the capacity that a number of uploads per day needs."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import Final

import typer

from streams.cli.support.tables import WIDE, console, table

_UNITS: Final = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000}


def plan(
    uploads_per_day: str = typer.Option(..., metavar="N", help="For example 44000, 250k or 10M."),
    seconds_per_photo: float = typer.Option(
        1.2, min=0.001, help="CPU seconds per photo (docs/ocr.md: 0.4 to 1.2); with --gpu, seconds in a full batch."
    ),
    peak: float = typer.Option(3, min=1, help="Load of the busiest hour, as a multiple of the average."),
    photo_kb: float = typer.Option(150, min=1, help="Size of a photo in kB."),
    replication: int = typer.Option(3, min=1, help="Replicas of each topic."),
    *,
    gpu: bool = typer.Option(False, "--gpu", help="Read photos on GPUs."),
    wide: bool = WIDE,
    as_json: bool = typer.Option(False, "--json", help="One JSON object per line."),
) -> None:
    """Compute partitions, processes, cores or GPUs, disk, database and Klaviyo's share. Connects to no server."""
    from streams.config.settings import Settings
    from streams.operations.plan import Load
    from streams.operations.plan import plan as worksheet

    settings = Settings()
    load = Load(
        _count(uploads_per_day),
        seconds_per_photo,
        peak,
        settings.in_flight,
        round(photo_kb * 1000),
        replication,
        gpu=gpu,
        ledger_days=settings.ledger_retention_days,
    )
    lines = worksheet(load)
    if as_json:
        for line in lines:
            typer.echo(json.dumps(asdict(line)))
        return
    shown = table("what", "need", "because")
    for line in lines:
        shown.add_row(line.what, line.need, line.why)
    console(wide=wide).print(shown)


def _count(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([kmg]?)", text.strip().replace(",", "").replace("_", ""), re.IGNORECASE)
    if found is None or not float(found[1]):
        raise typer.BadParameter(
            f"{text} is not a number of uploads: write 44000, 250k or 10M", param_hint="--uploads-per-day"
        )
    return float(found[1]) * _UNITS[found[2].lower()]
