"""
Finds words that continue from one line to the next: "WIDE-" / "LEG PANTS", "连衣" / "裙".

Searches the lines of each block as one text and maps the matches back to the page. Knows geometry and scripts, not
meanings.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from rules.text.match import Match, Matcher
from rules.text.normalize import CJK
from rules.text.page import Page
from schemas.events import BBox

#: A line break between Chinese (Japanese, Korean) letters. It begins with the break, because that search is fast.
_CJK_BREAK = re.compile(rf"\n(?<=[{CJK}]\n)(?=[{CJK}])")


def find_on(page: Page, matcher: Matcher) -> list[Match]:
    """Find the matcher's words on a page, in order. A word that crosses lines has a line break in its text."""
    starts = page.starts
    #: The line breaks that no word crosses: those between blocks, and those behind short Chinese lines.
    kept = {starts[number] - 1 for number in page.blocks}
    #: The line breaks within words that are written without a space.
    closed: set[int] = set()
    for found in _CJK_BREAK.finditer(page.text):
        at = found.start()
        number = bisect_right(starts, at)
        if at not in kept:
            runs_on = _runs_on(page.lines[number - 1].placed, page.lines[number].placed)
            (closed if runs_on else kept).add(at)
    closed |= {at for at in _split_words(page, matcher) if at not in kept}
    # Most line breaks become spaces.
    spaced = page.text.replace("\n", " ")
    pieces, begin = [], 0
    for at in sorted(kept | closed):
        pieces += [spaced[begin:at], "\n" if at in kept else ""]
        begin = at + 1
    pieces.append(spaced[begin:])
    breaks = [start - 1 for start in starts[1:-1]]
    removed = sorted(closed)
    return matcher.find(
        "".join(pieces),
        [at - bisect_left(removed, at) for at in breaks if at not in kept],
        [at - number for number, at in enumerate(removed)],
    )


def _split_words(page: Page, matcher: Matcher) -> Iterator[int]:
    """Yield the line breaks after a hyphen that splits a known word."""
    for number, line in enumerate(page.lines[:-1]):
        if "-" in line.text and line.text.rstrip().endswith("-"):
            start, after, stop = page.starts[number : number + 3]
            if _is_split(page.text, start, after, stop, matcher):
                yield after - 1


def _is_split(text: str, start: int, after: int, stop: int, matcher: Matcher) -> bool:
    """Return whether a line that ends with a hyphen and the next, which begins at `after`, share a known word."""
    upper, lower = text[start:after].split(), text[after:stop].split()
    # Normalization leaves only a space of a line that contains only accents.
    return bool(upper and lower) and matcher.knows(upper[-1] + lower[0])


def _runs_on(upper: BBox, lower: BBox) -> bool:
    """Return whether Chinese may continue from one line to the next: beside it, or below if the upper one is full."""
    height = upper[3] - upper[1]
    return lower[0] >= upper[2] - height or upper[2] >= lower[2] - 2 * height
