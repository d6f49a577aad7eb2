"""
Words that run on from one line to the next: "WIDE-" / "LEG PANTS", "连衣" / "裙".

Searches the lines of each block as one text and brings what it finds back to the page. Knows geometry and
scripts, not meanings.
"""

from bisect import bisect_right
from itertools import pairwise

from rules.match import Match, Matcher
from rules.normalize import is_cjk
from rules.page import Page
from schemas.events import BBox


def find_on(page: Page, matcher: Matcher) -> list[Match]:
    """Find the matcher's words on a page, in order. One that runs on has a line break in its text."""
    block_starts = {page.starts[number] for number in page.blocks}
    pieces = ["\n"]
    starts = []
    seams = []
    at = 1
    for number, (start, after) in enumerate(pairwise(page.starts), 1):
        starts.append(at)
        pieces.append(page.text[start : after - 1])
        at += after - 1 - start
        joint = "\n" if after in block_starts else _joint(page, number, matcher)
        if joint != "\n":
            seams.append(at)
        pieces.append(joint)
        at += len(joint)
    found = matcher.find("".join(pieces), seams)
    if at == page.starts[-1]:
        return found

    def back(position: int) -> int:
        number = bisect_right(starts, position) - 1
        return page.starts[number] + position - starts[number]

    return [Match(back(match.start), back(match.stop - 1) + 1, match.term) for match in found]


def _joint(page: Page, at: int, matcher: Matcher) -> str:
    """Say what to put for the line break before the line of this number."""
    start = page.starts[at]
    upper = page.lines[at - 1]
    if is_cjk(page.text[start]) and is_cjk(page.text[start - 2]):
        return "" if _runs_on(upper.bbox, page.lines[at].bbox) else "\n"
    if upper.text[-1:] in "- " and upper.text.rstrip().endswith("-"):
        left = page.text[page.starts[at - 1] : start].split()
        right = page.text[start : page.starts[at + 1]].split()
        return "" if left and right and matcher.knows(left[-1] + right[0]) else " "
    return " "


def _runs_on(upper: BBox, lower: BBox) -> bool:
    """Tell whether Chinese may run on from one line to the next: to its side, or below when the upper one is full."""
    height = upper[3] - upper[1]
    return lower[0] >= upper[2] - height or upper[2] >= lower[2] - 2 * height
