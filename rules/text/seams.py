"""
Finds words that continue from one line to the next: "WIDE-" / "LEG PANTS", "连衣" / "裙".

Searches the lines of each block as one text and maps the matches back to the page. Knows geometry and scripts, not
meanings.
"""

from rules.text.match import Match, Matcher
from rules.text.normalize import is_cjk
from rules.text.page import Page
from schemas.events import BBox

#: Chinese, Japanese and Korean letters begin here; Latin ones are before it.
_LATIN = "\u2000"


def find_on(page: Page, matcher: Matcher) -> list[Match]:
    """Find the matcher's words on a page, in order. A word that crosses lines has a line break in its text."""
    text, starts = page.text, page.starts
    #: The last line of each block. No word continues after it.
    last_lines = {number - 1 for number in page.blocks}
    letters = list(text)
    seams: list[int] = []
    #: Positions in the joined text where line breaks were removed.
    closed: list[int] = []
    for number, after in enumerate(starts[1:-1]):
        if number in last_lines:
            continue
        before, behind = text[after - 2], text[after]
        if before > _LATIN and behind > _LATIN and is_cjk(before) and is_cjk(behind):
            if not _runs_on(page.lines[number].placed, page.lines[number + 1].placed):
                continue
            joint = ""
        else:
            hyphen = before != "\n" != behind and page.lines[number].text.rstrip().endswith("-")
            joint = "" if hyphen and _is_split(text, starts[number], after, starts[number + 2], matcher) else " "
        letters[after - 1] = joint
        seams.append(after - 1 - len(closed))
        if not joint:
            closed.append(seams[-1])
    return matcher.find("".join(letters), seams, closed)


def _is_split(text: str, start: int, after: int, stop: int, matcher: Matcher) -> bool:
    """Return whether a line that ends with a hyphen and the next, which begins at `after`, share a known word."""
    upper, lower = text[start:after].split(), text[after:stop].split()
    # Normalization leaves only a space of a line that contains only accents.
    return bool(upper and lower) and matcher.knows(upper[-1] + lower[0])


def _runs_on(upper: BBox, lower: BBox) -> bool:
    """Return whether Chinese may continue from one line to the next: beside it, or below if the upper one is full."""
    height = upper[3] - upper[1]
    return lower[0] >= upper[2] - height or upper[2] >= lower[2] - 2 * height
