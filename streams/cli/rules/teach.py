"""`hangtag rules unread, coverage, corpus, try, review`: find what kept texts contain and the lexicon does not know."""

import json
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.table import Table

from schemas.steady_clock import now as steady_now
from streams.cli.rules.loading import OWN, own_folder, tagger_of
from streams.cli.support.terminal import json_line
from streams.config.settings import Settings

if TYPE_CHECKING:
    from rules.tagger import Tagger, Tagging
    from schemas.events import TextRecognized

_SINCE = typer.Option(None, help="Only texts since then: an age (15m, 2h, 7d) or an RFC 3339 time.")
_JSON = typer.Option(False, "--json", help="One JSON object per line.")


def unread(
    since: str = _SINCE,
    lexicon: Path = OWN,
    *,
    most: int = typer.Option(50, min=1, help="Most lines to list."),
    as_json: bool = _JSON,
) -> None:
    """List the lines without a tag, by number of shoppers, each with the nearest lexicon entry."""
    from rules.evidence.vocabulary import terms
    from rules.quality.unread import Languages, UnreadLines
    from rules.text.match import GIVING

    tagger = tagger_of(own_folder(lexicon))
    lines = UnreadLines()
    for text, tagging in _tagged(since, tagger):
        lines.add(text.shopper_id, tagging)
    words = {term.text: term.owner for term in terms(tagger.lexicon) if term.kind in GIVING}
    found = list(lines.most(most, words, Languages(tagger.lexicon.languages)))
    if as_json:
        for one in found:
            typer.echo(json_line(one._asdict()))
        return
    table = Table("line", "shoppers", "language", "nearest entry", "its word", "distance")
    for one in found:
        distance = "" if one.distance is None else f"{one.distance:.2f}"
        table.add_row(escape(one.line), str(one.shoppers), one.language, one.entry, one.word, distance)
    Console().print(table if found else "every line from at least three shoppers has a tag")


def coverage(since: str = _SINCE, lexicon: Path = OWN, *, as_json: bool = _JSON) -> None:
    """Show the share of uploads with a tag and of lines used, by language and week, compared to the week before."""
    from rules.quality.unread import Coverage, Languages

    tagger = tagger_of(own_folder(lexicon))
    counted = Coverage(Languages(tagger.lexicon.languages))
    for text, tagging in _tagged(since, tagger):
        year, number, _ = text.uploaded_at.isocalendar()
        counted.add(f"{year}-W{number:02}", tagging)
    table = Table("language", "week", "uploads", "with a tag", "lines used", "change from the week before")
    before: tuple[str, float] = ("", 0.0)
    for (language, week), (uploads, tagged, lines, used) in sorted(counted.counts.items()):
        shares = tagged / uploads, used / lines if lines else 0.0
        change = shares[0] - before[1] if before[0] == language else None
        before = (language, shares[0])
        if as_json:
            facts = {"language": language, "week": week, "uploads": uploads, "tagged": shares[0], "used": shares[1]}
            typer.echo(json.dumps(facts | {"change": change}))
        shown = "" if change is None else f"{change:+.1%}"
        table.add_row(language, week, str(uploads), f"{shares[0]:.1%}", f"{shares[1]:.1%}", shown)
    if not as_json:
        Console().print(table)


def corpus(
    file: Path = typer.Argument(..., help="Output file, in JSON Lines that `diff` and `eval` read."),
    since: str = _SINCE,
    lexicon: Path = OWN,
) -> None:
    """Write the kept texts to a file, each with its current tags; names and numbers are masked."""
    from rules.quality.unread import masked_of

    written = 0
    with file.open("w", encoding="utf-8") as target:
        for text, tagging in _tagged(since, tagger_of(own_folder(lexicon))):
            lines = masked_of("\n".join(line.text for line in text.texts))
            row = {"text": lines, "tags": [tag.id for tag in tagging.tags], "kind": "kept"}
            target.write(json.dumps(row, ensure_ascii=False) + "\n")
            written += 1
    typer.echo(f"wrote {written} texts to {file}; correct their labels before you measure with them")


