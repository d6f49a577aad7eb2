"""`hangtag dlq`: lists dead letters with their reasons, and replays them after a fix."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from schemas.steady_clock import now as steady_now
from streams.cli.support.boundary import CommandError
from streams.cli.support.terminal import json_line, plain
from streams.config.settings import Settings

#: Letters of one table.
_ROWS = 500

app = typer.Typer(no_args_is_help=True, help=__doc__)

TOPIC = typer.Option(None, help="Only letters of this topic: uploads, texts or tags.")
REASON = typer.Option(None, help="Only letters with this reason.")
SINCE = typer.Option(None, help="Only letters since then: an age (15m, 2h, 7d) or an RFC 3339 time.")


@app.command(name="list")
def list_letters(
    topic: str = TOPIC,
    reason: str = REASON,
    since: str = SINCE,
    limit: int = typer.Option(None, min=1, help="Only the newest letters, at most this many. It reads no older ones."),
    *,
    replayed: bool = typer.Option(False, "--replayed", help="Also show letters that were replayed."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object per letter."),
) -> None:
    """List dead letters, newest first."""
    from streams.kafka.reader import parse_since
    from streams.operations.dead_letters import newest_letters

    after = parse_since(since, now=steady_now().timestamp())
    letters = newest_letters(Settings(), topic=topic, reason=reason, since=after)
    found = (letter for letter in letters if replayed or not letter.replayed)
    shown = islice(found, limit)
    if as_json:
        for letter in shown:
            typer.echo(json_line(_facts(letter)))
        return
    counts: Counter[str] = Counter()
    while some := [_facts(letter) for letter in islice(shown, _ROWS)]:
        table = Table("letter", "when", "stage", "reason", "why", "tries")
        for facts in some:
            cells = (facts[name] for name in ("letter", "time", "stage", "reason", "message", "attempts"))
            table.add_row(*(escape(plain(str(cell))) for cell in cells))
        Console().print(table)
        counts.update(str(facts["reason"]) for facts in some)
    if not counts:
        typer.echo("no dead letters")
        return
    summary = ", ".join(f"{count} {why}" for why, count in counts.most_common())
    older = " (older ones were not read)" if counts.total() == limit else ""
    typer.echo(plain(f"{counts.total()} letters{older}: {summary}"))


@app.command()
def show(
    letter: str = typer.Argument(..., help="Place of a letter, as `dlq list` shows it: topic:partition:offset."),
    *,
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
) -> None:
    """Show one letter in full: why it failed, its headers and its original value."""
    from streams.operations.dead_letters import letter_at

    name, _, place = letter.partition(":")
    partition, _, offset = place.partition(":")
    if not (partition.isdecimal() and offset.isdecimal()):
        raise typer.BadParameter(f"{letter} is not a place: write TOPIC:PARTITION:OFFSET as `hangtag dlq list` does")
    found = letter_at(Settings(), name, int(partition), int(offset))
    if found is None:
        raise CommandError(f"no letter at {letter}; see `hangtag dlq list --replayed`")
    seen = found.seen
    whole = _facts(found) | {
        "key": _text(seen.key),
        "headers": [[header, _text(value)] for header, value in seen.headers],
        "value": _text(seen.value),
    }
    if as_json:
        typer.echo(json_line(whole))
        return
    for field, value in whole.items():
        lines = [f"{field}: {value}"] if field != "headers" else [f"header {name}: {text!r}" for name, text in value]
        typer.echo(plain("\n".join(lines)))


@app.command()
def replay(
    topic: str = TOPIC,
    reason: str = REASON,
    since: str = SINCE,
    limit: int = typer.Option(None, min=1, help="Only the oldest letters, at most this many."),
    *,
    dry_run: bool = typer.Option(False, "--dry-run", help="Only show what would be replayed."),
) -> None:
    """
    Publish dead letters again on their topics. Safe to interrupt and to repeat; skips letters that arrive meanwhile.

    It publishes the letters of a partition in their order. With --limit it takes the oldest ones; repeat the command
    for newer ones. A letter that fails again becomes the newest. Letters of forgotten shoppers are not replayed.
    """
    from streams.erasure.guard import forgotten_until_now
    from streams.erasure.letters import shoppers_in
    from streams.kafka.reader import parse_since
    from streams.operations.dead_letters import oldest_open, whole
    from streams.operations.dead_letters import replay as put_back
    from streams.wiring.kafka import make_emitter

    settings = Settings()
    is_forgotten = forgotten_until_now(settings.state_url.get_secret_value())

    def is_wanted(seen: Any) -> bool:
        return not any(map(is_forgotten, shoppers_in(settings, seen)))

    after = parse_since(since, now=steady_now().timestamp())
    chosen, stuck = oldest_open(settings, limit=limit, topic=topic, reason=reason, since=after, is_wanted=is_wanted)
    if stuck:
        typer.echo(f"{stuck} letters cannot be replayed: their value is missing or they name another topic", err=True)
    if dry_run:
        for letter in chosen:
            typer.echo(plain(f"would replay {letter.place} ({_facts(letter)['reason']})"))
        typer.echo(f"{len(chosen)} letters would be replayed")
        return

    async def run() -> str | None:
        emitter = make_emitter(Settings(), as_it_is=True)
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("replaying", total=len(chosen))
            refused = await put_back(whole(Settings(), chosen), emitter, tell=lambda _letter: progress.advance(task))
        await emitter.aclose()
        return refused.message if refused else None

    trouble = asyncio.run(run())
    if trouble is not None:
        typer.echo(f"stopped: {trouble}. Run the same command again to continue", err=True)
        raise typer.Exit(1)
    typer.echo(f"{len(chosen)} letters replayed")


def _facts(letter: Any) -> dict[str, Any]:
    facts = letter.facts
    known = facts.model_dump() if facts else dict.fromkeys(("stage", "reason", "message", "attempts"), "unknown")
    moment = datetime.fromtimestamp(letter.seen.timestamp, UTC).isoformat(timespec="seconds")
    return {"letter": letter.place, "time": moment, "replayed": letter.replayed, **known}


def _text(data: bytes | None) -> str | None:
    return None if data is None else data.decode("utf-8", "backslashreplace")
