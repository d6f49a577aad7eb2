"""
Collects what surrounds the words on a page: negations, percentages, garment parts, field names.

Pure. Other modules decide what it means.
"""

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from rules.evidence.composition import Composition, Item, PartName, Share, compositions_in
from rules.evidence.parts import PartNames
from rules.evidence.percents import Percent, percents_in
from rules.evidence.prose import lone_words
from rules.evidence.vocabulary import MATERIAL, Vocabulary
from rules.text.match import Match
from rules.text.page import Page

#: The text that may stand between the name of a part and its fabric: "lining in silk".
_CONSISTS = re.compile(
    r" ?(?:(?:in|of|en|de|di|aus|van|av|af|z|ze|din|из|з) (?:an? |the |la |le |una? |une )?)?|采用|选用|使用|是|为"
)
#: The text that may stand between a fabric and the part made of it: "silk blend lining".
_MIXED = re.compile(r"\s*(?:(?:blend|mix)\s)?")
#: The text that may stand between "lined with" and a word about the lining, or between two such words.
_INSIDE = re.compile(r" (?:(?!(?:with|and|in|on|or|of|at|by|to|for|from|has|plus) )[a-z]+ ){0,2}")
#: The text between a tag's word that names a part and its fabric: "fully lined with silk".
_LEADS = re.compile(" (?:with|in)(?= )")
#: The category of garments.
_GARMENT = "category"
#: What an inner fabric takes from the garment.
_LOOK = frozenset((MATERIAL, "colour", "pattern"))
#: Kinds of matches that may name a part.
_NAMING = ("part", "field")


@dataclass(slots=True)
class Cues:
    """What the surroundings of a match say about it, by the position where the match starts."""

    #: For each negated word, the name of its negation.
    negated: dict[int, str] = field(default_factory=dict)
    #: Materials with a percentage.
    shares: dict[int, Share] = field(default_factory=dict)
    #: The compositions of the shares, in reading order.
    compositions: list[Composition] = field(default_factory=list)
    #: Garment parts that words are about: materials listed under a part, and the look of an inner fabric.
    parts: dict[int, str] = field(default_factory=dict)
    #: Words that give no tag, because they are the only product word of their line.
    lone: set[int] = field(default_factory=set)
    #: Materials announced by a field name or a garment part ("成分: 棉").
    announced: set[int] = field(default_factory=set)


def cues_on(page: Page, vocabulary: Vocabulary, lines: Mapping[int, Sequence[Match]]) -> Cues:
    """Collect the cues of a page's matches, given in their order by line number, block by block."""
    cues = Cues(lone=set(lone_words(page, lines, vocabulary.in_company, vocabulary.telling)))
    percents = page.by_line(_of_compositions(page.text, lines))
    for first, after in pairwise(page.blocks):
        numbers = [number for number in range(first, after) if number in lines or number in percents]
        block = [match for number in numbers for match in lines.get(number, ())]
        names = [match for match in block if match.term.kind in _NAMING]
        parts = [match for match in names if match.term.kind == "part"]
        if block:
            cues.negated |= vocabulary.negations.negated(page.text, block, page.gaps)
        if names:
            cues.announced |= _announced(page.text, vocabulary, block)
        if parts or any(number in percents for number in numbers):
            items = _items(PartNames(page.text, vocabulary, cues.negated), numbers, lines, percents)
            compositions, listed = compositions_in(
                items,
                lambda one, other: vocabulary.fits(page.text, one, other),
                lambda one, other: vocabulary.fits_loosely(page.text, one, other),
            )
            cues.compositions += compositions
            cues.shares |= {share.fibre.start: share for one in compositions for share in one.shares}
            cues.parts |= listed
        if parts:
            cues.parts |= _beside_part(page.text, vocabulary, block, cues.shares)
        if not vocabulary.leads.keys().isdisjoint([match.term.owner for match in block]):
            cues.parts |= _behind_part(page.text, vocabulary, block)
    return cues


