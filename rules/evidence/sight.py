"""
Decides which values seen in a picture give tags, and why the others do not. Pure.

A picture proves less than text: it shows how a garment looks, not what it is made of. If text names another value of
the same aspect, the text counts.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from rules.lexicon.aspects import SEEABLE, aspect_of
from rules.lexicon.load import Lexicon
from schemas.events import BBox, SeenValue

#: Why a value gives no tag. `not-seeable`: the lexicon has no such value, or its aspect is switched off.
#: `unsure`: its score is below its aspect's minimum. `text-disagrees`: text names another value of the aspect.
Reason = Literal["not-seeable", "unsure", "text-disagrees"]


class Sighting(NamedTuple):
    """One seen value, with the decision about it."""

    tag: str
    bbox: BBox
    score: float
    #: Why it gives no tag; None if it gives one.
    reason: Reason | None


class Sights:
    """A lexicon's aspects, prepared for decisions about seen values."""

    def __init__(self, lexicon: Lexicon, brought: Mapping[str, Sequence[str]]) -> None:
        """Prepare a lexicon's aspects; `brought` has the tags that each tag implies."""
        entries = lexicon.entries
        least = {aspect.name: aspect.least for aspect in lexicon.aspects}
        self._aspects = {entry.id: aspect_of(entry) for entry in entries.values() if entry.category in SEEABLE}
        #: The minimum score of each value. The values of an aspect that is switched off are not among them.
        self._least = {
            one.id: least[aspect_of(one)] for one in entries.values() if one.seen and aspect_of(one) in least
        }
        #: The tags that a seen value gives, itself first. A material is not among them: seen jeans do not imply denim.
        self.brought = {
            tag: tuple(one for one in brought[tag] if entries[one].category in SEEABLE) for tag in self._least
        }

    def judge(self, values: Iterable[SeenValue], read: Collection[str]) -> tuple[Sighting, ...]:
        """Decide about the values of one look, given the tags read from text in the same photo."""
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
        # Text agrees with a value that implies a read tag, and with one that a read tag implies: `read` has that one.
        return "text-disagrees" if read and read.isdisjoint(self.brought[tag]) else None
