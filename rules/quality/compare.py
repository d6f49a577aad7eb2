"""What changes between two lexicons on the same texts. Pure; knows no command line."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from rules.quality.labelled import lines_of
from rules.tagger import Tagger


class Difference(NamedTuple):
    """A text whose tags differ, with what is new and what is gone."""

    text: str
    added: tuple[str, ...]
    removed: tuple[str, ...]

    def __repr__(self) -> str:
        # Without the text: what shoppers photograph must not reach a log.
        return f"Difference(added={self.added}, removed={self.removed})"


def differences(old: Tagger, new: Tagger, texts: Iterable[str]) -> Iterator[Difference]:
    """Tag texts with both and give those whose tags differ, in their order."""
    for text in texts:
        lines = lines_of(text)
        before, after = ({tag.id for tag in tagger.tag(lines).tags} for tagger in (old, new))
        if before != after:
            yield Difference(text, tuple(sorted(after - before)), tuple(sorted(before - after)))


def examples(*taggers: Tagger) -> list[str]:
    """List every example in the taggers' lexicons, once, sorted: a corpus for want of another."""
    entries = (entry for tagger in taggers for entry in tagger.lexicon.entries.values())
    return sorted({text for entry in entries for text in (*entry.yes, *entry.no)})
