"""`hangtag rules`: try, validate, measure and compare lexicons."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from streams.config.settings import Settings

if TYPE_CHECKING:
    from rules.evidence.findings import Finding
    from rules.lexicon.problems import Problem
    from rules.quality.evaluate import Report
    from rules.tagger import Tagger

app = typer.Typer(no_args_is_help=True, help=__doc__)

_OWN = typer.Option(None, "--lexicon", help="Folder of a shop's own lexicon; default: HANGTAG_LEXICON.")
_JSON = typer.Option(False, "--json", help="One JSON object.")


@app.command()
def tag(
    text: str = typer.Argument(..., help="A line of text, or - for lines from standard input."),
    lexicon: Path = _OWN,
    *,
    score: float = typer.Option(1.0, min=0, max=1, help="OCR score of the lines."),
    as_json: bool = _JSON,
) -> None:
    """Show a text's tags, its normalised lines, and what was dropped and why."""
    from rules.quality.evaluate import lines_of

    given = sys.stdin.read() if text == "-" else text
    # Bytes that are no UTF-8 arrive as lone surrogates, which nothing could print.
    readable = given.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    tagging = _tagger(lexicon).tag(lines_of(readable, score))
    if as_json:
        shown = {
            "normalized": tagging.normalized,
            "tags": [one.model_dump(mode="json", exclude_none=True) for one in tagging.tags],
            "found": [_as_json(one) for one in tagging.findings if one.reason is None],
            "suppressed": [_as_json(one) for one in tagging.suppressed],
        }
        typer.echo(json.dumps(shown, ensure_ascii=False))
        return
    console = Console()
    for line in tagging.normalized:
        console.print(f"[dim]read as[/dim] {escape(line)}", highlight=False)
    tags = Table(Column("tag", no_wrap=True), "label", "score", "share", Column("because of", overflow="fold"))
    for one in tagging.tags:
        share = "" if one.share is None else f"{one.share:g} %"
        because = ", ".join(dict.fromkeys(evidence.rule.removeprefix(f"{one.id}#") for evidence in one.evidence))
        tags.add_row(one.id, f"{one.labels.en} {one.labels.zh}", f"{one.score:.2f}", share, because)
    console.print(tags if tagging.tags else "no tags")
    if tagging.suppressed:
        dropped = Table("dropped", Column("would be", no_wrap=True), "because")
        for finding in tagging.suppressed:
            dropped.add_row(escape(finding.word), finding.tag, finding.reason)
        console.print(dropped)


@app.command()
def check(lexicon: Path = _OWN, *, as_json: bool = _JSON) -> None:
    """Validate a lexicon: words claimed twice, words that never win, failing examples. Exit 1 on problems."""
    from rules.quality.check import check as problems_of

    tagger = _tagger(lexicon)
    problems = problems_of(tagger.lexicon)
    if as_json:
        found = [{"file": str(one.path), "line": one.line, "message": one.message} for one in problems]
        version = tagger.lexicon.version
        typer.echo(json.dumps({"version": version, "entries": len(tagger.lexicon.entries), "problems": found}))
    else:
        _print_problems(problems)
        typer.echo(f"{len(tagger.lexicon.entries)} entries, version {tagger.lexicon.version}: {len(problems)} problems")
    raise typer.Exit(1 if problems else 0)


@app.command(name="eval")
def evaluate(
    file: Path = typer.Argument(..., help='JSON Lines: {"text": …, "tags": [ids], "kind": …}.'),
    lexicon: Path = _OWN,
    *,
    at_least: float = typer.Option(0.0, min=0, max=1, help="Exit 1 when the micro-F1 is lower."),
    as_json: bool = _JSON,
) -> None:
    """Measure a lexicon on labelled lines: precision, recall and F1 per category."""
    from rules.quality.evaluate import evaluate as measure
    from rules.quality.evaluate import read_labelled

    labelled = read_labelled(file)
    report = measure(_tagger(lexicon), labelled)
    if as_json:
        typer.echo(json.dumps(_report_as_json(report), ensure_ascii=False))
    else:
        _print_report(report)
    raise typer.Exit(1 if report.total.f1 < at_least else 0)


@app.command()
def diff(
    old: str = typer.Argument(..., help="Folder of the old own lexicon, or - for the shipped one alone."),
    new: str = typer.Argument(..., help="Folder of the new one, or -."),
    corpus: Path = typer.Option(None, help="Texts, one a line; or JSON Lines with a `text`. Default: every example."),
    *,
    as_json: bool = typer.Option(False, "--json", help="One JSON object per text."),
) -> None:
    """Show which tags change on a corpus from one lexicon to another. Exit 1 when any do."""
    from rules.quality.compare import differences, examples

    before, after = (_tagger(None if folder == "-" else Path(folder), default=False) for folder in (old, new))
    texts = examples(before, after) if corpus is None else _texts(corpus)
    found = list(differences(before, after, texts))
    if as_json:
        for one in found:
            typer.echo(json.dumps(one._asdict(), ensure_ascii=False))
    else:
        table = Table("text", "added", "removed")
        for one in found:
            table.add_row(escape(one.text), "\n".join(one.added), "\n".join(one.removed))
        Console().print(table if found else f"no tag changes in {len(texts)} texts")
    raise typer.Exit(1 if found else 0)


def _tagger(own: Path | None, *, default: bool = True) -> "Tagger":
    from rules.lexicon.load import load_lexicon
    from rules.tagger import Tagger

    return Tagger(load_lexicon(own or (Settings().lexicon if default else None)))


def _texts(corpus: Path) -> "Sequence[str]":
    from rules.quality.evaluate import read_corpus

    return read_corpus(corpus)


def _print_problems(problems: "Sequence[Problem]") -> None:
    for problem in problems:
        typer.echo(str(problem), err=True)


def _as_json(finding: "Finding") -> dict[str, object]:
    shown = finding._asdict() | {"line": finding.line.text}
    return {name: value for name, value in shown.items() if value is not None}


def _report_as_json(report: "Report") -> dict[str, object]:
    rows = report.categories | {"all": report.total}
    return {
        "categories": {
            name: {"precision": counts.precision, "recall": counts.recall, "f1": counts.f1}
            for name, counts in rows.items()
        },
        "kinds": {kind: {"right": right, "lines": lines} for kind, (right, lines) in report.kinds.items()},
        "misses": [
            {"line": miss.line, "text": miss.labelled.text, "surplus": miss.surplus, "missed": miss.missed}
            for miss in report.misses
        ],
    }


def _print_report(report: "Report") -> None:
    console = Console()
    table = Table("category", "precision", "recall", "F1", "right", "surplus", "missed")
    for name, counts in (report.categories | {"all": report.total}).items():
        rates = (f"{rate:.3f}" for rate in (counts.precision, counts.recall, counts.f1))
        table.add_row(name, *rates, str(counts.right), str(counts.surplus), str(counts.missed))
    console.print(table)
    kinds = Table("kind of line", "exactly right", "lines")
    for kind, (right, lines) in report.kinds.items():
        kinds.add_row(kind, str(right), str(lines), style=None if right == lines else "yellow")
    console.print(kinds)
    for miss in report.misses:
        signs = " ".join([*(f"+{tag}" for tag in miss.surplus), *(f"-{tag}" for tag in miss.missed)])
        console.print(f"line {miss.line}: {escape(miss.labelled.text)!r} {signs}", highlight=False)
