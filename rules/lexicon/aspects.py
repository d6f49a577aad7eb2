"""The aspects that a look at the picture may return, each with a closed list of values. Pure data."""

from collections.abc import Iterable, Iterator
from typing import Literal

from pydantic import Field

from rules.lexicon.entries import Data, Entry

#: Categories whose tags may be seen in a picture. Materials, sizes, care, claims and names are only read from text.
SEEABLE = frozenset({"category", "colour", "pattern", "style", "occasion", "scene"})


class Aspect(Data):
    """One question about a garment, or about the whole picture."""

    name: str
    of: Literal["garment", "picture"]
    #: Minimum score: a value with a lower score gives no tag.
    least: float = Field(ge=0, le=1)


def values_of(aspect: str, entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield the entries that are values of an aspect."""
    return (entry for entry in entries if entry.seen and aspect_of(entry) == aspect)


def aspect_of(entry: Entry) -> str:
    """Return the aspect of an entry: its category, unless the entry names another."""
    return entry.aspect or entry.category


def fault_of(entry: Entry, aspects: Iterable[str]) -> str | None:
    """Return what is wrong with an entry's settings for seen values; None if nothing is."""
    if not entry.seen:
        return "'aspect' and 'description' need seen = true" if entry.aspect or entry.description else None
    if entry.category not in SEEABLE:
        return f"a {entry.category} is never seen, only read; remove 'seen'"
    if entry.description is None:
        return "'description' is missing: say in a few English words what the picture shows"
    if aspect_of(entry) not in aspects:
        return f"there is no aspect '{aspect_of(entry)}'; write aspect = \"...\" with one that look.toml has"
    return None
