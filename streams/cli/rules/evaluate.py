"""`hangtag rules eval`: measures a lexicon on labelled texts or on composition lines."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from streams.cli.rules.loading import OWN, own_folder, tagger_of
from streams.cli.support.terminal import json_line

if TYPE_CHECKING:
    from rules.quality.compositions import CompositionReport
    from rules.quality.evaluate import Counts, Report
    from rules.tagger import Tagger


def evaluate(
    file: Path = typer.Argument(
        ...,
        help='JSON Lines: {"text": …, "tags": [ids], "kind": …}, or with "lines", "must", "must_not", "acceptable" and '
        '"lang"; or composition lines: {"text": …, "components": {part: {fibre: percent}}}.',
    ),
    lexicon: Path = OWN,
    *,
    misread: float = typer.Option(0.0, min=0, max=100, help="Simulate OCR errors in this percentage of characters."),
    seed: int = typer.Option(1, help="Seed that selects those characters."),
    at_least: float = typer.Option(0.0, min=0, max=1, help="Exit 1 if the micro-F1 is lower."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
) -> None:
    """Measure a lexicon: precision, recall and F1 by category, language and kind; or shares on composition lines."""
    from rules.quality.labelled import holds_compositions, read_labelled

    tagger = tagger_of(own_folder(lexicon))
    if holds_compositions(file):
        raise typer.Exit(_compositions(tagger, file, misread, seed, at_least, as_json=as_json))
    from rules.quality.evaluate import evaluate as measure

    texts = read_labelled(file)
    if misread:
        from rules.quality.misread import misread_all

        texts = misread_all(texts, misread / 100, seed)
    report = measure(tagger, texts)
    if as_json:
        typer.echo(json_line(_report_as_json(report)))
    else:
        _print_report(report)
    raise typer.Exit(1 if report.total.f1 < at_least else 0)


def _compositions(tagger: "Tagger", file: Path, misread: float, seed: int, at_least: float, *, as_json: bool) -> int:
    from rules.quality.compositions import evaluate_compositions
    from rules.quality.labelled import read_compositions

    composed = read_compositions(file)
    if misread:
        from rules.quality.misread import misread_all

        composed = misread_all(composed, misread / 100, seed)
    report = evaluate_compositions(tagger, composed)
    if as_json:
        typer.echo(json_line(_compositions_as_json(report)))
    else:
        console = Console()
        console.print(f"{report.right} of {report.lines} lines about one component have every share right")
        console.print(f"{report.wrong_shares} of {report.given_shares} shares that are not marked unsure are wrong")
        console.print(_counts_table("fibres", {"all": report.fibres}))
        for miss in report.misses:
            console.print(f"{escape(miss.composed.text)!r} should be {miss.wanted}, is {miss.given}", highlight=False)
    return 1 if report.fibres.f1 < at_least else 0


def _compositions_as_json(report: "CompositionReport") -> dict[str, object]:
    return {
        "lines": report.lines,
        "right": report.right,
        "shares": {"given": report.given_shares, "wrong": report.wrong_shares},
        "fibres": _rates(report.fibres),
        "misses": [{"text": one.composed.text, "wanted": one.wanted, "given": one.given} for one in report.misses],
    }


def _rates(counts: "Counts") -> dict[str, Any]:
    return {"precision": counts.precision, "recall": counts.recall, "f1": counts.f1}


def _report_as_json(report: "Report") -> dict[str, object]:
    return {
        "categories": {name: _rates(counts) for name, counts in (report.categories | {"all": report.total}).items()},
        "languages": {name: _rates(counts) for name, counts in report.languages.items()},
        "kinds": {kind: {"right": right, "lines": lines} for kind, (right, lines) in report.kinds.items()},
        "traps": {"wrong": report.traps[0], "lines": report.traps[1]},
        "misses": [
            {"line": miss.line, "text": miss.labelled.text, "surplus": miss.surplus, "missed": miss.missed}
            for miss in report.misses
        ],
    }


def _print_report(report: "Report") -> None:
    console = Console()
    console.print(_counts_table("category", report.categories | {"all": report.total}))
    if set(report.languages) - {"und"}:
        console.print(_counts_table("language", report.languages))
    kinds = Table("kind of line", "exactly right", "lines")
    for kind, (right, lines) in report.kinds.items():
        kinds.add_row(kind, str(right), str(lines), style=None if right == lines else "yellow")
    console.print(kinds)
    console.print(f"traps that got a forbidden tag: {report.traps[0]} of {report.traps[1]}")
    for miss in report.misses:
        signs = " ".join([*(f"+{tag}" for tag in miss.surplus), *(f"-{tag}" for tag in miss.missed)])
        console.print(f"line {miss.line}: {escape(miss.labelled.text)!r} {signs}", highlight=False)


def _counts_table(title: str, rows: "Mapping[str, Counts]") -> Table:
    table = Table(title, "precision", "recall", "F1", "right", "surplus", "missed")
    for name, counts in rows.items():
        rates = (f"{rate:.3f}" for rate in (counts.precision, counts.recall, counts.f1))
        table.add_row(name, *rates, str(counts.right), str(counts.surplus), str(counts.missed))
    return table
