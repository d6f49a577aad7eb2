"""
Fibre compositions: pairs percentages with fibres, by garment part, and checks whether they add up.

Works on what was found in the text; knows no words itself.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from rules.evidence.pairing import Fibre, Figure, Fits, Pair, pairs_in
from rules.evidence.percents import Percent

#: Sums that count as 100. Labels may round each percentage by a point or two (GB/T 29862-2013).
WHOLE = (98.0, 102.0)
#: Up to half a percent may be unnamed (GB/T 29862-2013).
_ROUNDED = 0.5


class PartName(NamedTuple):
    """
    The name of a garment part, found in `text[start:stop]`; `part` is None for a field name ("成分:").

    What follows belongs to that part, or what precedes if it is `trailing` ("100% viscose (lining)").
    """

    start: int
    stop: int
    part: str | None
    trailing: bool = False


Item = Figure | PartName


class Share(NamedTuple):
    """A fibre with its percentage."""

    fibre: Fibre
    percent: Percent


class Composition(NamedTuple):
    """Shares that belong together. `part` is None if the label names none."""

    part: str | None
    shares: tuple[Share, ...]

    @property
    def empty(self) -> bool:
        """Return whether all its shares are 0 %."""
        return not any(share.percent.value for share in self.shares)

    @property
    def by_fibre(self) -> dict[str, float]:
        """The percentage of each fibre. A share repeated in another language counts once; two different ones add up."""
        said = dict.fromkeys((share.fibre.code, share.percent.value) for share in self.shares if share.percent.value)
        found: dict[str, float] = {}
        for code, value in said:
            found[code] = found.get(code, 0.0) + value
        return found

    @property
    def believable(self) -> bool:
        """Whether the percentages may be right: their sum is at most 100."""
        return sum(self.by_fibre.values()) <= WHOLE[1]

    @property
    def exact(self) -> bool:
        """Whether the percentages add up to 100. One misread figure changes the sum by a point or more."""
        return abs(sum(self.by_fibre.values()) - 100) <= _ROUNDED

    @property
    def whole(self) -> bool:
        """Whether the percentages add up to about 100."""
        return WHOLE[0] <= sum(self.by_fibre.values()) <= WHOLE[1]


def compositions_in(
    lines: Mapping[int, Sequence[Item]], fits: Fits, fits_loosely: Fits
) -> tuple[list[Composition], dict[int, str]]:
    """
    Pair percentages with fibres in a block of lines.

    Args:
        lines: The items of each line in order, by line number, ascending; lines without items are omitted.
        fits: Whether a percentage and a fibre belong together.
        fits_loosely: Whether they may belong together.

    Returns:
        The compositions, and the garment part of every fibre that is under a part's name, by the fibre's start.

    """
    sections = _Sections(fits, fits_loosely)
    before = named = -1
    for number, line in lines.items():
        if number != before + 1:
            sections.bind()
        # A name covers its own line and the next, and further lines only if they contain a percentage or a name.
        about = named == number - 1 or any(not isinstance(item, Fibre) for item in line)
        clause: list[Figure] = []
        for item in line:
            if isinstance(item, PartName):
                sections.add(clause, about=about)
                clause = []
                sections.name(item)
            else:
                clause.append(item)
        sections.add(clause, about=about)
        before = number
        named = number if isinstance(line[-1], PartName) else named
    sections.bind()
    return sections.compositions, sections.parts


class _Building:
    """A composition that is not complete."""

    def __init__(self, part: str | None) -> None:
        self.part = part
        self.shares: list[Share] = []
        self._said: set[tuple[str, float]] = set()
        self._total = 0.0

    def add(self, share: Share) -> None:
        """Add a share, or its repetition in another language."""
        said = (share.fibre.code, share.percent.value)
        if said not in self._said:
            self._said.add(said)
            self._total += share.percent.value
        self.shares.append(share)

    def takes(self, code: str, value: float) -> bool:
        """Return whether a percentage can belong to this composition; a repeated fibre only if the sum allows it."""
        has_room = self._total + value <= WHOLE[1]
        return has_room or (self._total < WHOLE[0] and all(code != known for known, _ in self._said))


class _Sections:
    """The compositions of a block in order. A part's name, or a sum of 100, ends one and begins the next."""

    def __init__(self, fits: Fits, fits_loosely: Fits) -> None:
        self.parts: dict[int, str] = {}
        self._building: list[_Building] = []
        self._fits = fits
        self._fits_loosely = fits_loosely
        self._part: str | None = None
        self._waiting: list[Figure] = []
        #: Index of the first composition of the section.
        self._first = 0
        #: The section's compositions, by the share of each fibre.
        self._known: dict[tuple[str, float], _Building] = {}
        #: Starts of the fibres since the last name.
        self._fibres: list[int] = []

    @property
    def compositions(self) -> list[Composition]:
        """The compositions so far."""
        return [Composition(one.part, tuple(one.shares)) for one in self._building]

    def name(self, name: PartName) -> None:
        """Begin a section, or name the composition that has just ended."""
        self.bind()
        # A section that has a name and one composition is complete, so this name begins the next section.
        owned = self._part is not None and len(self._building) - self._first == 1
        if not name.trailing or owned:
            self._part = name.part
            self._first = len(self._building)
            self._known = {}
            self._fibres = []
        elif name.part is not None:
            last = self._building[-1] if len(self._building) > self._first else None
            starts = [] if last is None else [share.fibre.start for share in last.shares]
            if not starts or self._fibres[-1] not in starts:
                # In a sentence ("Coat in a wool blend. Satin lining.") the name only takes the fabric right before it.
                last, starts = None, self._fibres[-1:]
            self.parts |= dict.fromkeys(starts, name.part)
            if last is not None:
                last.part = name.part
                self._first = len(self._building)
                self._known = {}

    def add(self, clause: list[Figure], *, about: bool) -> None:
        """Add figures of one clause. `about`: they belong to the part that was named last."""
        if not clause:
            return
        if not _go_on(self._waiting, clause):
            self.bind()
        self._waiting += clause
        starts = [figure.start for figure in clause if isinstance(figure, Fibre)]
        self._fibres += starts
        if about and self._part is not None:
            self.parts |= dict.fromkeys(starts, self._part)

    def bind(self) -> None:
        """Pair the waiting figures."""
        if len(self._waiting) > 1:
            for pair in self._best_pairs(self._waiting):
                self._put(Share(*pair))
        self._waiting = []

    def _best_pairs(self, figures: list[Figure]) -> list[Pair]:
        """Return the pairs of figures. Across unknown words, and with guessed signs, only if they add up to a whole."""
        strict = pairs_in(figures, self._fits)
        if _adds_up(strict):
            return strict
        loose = pairs_in(figures, self._fits_loosely)
        if _adds_up(loose):
            return loose
        return [pair for pair in strict if not pair[1].mended]

    def _put(self, share: Share) -> None:
        """Add a share to the composition that it continues or repeats in another language, or to a new one."""
        code, value = share.fibre.code, share.percent.value
        known = self._known.get((code, value))
        if known is None:
            last = self._building[-1] if len(self._building) > self._first else None
            if last is None or not last.takes(code, value):
                last = _Building(self._part)
                self._building.append(last)
            known = self._known[code, value] = last
        known.add(share)


