"""
Words that run on from one line to the next: "WIDE-" / "LEG PANTS", "连衣" / "裙".

Searches the lines of each block as one text and brings what it finds back to the page. Knows geometry and
scripts, not meanings.
"""

from bisect import bisect_right

from rules.match import Match, Matcher
from rules.normalize import is_cjk
from rules.page import Page
from schemas.events import BBox


def find_on(page: Page, matcher: Matcher) -> list[Match]:
    """Find the matcher's words on a page, in order. One that runs on has a line break in its text."""
    last_lines = {number - 1 for number in page.blocks}
    texts = page.text[1:-1].split("\n")
    pieces, starts, seams = ["\n"], [], []
    at = 1
    for number, text in enumerate(texts):
        starts.append(at)
        at += len(text)
        joint = "\n" if number in last_lines else _joint(page, number, texts, matcher)
        if joint != "\n":
            seams.append(at)
        pieces += (text, joint)
        at += len(joint)
    found = matcher.find("".join(pieces), seams)
    if at == page.starts[-1]:
        return found

    def back(position: int) -> int:
        number = bisect_right(starts, position) - 1
        return page.starts[number] + position - starts[number]

    return [Match(back(match.start), back(match.stop - 1) + 1, match.term) for match in found]


def _joint(page: Page, number: int, texts: list[str], matcher: Matcher) -> str:
    """Say what to put for the line break between a line and the next."""
    upper, lower = texts[number], texts[number + 1]
    if is_cjk(lower[:1]) and is_cjk(upper[-1:]):
        return "" if _runs_on(page.lines[number].bbox, page.lines[number + 1].bbox) else "\n"
    if page.lines[number].text.rstrip()[-1:] == "-" and upper and lower:
        return "" if matcher.knows(upper.split()[-1] + lower.split()[0]) else " "
    return " "


def _runs_on(upper: BBox, lower: BBox) -> bool:
    """Tell whether Chinese may run on from one line to the next: to its side, or below when the upper one is full."""
    height = upper[3] - upper[1]
    return lower[0] >= upper[2] - height or upper[2] >= lower[2] - 2 * height
