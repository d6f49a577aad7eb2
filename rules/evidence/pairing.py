"""
Pairs percentages with fibres next to them: "65% cotton", "cotton 65%", "cotton/polyester 65/35%".

Works on figures in the order of the text; knows no garment parts and no sums.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from rules.evidence.percents import Percent


class Fibre(NamedTuple):
    """A fibre found in `text[start:stop]`; `code` is its tag id."""

    start: int
    stop: int
    code: str
    #: A fabric, knit or finish (denim, lace), which gets a percentage only if no fibre does.
    weave: bool = False


#: Most characters between the percentages of a column: "65 / 35 %".
_APART = 4
Figure = Percent | Fibre
Pair = tuple[Fibre, Percent]
#: Returns whether nothing that matters is between two figures.
Fits = Callable[[Figure, Figure], bool]


def pairs_in(figures: Sequence[Figure], fits: Fits) -> list[Pair]:
    """Pair figures in the order that leaves the fewest single; if equal, "65% cotton" rather than "cotton 65%"."""
    if any(isinstance(figure, Fibre) and not figure.weave for figure in figures):
        figures = [figure for figure in figures if isinstance(figure, Percent) or not figure.weave]
    kinds = {type(figure) for figure in figures}
    if len(kinds) < 2:  # noqa: PLR2004 - it takes a fibre and a percentage
        return []
    columns = _columns(figures, fits)
    if columns:
        return columns
    percent_first = isinstance(figures[0], Percent) or _percent_first(figures, fits)
    one, other = (_following, _preceding) if percent_first else (_preceding, _following)
    pairs = one(figures, fits)
    if _percents(pairs) == sum(isinstance(figure, Percent) for figure in figures):
        return pairs
    others = other(figures, fits)
    return others if _percents(others) > _percents(pairs) else pairs


def _percents(pairs: Sequence[Pair]) -> int:
    """Return the number of percentages with a fibre."""
    return len({percent.start for _, percent in pairs})


def _percent_first(figures: Sequence[Figure], fits: Fits) -> bool:
    """Return whether the label writes "65% cotton" or "cotton 65%", by the first two figures that belong together."""
    for one, other in pairwise(figures):
        if type(one) is not type(other) and fits(one, other):
            return isinstance(one, Percent)
    return True


def _following(figures: Sequence[Figure], fits: Fits) -> list[Pair]:
    """Pair each percentage with the fibre that follows it, in every language in which it is repeated."""
    pairs: list[Pair] = []
    percent: Percent | None = None
    code = ""
    for one, figure in zip([None, *figures], figures, strict=False):
        if isinstance(figure, Percent):
            percent, code = figure, ""
        elif percent is not None and one is not None:
            if not code and fits(one, figure):
                code = figure.code
            elif figure.code != code:
                percent = None
                continue
            pairs.append((figure, percent))
    return pairs


def _preceding(figures: Sequence[Figure], fits: Fits) -> list[Pair]:
    """Pair each percentage with the fibre that precedes it, in every language in which it is repeated."""
    return _following(figures[::-1], fits)[::-1]


def _columns(figures: Sequence[Figure], fits: Fits) -> list[Pair]:
    """Pair "cotton/polyester 65/35%": all fibres, then as many percentages, or the other way round."""
    middle = len(figures) // 2
    if middle < 2 or len(figures) % 2 or type(figures[0]) is not type(figures[1]):  # noqa: PLR2004 - two make a column
        return []
    one, other = figures[:middle], figures[middle:]
    if not fits(one[-1], other[0]):
        return []
    fibres, percents = (one, other) if isinstance(one[0], Fibre) else (other, one)
    if any(after.start - before.stop > _APART for before, after in pairwise(percents)):
        # An unknown word stands between the percentages. It may be the fibre of the first one.
        return []
    pairs = [(f, p) for f, p in zip(fibres, percents, strict=True) if isinstance(f, Fibre) and isinstance(p, Percent)]
    return pairs if len(pairs) == middle else []
