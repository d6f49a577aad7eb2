"""
What a look at the picture proves: which of its values give tags, and why the others do not. Pure.

A picture proves less than text does: it speaks of what it shows, never of what a garment is made of, and where text
names another value of the same aspect, the text counts.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from rules.lexicon.aspects import SEEABLE, aspect_of
from rules.lexicon.load import Lexicon
from schemas.events import BBox, SeenValue

#: Why a value gives no tag. `not-seeable`: the lexicon has no such value. `unsure`: it scores below its aspect's
#: least. `text-disagrees`: text names another value of the aspect.
Reason = Literal["not-seeable", "unsure", "text-disagrees"]


class Sighting(NamedTuple):
    """One value that a look chose, judged."""

    tag: str
    bbox: BBox
    score: float
    #: Why it gives no tag; None if it gives one.
    reason: Reason | None


class Sights:
    """A lexicon's aspects, made ready to judge what was seen."""

    def __init__(self, lexicon: Lexicon, brought: Mapping[str, Sequence[str]]) -> None:
        """Take the lexicon, and the tags that come with each tag."""
        entries = lexicon.entries
        least = {aspect.name: aspect.least for aspect in lexicon.aspects}
        self._aspects = {entry.id: aspect_of(entry) for entry in entries.values() if entry.category in SEEABLE}
        self._least = {one.id: least[aspect_of(one)] for one in entries.values() if one.seen}
        #: The tags that a seen value gives, itself first: denim is a material, so that seen jeans do not bring it.
        self.brought = {
            tag: tuple(one for one in brought[tag] if entries[one].category in SEEABLE) for tag in self._least
        }

    def judge(self, values: Iterable[SeenValue], read: Collection[str]) -> tuple[Sighting, ...]:
        """Judge the values of one look, beside the tags that were read in the same photo."""
        named: dict[str, set[str]] = {}
        for tag in read:
            if tag in self._aspects:
                named.setdefault(self._aspects[tag], set()).add(tag)
        return tuple(Sighting(one.tag, one.bbox, one.score, self._reason(one, named)) for one in values)

    def _reason(self, value: SeenValue, named: Mapping[str, set[str]]) -> Reason | None:
        tag = value.tag
        if tag not in self._least:
            return "not-seeable"
        if value.score < self._least[tag]:
            return "unsure"
        read = named.get(self._aspects[tag], set())
        # What brings a tag that was read is the same, more exactly; what such a tag brings has been read with it.
        return "text-disagrees" if read and read.isdisjoint(self.brought[tag]) else None