def main_composition(compositions: Iterable[Composition], is_main: Callable[[str | None], bool]) -> Composition | None:
    """
    Return the composition of the main material: the first one of a main part, or without a part.

    A second one (a two-piece, an unnamed lining) belongs to another garment. But if the first does not add up, one
    that repeats its fibres in another language and does add up is better.
    """
    main = [one for one in compositions if is_main(one.part) and not one.empty]
    if not main:
        return None
    first = main[0]
    fibres = first.by_fibre.keys()
    return first if first.whole else next((one for one in main if one.whole and fibres <= one.by_fibre.keys()), first)


def _adds_up(pairs: Sequence[Pair]) -> bool:
    """Return whether pairs add up to one whole after another."""
    total, known = 0.0, dict[str, float]()
    for fibre, percent in pairs:
        if known.get(fibre.code) == percent.value:
            continue
        if total >= WHOLE[0] and total + percent.value > WHOLE[1]:
            if total > WHOLE[1]:
                return False
            total, known = 0.0, {}
        total += percent.value
        known[fibre.code] = percent.value
    return WHOLE[0] <= total <= WHOLE[1]


def _go_on(waiting: list[Figure], clause: list[Figure]) -> bool:
    """
    Return whether the figures of one line continue in the next.

    They do if a line begins with a percentage and ends with another one without its fibre, and if fibres have their
    percentages next to or below them.
    """
    if not waiting or not clause:
        return False
    if isinstance(waiting[0], Percent):
        return isinstance(waiting[-1], Percent) and isinstance(clause[0], Fibre)
    fibres = sum(isinstance(figure, Fibre) for figure in waiting)
    below = all(isinstance(figure, Percent) for figure in clause) and 2 * fibres > len(waiting)
    return below or (fibres == len(waiting) and all(isinstance(figure, Fibre) for figure in clause))
