"""
Measures how many composition lines are read with every share right.

Pure. Looks up fibre names of such a line in the lexicon: the words of entries of the category material.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rules.evidence.vocabulary import MATERIAL
from rules.lexicon.load import Lexicon
from rules.quality.evaluate import Counts
from rules.quality.labelled import Composed, lines_of
from rules.tagger import Tagger
from rules.text.normalize import normal_words


@dataclass(frozen=True, slots=True)
class WrongShares:
    """A composition line whose shares were read wrong."""

    composed: Composed
    wanted: dict[str, float]
    given: dict[str, float]


@dataclass(frozen=True, slots=True)
class CompositionReport:
    """Counts of the lines about one component, of those that are right, and of the fibres found on them."""

    right: int
    lines: int
    fibres: Counts
    given_shares: int
    wrong_shares: int
    misses: tuple[WrongShares, ...]


def evaluate_compositions(tagger: Tagger, composed: Sequence[Composed]) -> CompositionReport:
    """Tag the lines about one component, and compare their shares."""
    names = _fibre_names(tagger.lexicon)
    single = [one for one in composed if len(one.components) == 1]
    fibres = Counts()
    given_shares = wrong_shares = 0
    misses: list[WrongShares] = []
    for one in single:
        (component,) = one.components.values()
        wanted: dict[str, float] = {}
        for name, value in zip(normal_words(list(component)), component.values(), strict=True):
            tag = names.get(name, f"{MATERIAL}/unknown")
            wanted[tag] = wanted.get(tag, 0.0) + value
        tags = tagger.tag(lines_of(one.text)).tags
        given = {tag.id: tag.share for tag in tags if tag.share is not None}
        sure = {tag.id for tag in tags if not tag.share_unsure}
        found = {tag.id for tag in tags if tag.category == MATERIAL and not tagger.lexicon.entries[tag.id].weave}
        brought = {tag for material in wanted for tag in tagger.brought_by(material)}
        fibres += Counts(len(found & wanted.keys()), len(found - brought), len(wanted.keys() - found))
        given_shares += len(given.keys() & sure)
        wrong_shares += sum(
            share != wanted.get(tag)
            for tag, share in given.items()
            if tag in sure and (tag in wanted or tag not in brought)
        )
        if {tag: given.get(tag) for tag in wanted} != wanted:
            misses.append(WrongShares(one, wanted, given))
    return CompositionReport(len(single) - len(misses), len(single), fibres, given_shares, wrong_shares, tuple(misses))


def _fibre_names(lexicon: Lexicon) -> dict[str, str]:
    """Return the tag of every normalized name of a material."""
    named = [
        (word, entry.id)
        for entry in lexicon.entries.values()
        if entry.category == MATERIAL
        for word in (*entry.words, *entry.beside_percent)
    ]
    return dict(zip(normal_words([word for word, _ in named]), (tag for _, tag in named), strict=True))
