"""
Measures a lexicon on labelled texts: precision, recall and F1 by category, language and kind.

Pure. Knows no files and no command line.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from rules.quality.labelled import Labelled, lines_of
from rules.tagger import Tagger


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of tags that are right, wrong, and missed."""

    right: int = 0
    surplus: int = 0
    missed: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.right + other.right, self.surplus + other.surplus, self.missed + other.missed)

    @property
    def precision(self) -> float:
        """Share of the lexicon's tags that are right; 1 if there are none."""
        given = self.right + self.surplus
        return self.right / given if given else 1.0

    @property
    def recall(self) -> float:
        """Share of the wanted tags that the lexicon found; 1 if none is wanted."""
        wanted = self.right + self.missed
        return self.right / wanted if wanted else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        both = 2 * self.right + self.surplus + self.missed
        return 2 * self.right / both if both else 1.0


@dataclass(frozen=True, slots=True)
class Miss:
    """A labelled text with wrong or missed tags."""

    #: From 1, among the labelled texts.
    line: int
    labelled: Labelled
    surplus: tuple[str, ...]
    missed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Counts by category, language and kind of text, and every text with an error."""

    categories: dict[str, Counts]
    languages: dict[str, Counts]
    #: By kind: texts with exactly the right tags, and all texts.
    kinds: dict[str, tuple[int, int]]
    #: Traps with a forbidden tag, and all traps.
    traps: tuple[int, int]
    misses: tuple[Miss, ...]

    @property
    def total(self) -> Counts:
        """All categories together (micro average)."""
        return sum(self.categories.values(), Counts())


def evaluate(tagger: Tagger, labelled: Sequence[Labelled]) -> Report:
    """Tag labelled texts and compare."""
    categories: dict[str, Counts] = defaultdict(Counts)
    languages: dict[str, Counts] = defaultdict(Counts)
    right: Counter[str] = Counter()
    caught = 0
    misses: list[Miss] = []
    for number, one in enumerate(labelled, 1):
        given = {tag.id for tag in tagger.tag(lines_of(one.text)).tags}
        surplus, missed, found = _compared(tagger, one, given)
        caught += one.is_trap and any(map(one.forbids, given))
        for tags, counts in ((found, Counts(right=1)), (surplus, Counts(surplus=1)), (missed, Counts(missed=1))):
            for tag in tags:
                categories[tag.partition("/")[0]] += counts
                languages[one.lang] += counts
        right[one.kind] += not surplus and not missed
        if surplus or missed:
            misses.append(Miss(number, one, tuple(sorted(surplus)), tuple(sorted(missed))))
    of_kind = Counter(one.kind for one in labelled)
    return Report(
        dict(sorted(categories.items())),
        dict(sorted(languages.items())),
        {kind: (right[kind], of_kind[kind]) for kind in sorted(of_kind)},
        (caught, sum(one.is_trap for one in labelled)),
        tuple(misses),
    )


def _compared(tagger: Tagger, one: Labelled, given: set[str]) -> tuple[set[str], set[str], set[str]]:
    """Return the wrong tags, the missed tags, and the right tags."""
    wanted = {tag for label in one.must for tag in tagger.brought_by(label)} - set(one.acceptable)
    allowed = {tag for label in one.acceptable for tag in tagger.brought_by(label)}
    wanted = {tag for tag in wanted if not one.forbids(tag)} | set(one.must)
    surplus = {tag for tag in given - wanted if not (tag in allowed or _was_missing(tag, one)) or one.forbids(tag)}
    return surplus, wanted - given, given & wanted


def _was_missing(tag: str, one: Labelled) -> bool:
    """Return whether the text has this tag, but the lexicon lacked it when the text was labelled."""
    return tag.partition("/")[2] in one.missing
