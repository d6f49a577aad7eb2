"""
Decides which names of garment parts head a composition ("Lining: 100% silk"), and which do not ("Ribbed collar").

Pure. Looks at what surrounds a name in its line; pairs nothing.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter

from rules.evidence.composition import Item, PartName
from rules.evidence.pairing import Fibre, Figure
from rules.evidence.percents import Percent
from rules.evidence.vocabulary import Vocabulary
from rules.text.match import GIVING, Match

#: A name may begin only after a mark or a figure.
_MARKS = frozenset("\n,.;:|/、。()[]【】+&>*")
#: Ends a name in such a way that what follows is about it.
_COLON = re.compile(r"[ )\]】]*:")
_LINE_END = re.compile(r"[ )\]】:]*[\n|]")
#: Separates a name from the figures before it: "100% silk (lining)".
_BESIDE = re.compile(r"[ (\[【]*")
_CLOSED = re.compile(r"[ )\]】]*[\n),;.|/。]")
#: Ends a clause; a part's name does not reach across it.
_CLAUSE = re.compile(r"[\n;。|]")
#: A part's name does not reach further than this many characters, so that the time stays linear in the line.
_FAR = 400


class PartNames:
    """The names of parts and fields in one block of lines that head a composition."""

    def __init__(self, text: str, vocabulary: Vocabulary, negated: Mapping[int, str]) -> None:
        self._text = text
        self.vocabulary = vocabulary
        self._negated = negated

    def items(self, line: Sequence[Match], percents: Sequence[Percent], *, ahead: bool, behind: bool) -> list[Item]:
        """
        Return the figures and the names of a line, in order.

        `ahead` and `behind` say whether the next line and the previous one have figures.
        """
        figures: list[Figure] = sorted([*self._fibres(line), *percents], key=attrgetter("start"))
        names = [match for match in line if match.term.kind in {"part", "field"}]
        if not names:
            return [*figures]
        starts = [figure.start for figure in figures]
        found: list[Item] = list(figures)
        for number, name in enumerate(names):
            at = bisect_left(starts, name.start)
            near = figures[max(0, at - 1) : at], figures[at : at + 4]
            item = self._name(name, near, names[number + 1 : number + 2], ahead=ahead, behind=behind)
            if item is not None and not (item.part is None and self._goes_on(name, names[max(0, number - 1) : number])):
                found.append(item)
        return sorted(found, key=attrgetter("start"))

    def _fibres(self, line: Sequence[Match]) -> Iterator[Fibre]:
        vocabulary = self.vocabulary
        for start, stop, term in line:
            if term.kind in GIVING and start not in self._negated:
                code = vocabulary.in_composition.get(term.owner)
                if code is not None:
                    yield Fibre(start, stop, code, vocabulary.entries[code].weave)

    def _goes_on(self, field: Match, before: Sequence[Match]) -> bool:
        """Return whether a field name belongs to the part before it: "里料成分", "lining material"."""
        last = before[-1] if before else None
        return last is not None and last.term.kind == "part" and not self._text[last.stop : field.start].strip(" :()")

    def _name(
        self,
        name: Match,
        near: tuple[Sequence[Figure], Sequence[Figure]],
        following: Sequence[Match],
        *,
        ahead: bool,
        behind: bool,
    ) -> PartName | None:
        """Parse a name, given the figures before and after it and the name that follows; None if it is no heading."""
        start, stop, term = name
        text = self._text
        part = term.owner if term.kind == "part" else None
        stop = self.vocabulary.past_ending(text, stop)
        before = near[0][0] if near[0] else None
        after = near[1][0] if near[1] else None
        clause = _CLAUSE.search(text, stop, stop + _FAR)
        end = clause.start() if clause else stop + _FAR
        announces = after is not None and after.start < end
        listed = bool(following) and not text[stop : following[0].start].strip(" /,&+:()")
        if start in self._negated or (part is not None and self._describes(part, near[1], end)):
            return None
        beside = before is not None and _BESIDE.fullmatch(text, before.stop, start) is not None
        trails = part is not None and not self.vocabulary.parts[part].leads
        if trails and beside and not announces and _CLOSED.match(text, stop):
            return PartName(start, stop, part, trailing=True)
        if _COLON.match(text, stop):
            heads = announces or listed or not text[stop:end].strip(" :)]】")
        elif self._announced(stop, near[1]):
            heads = True
        else:
            begins = text[start - 1 - (text[start - 1] == " ")] in _MARKS
            begins = begins or (before is not None and not text[before.stop : start].strip(" "))
            heads = begins and (listed or _LINE_END.match(text, stop) is not None)
        own_line = before is None and after is None
        trailing = own_line and behind and not ahead and trails
        return PartName(start, stop, part, trailing=trailing) if heads else None

    def _describes(self, part: str, figures: Sequence[Figure], end: int) -> bool:
        """Return whether a visible part has only a knit or finish: "Collar: ribbed"."""
        if not self.vocabulary.parts[part].shows:
            return False
        said = [figure for figure in figures if figure.start < end]
        return bool(said) and all(isinstance(figure, Fibre) and figure.weave for figure in said)

    def _announced(self, stop: int, figures: Sequence[Figure]) -> bool:
        """Return whether a percentage, or a fibre with one, follows directly after a name."""
        for figure in figures:
            gap = self._text[stop : figure.start]
            if "|" in gap or not self.vocabulary.is_filled(gap):
                return False
            if isinstance(figure, Percent):
                return True
            stop = figure.stop
        return False