def try_entry(
    entry: Path = typer.Argument(..., metavar="ENTRY.toml", help="A draft of a lexicon file, in any folder."),
    texts: Path = typer.Option(None, "--corpus", help="Texts to try it on. Default: the kept texts."),
    since: str = _SINCE,
    lexicon: Path = OWN,
) -> None:
    """Show which tags a draft adds or changes, and which examples and traps it breaks. Exits 1 if it breaks any."""
    from rules.lexicon.load import load_lexicon
    from rules.quality.check import check
    from rules.quality.compare import differences
    from rules.quality.labelled import read_corpus
    from rules.tagger import Tagger

    own = own_folder(lexicon)
    old, new = tagger_of(own), Tagger(load_lexicon(own, draft=entry))
    known = {str(problem) for problem in check(old.lexicon)}
    broken = [str(problem) for problem in check(new.lexicon) if str(problem) not in known]
    for problem in broken:
        typer.echo(problem, err=True)
    given = read_corpus(texts) if texts is not None else (_joined(text) for text in _kept(since))
    table = Table("text", "added", "removed")
    for one in differences(old, new, given):
        table.add_row(escape(one.text), "\n".join(one.added), "\n".join(one.removed))
    Console().print(table if table.row_count else "no tag changes")
    raise typer.Exit(1 if broken else 0)


def review(
    tag: str = typer.Argument(..., help="A tag id, for example material/cotton."),
    file: Path = typer.Argument(..., help="Labelled file to which your decisions are added."),
    since: str = _SINCE,
    *,
    most: int = typer.Option(20, min=1, help="Most lines of evidence, newest first."),
) -> None:
    """Ask whether each of a tag's newest lines of evidence is right, and add the decisions to a labelled file."""
    from rules.quality.unread import masked_of
    from streams.operations.kept_texts import kept_tags

    last: deque[str] = deque(maxlen=most)
    with _reading() as (settings, start, is_forgotten, tell):
        for event in kept_tags(settings, since=start(since), is_forgotten=is_forgotten, tell=tell):
            read = (one for given in event.tags if given.id == tag for one in given.evidence if one.kind == "read")
            last.extend(one.text for one in read)
    with file.open("a", encoding="utf-8") as target:
        for text in dict.fromkeys(map(masked_of, last)):
            right = typer.confirm(f"{text!r} is {tag}?")
            labels: dict[str, Any] = {"must": [tag]} if right else {"must": [], "must_not": [tag]}
            target.write(json.dumps({"text": text, **labels, "kind": "review"}, ensure_ascii=False) + "\n")


def _tagged(since: str | None, tagger: "Tagger") -> "Iterator[tuple[TextRecognized, Tagging]]":
    for text in _kept(since):
        yield text, tagger.tag(text.texts, text.seen)


def _kept(since: str | None) -> "Iterator[TextRecognized]":
    from streams.operations.kept_texts import kept_texts

    with _reading() as (settings, start, is_forgotten, tell):
        yield from kept_texts(settings, since=start(since), is_forgotten=is_forgotten, tell=tell)


def _joined(text: "TextRecognized") -> str:
    return "\n".join(line.text for line in text.texts)


@contextmanager
def _reading() -> Iterator[
    tuple[Settings, Callable[[str | None], float | None], Callable[[str], bool], Callable[[], None]]
]:
    """Show progress on stderr while a topic is read; yields the settings and functions that the reader needs."""
    from streams.erasure.guard import forgotten_until_now
    from streams.kafka.reader import parse_since

    settings = Settings()
    is_forgotten = forgotten_until_now(settings.state_url.get_secret_value())
    columns = SpinnerColumn(), TextColumn("{task.completed} messages read")
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading", total=None)
        yield (
            settings,
            lambda since: parse_since(since, now=steady_now().timestamp()),
            is_forgotten,
            lambda: progress.advance(task),
        )
