"""`hangtag retag`: updates the tags of kept uploads after a change of the lexicon."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.table import Column, Table

from schemas.steady_clock import now as steady_now
from streams.cli.support.search import indexed
from streams.cli.support.terminal import json_line
from streams.config.settings import Settings

if TYPE_CHECKING:
    from rules.tagger import Tagger
    from streams.operations.kept_uploads import Counts
    from streams.operations.retag import Kept
    from streams.operations.tag_changes import Change

#: Most uploads in the table; --json prints all.
_MOST_SHOWN = 100
#: Most tags in the summary.
_MOST_TAGS = 12


class Tally:
    """Counts of the uploads processed so far, and the first changes."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.changed = self.published = self.emptied = 0
        self.tags: Counter[str] = Counter()

    def add(self, change: "Change", *, published: bool) -> None:
        """Count a change, and keep the first ones for the table."""
        self.changed += 1
        self.emptied += not change.event.tags
        self.published += published
        self.tags.update(_signed(change))
        if len(self.changes) < _MOST_SHOWN:
            self.changes.append(change)


def retag(
    since: str = typer.Option(None, help="Only texts since then: an age (15m, 2h, 7d) or an RFC 3339 time."),
    shopper: str = typer.Option(None, help="Only this shopper's uploads."),
    from_partition: int = typer.Option(0, min=0, help="Start at this partition of texts, to continue a stopped run."),
    *,
    dry_run: bool = typer.Option(False, "--dry-run", help="Only show what would change, upload by upload."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object per changed upload, then one summary object."),
) -> None:
    """
    Tag the texts of the last 7 days again with the current lexicon, and publish the uploads whose tags change.

    They are published as backfill: sync corrects the profiles, and no flow starts. Safe to interrupt and to repeat.

    Reads one partition after the other, so it needs the same memory however many uploads there are.
    """
    from streams.erasure.guard import forgotten_until_now
    from streams.kafka.reader import parse_since
    from streams.operations.retag import Kept
    from streams.wiring.rules import make_tagger

    settings = Settings()
    is_forgotten = forgotten_until_now(settings.state_url.get_secret_value())
    tagger = make_tagger(settings)
    with indexed(settings) as index:
        kept = Kept(settings, parse_since(since, now=steady_now().timestamp()), shopper, is_forgotten, index)
        run = Run(kept, tagger, dry_run=dry_run, as_json=as_json)
        trouble = run.all_parts(from_partition)
    summary = _summary(run.counts, tagger, run.tally, dry_run=dry_run)
    if as_json:
        typer.echo(json.dumps(summary))
    else:
        _print(settings, summary, run.tally)
    if trouble is not None:
        option = "" if run.part is None else f" with --from-partition {run.part}"
        typer.echo(f"stopped: {trouble}. To continue, run the same command again{option}", err=True)
        raise typer.Exit(130 if trouble == "interrupted" else 1)


class Run:
    """One run of the command: its current partition, and its results."""

    def __init__(self, kept: "Kept", tagger: "Tagger", *, dry_run: bool, as_json: bool) -> None:
        from streams.operations.kept_uploads import Counts

        self._kept, self._tagger, self._dry_run, self._as_json = kept, tagger, dry_run, as_json
        self.tally, self.counts = Tally(), Counts()
        #: The current partition; None if all are read at once.
        self.part: int | None = None

    def all_parts(self, first: int) -> str | None:
        """
        Process the partitions from `first` on; return why it stopped early, or None.

        Raises:
            UnreadableTopicError: A topic is missing, or no broker responds; nothing was processed.

        """
        past, parts = self._kept.committed(), self._kept.parts()
        if parts == [None] and self._kept.shopper is None:
            typer.echo(
                "reading all partitions together: the topics of texts and tags have different numbers of partitions,"
                " or got more partitions after their oldest messages were written",
                err=True,
            )
        for part in parts:
            if part is None or part >= first or self._kept.shopper is not None:
                self.part = part
                trouble = self._one_part(part, past)
                if trouble is not None:
                    return trouble
        return None

    def _one_part(self, part: int | None, past: dict[int, int]) -> str | None:
        from streams.config.settings import UnusableError
        from streams.kafka.reader import UnreadableTopicError
        from streams.operations.retag import find_changes, read_uploads
        from streams.wiring.clock import now

        place = "" if part is None else f" partition {part}"
        try:
            with _progress() as progress:
                reading = progress.add_task(f"reading{place}", total=None)
                uploads = read_uploads(self._kept, part, past, tell=lambda: progress.advance(reading))
            with uploads, Progress(console=Console(stderr=True), transient=True) as progress:
                counts = uploads.counts(self._tagger.lexicon.version)
                self.counts += counts
                task = progress.add_task(f"tagging{place}", total=counts.to_tag)
                found = find_changes(self._kept, part, uploads, self._tagger, now=now)
                return self._each(found, lambda: progress.advance(task))
        except KeyboardInterrupt:
            return "interrupted"
        except (UnreadableTopicError, UnusableError) as error:
            return str(error)

    def _each(self, found: Iterator["Change | None"], advance: Callable[[], None]) -> str | None:
        from streams.operations.retag import publish
        from streams.wiring.kafka import make_emitter

        def tell(change: "Change | None") -> None:
            advance()
            if change is not None:
                self.tally.add(change, published=not self._dry_run)
                if self._as_json:
                    typer.echo(json_line(_facts(change)))

        async def run() -> str | None:
            settings = self._kept.settings
            emitter = make_emitter(settings)
            try:
                refused = await publish(found, settings, emitter, tell=tell)
            finally:
                await emitter.aclose()
            return refused.message if refused else None

        if not self._dry_run:
            return asyncio.run(run())
        for change in found:
            tell(change)
        return None


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.completed} messages"),
        console=Console(stderr=True),
        transient=True,
    )


