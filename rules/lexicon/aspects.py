"""What a look at the picture may tell: aspects, and the closed list of values that each may have. Pure data."""

from collections.abc import Iterable, Iterator
from typing import Literal

from pydantic import Field

from rules.lexicon.entries import Data, Entry

#: Categories whose tags a picture may show. Materials, sizes, care, claims and names are only ever read.
SEEABLE = frozenset({"category", "colour", "pattern", "style", "occasion", "scene"})


class Aspect(Data):
    """One question about a garment, or about the whole picture."""

    name: str
    of: Literal["garment", "picture"]
    #: A value that scores less gives no tag.
    least: float = Field(ge=0, le=1)


def values_of(aspect: str, entries: Iterable[Entry]) -> Iterator[Entry]:
    """List the entries that are values of an aspect."""
    return (entry for entry in entries if entry.seen and aspect_of(entry) == aspect)


def aspect_of(entry: Entry) -> str:
    """Name the aspect that an entry is a value of; its category, unless the entry names another."""
    return entry.aspect or entry.category


def fault_of(entry: Entry, aspects: Iterable[str]) -> str | None:
    """Say what is wrong with how an entry may be seen, if anything."""
    if not entry.seen:
        return "'aspect' and 'description' need seen = true" if entry.aspect or entry.description else None
    if entry.category not in SEEABLE:
        return f"a {entry.category} is never seen, only read; take 'seen' away"
    if entry.description is None:
        return "'description' is missing: say in a few English words what the picture shows"
    if aspect_of(entry) not in aspects:
        return f"there is no aspect '{aspect_of(entry)}'; write aspect = \"...\" with one that look.toml has"
    return None
