"""
A photo's lines as one normalised text, with the way back from a position to its line.

Knows geometry and normalisation, not the lexicon.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import NamedTuple, Protocol, TypeVar

from rules.layout import blocks_of
from rules.normalize import Normal, normalize
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
    #: The same for each row of lines side by side.
    rows: list[int]
    #: Numbers of the first rows of the blocks, and the number of rows.
    blocks: list[int]

    def line_at(self, position: int) -> TextLine:
        """Give the line at a position in the text."""
        return self.lines[bisect_right(self.starts, position) - 1]

    def line_start(self, position: int) -> int:
        """Give the start of the line at a position in the text."""
        return self.starts[bisect_right(self.starts, position) - 1]

    def by_row(self, found: Sequence[P]) -> list[list[P]]:
        """Share out what was found, in its order, to the rows that it starts in."""
        rows: list[list[P]] = [[] for _ in self.rows[1:]]
        row = 0
        for one in found:
            while one.start >= self.rows[row + 1]:
                row += 1
            rows[row].append(one)
        return rows


def page_of(lines: Sequence[TextLine], repaired: Callable[[Normal], Normal]) -> Page:
    """Lay lines out, normalise them, and let `repaired` put misread words right."""
    blocks = blocks_of(lines)
    rows = [row for block in blocks for row in block]
    ordered = [line for row in rows for line in row.lines]
    text, gaps = repaired(normalize("\n".join([line.text.replace("\n", " ").strip(" -") for line in ordered])))
    starts = list(accumulate([len(line) + 1 for line in text[1:-1].split("\n")], initial=1))
    return Page(
        lines=ordered,
        text=text,
        starts=starts,
        gaps=gaps,
        rows=[starts[at] for at in accumulate([len(row.lines) for row in rows], initial=0)],
        blocks=list(accumulate([len(block) for block in blocks], initial=0)),
    )
