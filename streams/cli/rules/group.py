"""`hangtag rules`: tries, validates, measures and compares lexicons, and finds what they lack."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from streams.cli.rules.evaluate import evaluate
from streams.cli.rules.loading import OWN, own_folder, print_problems, tagger_of
from streams.cli.rules.teach import corpus, coverage, review, try_entry, unread
from streams.cli.support.terminal import json_line

if TYPE_CHECKING:
    from rules.evidence.findings import Finding
    from schemas.events import Evidence, Seen

app = typer.Typer(no_args_is_help=True, help=__doc__)
app.command(name="eval")(evaluate)
app.command()(unread)
app.command()(coverage)
app.command()(corpus)
app.command(name="try")(try_entry)
app.command()(review)
_JSON = typer.Option(False, "--json", help="One JSON object.")


@app.command()
def tag(
    text: str = typer.Argument(..., help="A line of text, or - for lines from standard input."),
    lexicon: Path = OWN,
    *,
    score: float = typer.Option(1.0, min=0, max=1, help="OCR score of the lines."),
    seen: list[str] = typer.Option(
        [], help="Also a value that a look showed, as TAG or TAG=SCORE: scene/beach=0.9. May be repeated."
    ),
    as_json: bool = _JSON,
) -> None:
    """Show a text's tags, its normalized lines, and what was dropped and why."""
    from rules.quality.labelled import lines_of

    given = sys.stdin.read() if text == "-" else text
    # Bytes that are not UTF-8 arrive as lone surrogates, which cannot be printed.
    readable = given.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    tagging = tagger_of(own_folder(lexicon)).tag(lines_of(readable, score) if readable.strip() else (), _seen(seen))
    if as_json:
        shown = {
            "normalized": tagging.normalized,
            "tags": [one.model_dump(mode="json", exclude_none=True) for one in tagging.tags],
            "found": [_as_json(one) for one in tagging.findings if one.reason is None],
            "suppressed": [_as_json(one) for one in tagging.suppressed],
            "seen": [one._asdict() for one in tagging.sightings],
        }
        typer.echo(json_line(shown))
        return
    console = Console()
    for line in tagging.normalized:
        console.print(f"[dim]read as[/dim] {escape(line)}", highlight=False)
    tags = Table(Column("tag", no_wrap=True), "label", "score", "share", Column("because of", overflow="fold"))
    for one in tagging.tags:
        share = "" if one.share is None else f"{one.share:g} %{'?' * one.share_unsure}"
        because = ", ".join(dict.fromkeys(_because(evidence, one.id) for evidence in one.evidence))
        tags.add_row(one.id, f"{one.labels.en} {one.labels.zh}", f"{one.score:.2f}", share, because)
    console.print(tags if tagging.tags else "no tags")
    if tagging.suppressed:
        dropped = Table("dropped", Column("would be", no_wrap=True), "because")
        for finding in tagging.suppressed:
            dropped.add_row(escape(finding.word), finding.tag, finding.reason)
        console.print(dropped)
    for sighting in tagging.sightings:
        if sighting.reason is not None:
            console.print(f"[dim]seen and dropped[/dim] {escape(sighting.tag)}: {sighting.reason}", highlight=False)


@app.command()
def check(lexicon: Path = OWN, *, as_json: bool = _JSON) -> None:
    """Validate a lexicon: duplicate words, words that never match, failing examples. Exits 1 if there are problems."""
    from rules.quality.check import check as problems_of
    from rules.quality.own_files import own_files

    own = own_folder(lexicon)
    tagger = tagger_of(own)
    problems = problems_of(tagger.lexicon)
    files = own_files(own) if own is not None else None
    if as_json:
        found = [{"file": str(one.path), "line": one.line, "message": one.message} for one in problems]
        version = tagger.lexicon.version
        shown: dict[str, object] = {"version": version, "entries": len(tagger.lexicon.entries), "problems": found}
        shown |= {"read": files.read, "warnings": [str(one) for one in files.warnings]} if files else {}
        typer.echo(json.dumps(shown))
    else:
        for name, entries in (files.read if files else {}).items():
            typer.echo(f"read {name}: {', '.join(entries) or 'no entries'}")
        print_problems([*(files.warnings if files else ()), *problems])
        typer.echo(f"{len(tagger.lexicon.entries)} entries, version {tagger.lexicon.version}: {len(problems)} problems")
    raise typer.Exit(1 if problems else 0)


@app.command()
def diff(
    old: str = typer.Argument(..., help="Folder of the old lexicon of the shop, or - for the included one alone."),
    new: str = typer.Argument(..., help="Folder of the new one, or -."),
    corpus: Path = typer.Option(None, help="Texts, one per line, or JSON Lines with a `text`. Default: all examples."),
    *,
    as_json: bool = typer.Option(False, "--json", help="One JSON object per text."),
) -> None:
    """Show which tags of a corpus change from one lexicon to another. Exits 1 if any do."""
    from rules.quality.compare import differences, examples
    from rules.quality.labelled import read_corpus

    before, after = (tagger_of(None if folder == "-" else Path(folder)) for folder in (old, new))
    texts = examples(before, after) if corpus is None else read_corpus(corpus)
    found = list(differences(before, after, texts))
    if as_json:
        for one in found:
            typer.echo(json_line(one._asdict()))
    else:
        table = Table("text", "added", "removed")
        for one in found:
            table.add_row(escape(one.text), "\n".join(one.added), "\n".join(one.removed))
        Console().print(table if found else f"no tag changes in {len(texts)} texts")
    raise typer.Exit(1 if found else 0)


def _because(evidence: "Evidence", tag_id: str) -> str:
    return "seen in the picture" if evidence.kind == "seen" else evidence.rule.removeprefix(f"{tag_id}#")


def _seen(given: list[str]) -> "Seen | None":
    """Make a look of the values given as TAG or TAG=SCORE."""
    from pydantic import ValidationError

    from schemas.events import Engine, Seen, SeenValue

    if not given:
        return None
    try:
        pairs = [one.partition("=") for one in given]
        values = tuple(SeenValue(tag=tag, bbox=(0, 0, 1, 1), score=float(score or 1)) for tag, _, score in pairs)
    except (ValueError, ValidationError):
        raise typer.BadParameter("write --seen scene/beach or --seen scene/beach=0.9") from None
    return Seen(engine=Engine(name="by-hand", model="none", revision="0"), values=values)


def _as_json(finding: "Finding") -> dict[str, object]:
    shown = finding._asdict() | {"line": finding.line.text}
    return {name: value for name, value in shown.items() if value is not None}
