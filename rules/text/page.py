"""
A photo's lines as one normalized text, with the line of each position.

Knows geometry and normalization, not the lexicon.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import NamedTuple, Protocol, TypeVar

from rules.text.layout import blocks_of
from rules.text.normalize import Normal, normalize
from schemas.events import TextLine


class Placed(Protocol):
    """Something found in a page's text."""

    @property
    def start(self) -> int:
        """Position of its first character."""


P = TypeVar("P", bound=Placed)


class Page(NamedTuple):
    """Lines in reading order. The text is framed by line breaks and has one between any two lines."""

    lines: list[TextLine]
    text: str
    #: Start of each line in the text, and of the line that would follow.
    starts: list[int]
    #: Positions in the text where something was repaired, ascending.
    gaps: tuple[int, ...]
    #: Index of each block's first line, and the number of lines.
    blocks: list[int]

    def line_at(self, position: int) -> TextLine:
        """Return the line at a position in the text."""
        return self.lines[bisect_right(self.starts, position) - 1]

    def line_start(self, position: int) -> int:
        """Return the start of the line at a position in the text."""
        return self.starts[bisect_right(self.starts, position) - 1]

    def by_line(self, found: Sequence[P]) -> dict[int, list[P]]:
        """Group what was found, in order, by the index of the line that it starts in."""
        lines: dict[int, list[P]] = {}
        number, stop = -1, 0
        for one in found:
            if one.start >= stop:
                number = bisect_right(self.starts, one.start) - 1
                stop = self.starts[number + 1]
                lines[number] = []
            lines[number].append(one)
        return lines


def page_of(lines: Sequence[TextLine], repaired: Callable[[Normal], Normal]) -> Page:
    """Put lines in reading order, normalize them, and let `repaired` correct misread words."""
    ordered: list[TextLine] = []
    blocks = [0]
    for block in blocks_of(lines):
        for _, row in block:
            ordered += row
        blocks.append(len(ordered))
    text, gaps = repaired(normalize("\n".join([line.text.replace("\n", " ").strip(" -") for line in ordered])))
    starts = list(accumulate([len(line) + 1 for line in text[1:-1].split("\n")], initial=1))
    return Page(ordered, text, starts, gaps, blocks)
