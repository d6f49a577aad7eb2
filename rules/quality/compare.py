"""Compares the tags of two lexicons on the same texts. Pure; knows no command line."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from rules.quality.labelled import lines_of
from rules.tagger import Tagger


class Difference(NamedTuple):
    """A text whose tags differ, with the added and the removed ones."""

    text: str
    added: tuple[str, ...]
    removed: tuple[str, ...]

    def __repr__(self) -> str:
        # Omit the text, because shoppers' text must not reach a log.
        return f"Difference(added={self.added}, removed={self.removed})"


def differences(old: Tagger, new: Tagger, texts: Iterable[str]) -> Iterator[Difference]:
    """Tag texts with both and yield those whose tags differ, in their order."""
    for text in texts:
        lines = lines_of(text)
        before, after = ({tag.id for tag in tagger.tag(lines).tags} for tagger in (old, new))
        if before != after:
            yield Difference(text, tuple(sorted(after - before)), tuple(sorted(before - after)))


def examples(*taggers: Tagger) -> list[str]:
    """Return every example in the taggers' lexicons, sorted without duplicates: a corpus if there is no other."""
    entries = (entry for tagger in taggers for entry in tagger.lexicon.entries.values())
    return sorted({text for entry in entries for text in (*entry.yes, *entry.no)})