def _items(
    names: PartNames,
    numbers: Sequence[int],
    lines: Mapping[int, Sequence[Match]],
    percents: Mapping[int, Sequence[Percent]],
) -> dict[int, list[Item]]:
    """Return the figures and the names of parts by line, without lines that have none."""
    items: dict[int, list[Item]] = {}
    for number in _of_labels(numbers, lines, percents, names.vocabulary.in_composition):
        found = names.items(
            lines.get(number, ()),
            percents.get(number, ()),
            ahead=number + 1 in percents,
            behind=any(not isinstance(item, PartName) for item in items.get(number - 1, ())),
        )
        if found:
            items[number] = found
    return items


def _of_labels(
    numbers: Sequence[int],
    lines: Mapping[int, Sequence[Match]],
    percents: Mapping[int, Sequence[Percent]],
    fibres: Container[str],
) -> list[int]:
    """List the lines with percentages or names of parts, and those with fibres above and below them."""
    kept = {
        number for number in numbers if number in percents or any(match.term.kind in _NAMING for match in lines[number])
    }
    for order, step in ((numbers, 1), (numbers[::-1], -1)):
        for number in order:
            if number - step in kept and any(match.term.owner in fibres for match in lines.get(number, ())):
                kept.add(number)
    return sorted(kept)


def _beside_part(
    text: str, vocabulary: Vocabulary, block: Sequence[Match], shares: Mapping[int, Share]
) -> dict[int, str]:
    """Return the materials without a percentage that a part is of: "mesh lining", "doublure en soie", "里料棉"."""
    found: dict[int, str] = {}
    named = False
    for one, other in pairwise([match for match in block if match.term.kind != "trade"]):
        part, fibre = (one, other) if one.term.kind == "part" else (other, one)
        if part.term.kind != "part" or vocabulary.parts[part.term.owner].leads:
            named = False
            continue
        gap = text[one.stop : other.start]
        if part is one:
            beside = _CONSISTS.fullmatch(gap) is not None
            named = beside or not gap.strip(" :")
        else:
            # "羊毛里料" means a lining of wool. After the name of another part it does not: "面料羊毛里料聚酯纤维".
            beside = _MIXED.fullmatch(gap) is not None and (gap == "" or text[one.stop - 1].isascii()) and not named
            named = False
        if beside and fibre.term.owner in vocabulary.fibres and fibre.start not in shares:
            found[fibre.start] = part.term.owner
    return found


def _behind_part(text: str, vocabulary: Vocabulary, block: Sequence[Match]) -> dict[int, str]:
    """Return the words about an inner fabric that is named before them: "lined with soft red silk and cashmere"."""
    found: dict[int, str] = {}
    part: str | None = None
    reached = 0
    for match in block:
        owner = match.term.owner
        if match.term.kind == "part":
            part = vocabulary.leads.get(owner)
        elif owner in vocabulary.leads and (leads := _LEADS.match(text, match.stop)):
            part, reached = vocabulary.leads[owner], leads.end()
            continue
        elif match.term.kind == "trade":
            continue
        elif part is not None:
            gap = text[reached : match.start]
            looks = not _LOOK.isdisjoint(match.term.categories)
            if _GARMENT in match.term.categories or not (_INSIDE.fullmatch(gap) or (looks and gap == " and ")):
                part = None
            elif looks:
                found[match.start] = part
        reached = match.stop
    return found


def _of_compositions(text: str, lines: Mapping[int, Sequence[Match]]) -> list[Percent]:
    """Return the percentages that are not discounts: without a promotion word next to them."""
    promotions = [match for line in lines.values() for match in line if match.term.kind == "ignored"]
    begins = {match.start for match in promotions}
    ends = {match.stop for match in promotions}

    def beside(percent: Percent) -> bool:
        before = percent.start - (text[percent.start - 1] == " ")
        behind = percent.stop + (text[percent.stop] == " ")
        return before in ends or behind in begins

    return [percent for percent in percents_in(text) if not beside(percent)]


def _announced(text: str, vocabulary: Vocabulary, block: Sequence[Match]) -> set[int]:
    """Return the materials in the list after a field name or a garment part."""
    found = set()
    reached: int | None = None
    for start, stop, term in block:
        if term.kind in _NAMING:
            reached = stop
        elif reached is not None and vocabulary.is_list(text[reached:start]) and term.owner in vocabulary.fibres:
            found.add(start)
            reached = stop
        else:
            reached = None
    return found
