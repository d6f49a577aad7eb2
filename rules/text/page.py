"""
A photo's lines as one normalised text, with the way back from a position to its line.

Knows geometry and normalisation, not the lexicon.
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
        """Where it begins."""


P = TypeVar("P", bound=Placed)


class Page(NamedTuple):
    """Lines in reading order; the text is framed by line breaks and has one between any two lines."""

    lines: list[TextLine]
    text: str
    #: Where each line starts in the text, and where a next one would.
    starts: list[int]
    #: Where in the text something was mended, ascending.
    gaps: tuple[int, ...]
    #: Numbers of the first lines of the blocks, and the number of lines.
    blocks: list[int]

    def line_at(self, position: int) -> TextLine:
        """Give the line at a position in the text."""
        return self.lines[bisect_right(self.starts, position) - 1]

    def line_start(self, position: int) -> int:
        """Give the start of the line at a position in the text."""
        return self.starts[bisect_right(self.starts, position) - 1]

    def by_line(self, found: Sequence[P]) -> dict[int, list[P]]:
        """Share out what was found, in its order, to the numbers of the lines that it starts in."""
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
    """Lay lines out, normalise them, and let `repaired` put misread words right."""
    blocks = blocks_of(lines)
    ordered = [line for block in blocks for row in block for line in row.lines]
    text, gaps = repaired(normalize("\n".join([line.text.replace("\n", " ").strip(" -") for line in ordered])))
    starts = list(accumulate([len(line) + 1 for line in text[1:-1].split("\n")], initial=1))
    sizes = [sum(len(row.lines) for row in block) for block in blocks]
    return Page(ordered, text, starts, gaps, list(accumulate(sizes, initial=0)))
