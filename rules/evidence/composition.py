"""
Fibre compositions: which percentage belongs to which fibre, in which part of the garment, and do they add up.

Works on what was found in the text; knows no words of its own but the percent sign.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

#: What stands before a percent sign; a digit may have been read as a letter ("1OO%").
_BEFORE = re.compile(r"(?<![\w.,%])([\doil|]{1,3}(?:[.,]\d{1,2})?) ?%$")
#: Turkish labels write the sign first ("%65 pamuk").
_BEHIND = re.compile(r"%(\d{1,3}(?:[.,]\d{1,2})?)(?![\d%])")
_HUNDRED = re.compile("百分(?:之)?百")
#: The longest number before a sign, with its space.
_LONGEST = 8
_DIGITS = str.maketrans("oil|,", "0111.")
#: Percentages of one part add up to 100; labels may round each by a point or two (GB/T 29862-2013).
_WHOLE = (98.0, 102.0)


class Percent(NamedTuple):
    """A percentage found in `text[start:stop]`, 0 to 100."""

    start: int
    stop: int
    value: float
    #: Whether letters were taken for digits.
    mended: bool


class Fibre(NamedTuple):
    """A fibre found in `text[start:stop]`; `code` is its tag id."""

    start: int
    stop: int
    code: str


class PartName(NamedTuple):
    """The name of a garment part found in `text[start:stop]`; what follows it is about that part."""

    start: int
    stop: int
    part: str


Figure = Percent | Fibre
Item = Figure | PartName
Pair = tuple[Fibre, Percent]
#: Whether nothing but fillers stands in the text between two figures.
Fits = Callable[[Figure, Figure], bool]


class Share(NamedTuple):
    """A fibre with its percentage. `part` is None where the label names none."""

    fibre: Fibre
    percent: Percent
    part: str | None


def percents_in(text: str) -> Iterator[Percent]:
    """Find the percentages in a normalised text, in order. A number above 100 is none: OCR lost its point."""
    found = list(_HUNDRED.finditer(text)) if "百分" in text else []
    at = text.find("%")
    while at >= 0:
        number = _BEFORE.search(text, max(0, at - _LONGEST), at + 1) or _BEHIND.match(text, at)
        if number is not None:
            found.append(number)
        at = text.find("%", at + 1)
    for number in sorted(found, key=re.Match.start):
        digits = number[1] if number.re is not _HUNDRED else "100"
        value = float(digits.translate(_DIGITS))
        read = value == 100 or any(map(str.isdigit, digits))  # noqa: PLR2004 - "lOO%" is a number, "oil%" is none
        if read and value <= 100:  # noqa: PLR2004 - a percentage
            yield Percent(number.start(), number.end(), value, mended=any(mark in digits for mark in "oil|"))


def shares_in(lines: Mapping[int, Sequence[Item]], fits: Fits) -> tuple[list[Share], dict[int, str]]:
    """
    Bind percentages to fibres in a block of lines.

    `lines` gives the items of each line in order, by its number, ascending; lines without any are left out.
    Returns the shares, and for every fibre under a part's name, by its start, that part.
    """
    shares: list[Share] = []
    parts: dict[int, str] = {}
    part: str | None = None
    waiting: list[Figure] = []
    before = named = -1

    def bind() -> None:
        if len(waiting) > 1:
            shares.extend([Share(fibre, percent, part) for fibre, percent in _pairs(waiting, fits)])
        waiting.clear()

    for number, line in lines.items():
        if number != before + 1:
            bind()
        # A line of its own, without figures, is no longer about the part that was named lines before.
        about = named == number - 1 or any(not isinstance(item, Fibre) for item in line)
        for name, clause in _clauses(line):
            if name is not None or not _go_on(waiting, clause):
                bind()
            part = part if name is None else name.part
            waiting += clause
            if about and part is not None:
                parts |= {figure.start: part for figure in clause if isinstance(figure, Fibre)}
        before = number
        named = number if isinstance(line[-1], PartName) else named
    bind()
    return shares, parts


def _clauses(line: Sequence[Item]) -> Iterator[tuple[PartName | None, list[Figure]]]:
    """Cut a line before every name of a part."""
    name: PartName | None = None
    clause: list[Figure] = []
    for item in line:
        if isinstance(item, PartName):
            if clause or name is not None:
                yield name, clause
            name, clause = item, []
        else:
            clause.append(item)
    yield name, clause


def main_composition(shares: Iterable[Share], is_main: Callable[[str | None], bool]) -> dict[str, float]:
    """
    Percentages by fibre of what the garment mainly consists of; empty when the label contradicts itself.

    The first composition counts: languages that repeat it add nothing, a second one (a two-piece without
    part names) is another garment's. A sum below 100 means that a line was not read; one above 102 that a
    number was misread, and then none of them is trusted.
    """
    main: dict[str, float] = {}
    for share in shares:
        if not is_main(share.part) or not share.percent.value:
            continue
        known = main.get(share.fibre.code)
        if known == share.percent.value:
            continue
        if known is not None or sum(main.values()) >= _WHOLE[0]:
            break
        main[share.fibre.code] = share.percent.value
    return main if sum(main.values()) <= _WHOLE[1] else {}


def _go_on(waiting: list[Figure], clause: list[Figure]) -> bool:
    """
    Tell whether the figures of one line go on in the next.

    They do where a line that begins with a percentage ends on another one without its fibre, and where fibres
    have their percentages beside or below them.
    """
    if not waiting or not clause:
        return False
    if isinstance(waiting[0], Percent):
        return isinstance(waiting[-1], Percent) and isinstance(clause[0], Fibre)
    fibres = sum(isinstance(figure, Fibre) for figure in waiting)
    below = all(isinstance(figure, Percent) for figure in clause) and 2 * fibres > len(waiting)
    return below or (fibres == len(waiting) and all(isinstance(figure, Fibre) for figure in clause))


def _pairs(figures: list[Figure], fits: Fits) -> list[Pair]:
    """Pair the figures that stand together."""
    kinds = {type(figure) for figure in figures}
    if len(kinds) < 2:  # noqa: PLR2004 - it takes a fibre and a percentage
        return []
    return _columns(figures, fits) or _following(figures if _percent_first(figures, fits) else figures[::-1], fits)


def _percent_first(figures: list[Figure], fits: Fits) -> bool:
    """Tell whether the label writes "65% cotton" or "cotton 65%", by the first two that belong together."""
    for one, other in pairwise(figures):
        if type(one) is not type(other) and fits(one, other):
            return isinstance(one, Percent)
    return True


def _following(figures: list[Figure], fits: Fits) -> list[Pair]:
    """Give each percentage the fibre that follows it, in as many languages as it is named there."""
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


def _columns(figures: list[Figure], fits: Fits) -> list[Pair]:
    """Pair "cotton/polyester 65/35%": all the fibres, then as many percentages, or the other way round."""
    middle = len(figures) // 2
    one, other = figures[:middle], figures[middle:]
    if len(one) < 2 or len(one) != len(other) or not fits(one[-1], other[0]):  # noqa: PLR2004 - two make a column
        return []
    fibres, percents = (one, other) if isinstance(one[0], Fibre) else (other, one)
    pairs = [(f, p) for f, p in zip(fibres, percents, strict=True) if isinstance(f, Fibre) and isinstance(p, Percent)]
    return pairs if len(pairs) == middle else []