def _summary(counts: "Counts", tagger: "Tagger", tally: Tally, *, dry_run: bool) -> dict[str, Any]:
    return {
        "uploads": counts.uploads,
        "changed": tally.changed,
        "published": tally.published,
        "without_a_tag_left": tally.emptied,
        "left_to_the_tag_stage": counts.waiting,
        "tags": dict(tally.tags.most_common()),
        "lexicon_version": tagger.lexicon.version,
        "dry_run": dry_run,
    }


def _print(settings: Settings, summary: dict[str, Any], tally: Tally) -> None:
    if summary["dry_run"] and tally.changes:
        upload, shopper = (Column(name, overflow="fold") for name in ("upload", "shopper"))
        table = Table(upload, shopper, "uploaded", Column("tags", no_wrap=True), "lexicon before")
        for change in tally.changes:
            when = change.uploaded_at.strftime("%m-%d %H:%M")
            cells = (change.upload_id, change.shopper_id, when, "\n".join(_signed(change)), change.before or "no tags")
            table.add_row(*map(escape, cells))
        Console().print(table)
        more = tally.changed - len(tally.changes)
        if more:
            typer.echo(f"and {more} more: --json prints all")
    own = f" and the files in {settings.lexicon}" if settings.lexicon is not None else ""
    typer.echo(f"lexicon {summary['lexicon_version']} (the included files{own})")
    typer.echo(f"{summary['uploads']} uploads read")
    for sign, count in tally.tags.most_common(_MOST_TAGS):
        typer.echo(f"  {sign}  {count}")
    done = "would change" if summary["dry_run"] else f"changed, {tally.published} published"
    typer.echo(f"{tally.changed} {done}" if tally.changed else "no upload's tags change")
    if tally.emptied:
        typer.echo(f"{tally.emptied} of these have no tag with this lexicon")
    if summary["left_to_the_tag_stage"]:
        typer.echo(f"{summary['left_to_the_tag_stage']} are left to the tag stage, which has not tagged them yet")


def _facts(change: "Change") -> dict[str, Any]:
    return {
        "upload_id": change.upload_id,
        "shopper_id": change.shopper_id,
        "uploaded_at": change.uploaded_at.isoformat(),
        "added": change.added,
        "removed": change.removed,
        "altered": change.altered,
        "lexicon_before": change.before,
    }


def _signed(change: "Change") -> list[str]:
    """Return a change as lines: + added, - removed, ~ changed share, its certainty or label."""
    signs = {"+": change.added, "-": change.removed, "~": change.altered}
    return [f"{sign} {tag}" for sign, tags in signs.items() for tag in tags]
