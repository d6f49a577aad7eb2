"""
Judges the output of a reading model: its lines, and whether it loops, is cut off or makes no sense. Pure.

Knows no model's notation: each engine parses its output to `Spots`.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from schemas.events import BBox

#: Boxes are in thousandths of the picture that was sent.
FULL = 1000
#: An output loops if it repeats a line at the same place this often.
_SAME_LINE = 3
#: A piece of 2 to 64 characters, repeated to the end of a line at least this long, is a loop.
_LOOP_LENGTH = 60
_LOOP = re.compile(r"(.{2,64}?)\1{7,}.{0,64}$", re.DOTALL)
#: vLLM's reasons for an output that ended before the model finished.
CUT = frozenset({"length", "repetition"})

#: A box in thousandths of the picture's width and height: x1, y1, x2, y2 with x1 <= x2 and y1 <= y2.
Corners = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Spot:
    """One line of the output, and the position of its text in the output."""

    text: str = field(repr=False)
    corners: Corners
    span: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Spots:
    """All lines of an output. `torn`: it ends within a line, or a part of it is no line."""

    found: tuple[Spot, ...]
    torn: bool


@dataclass(frozen=True, slots=True)
class FoundLine:
    """One line: its box in thousandths of the picture that was sent, its score 0..1."""

    text: str = field(repr=False)
    box: Corners
    score: float


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """
    The lines of one output.

    `cut_off`: the photo has more text than these lines. `astray`: the output loops or makes no sense; another try at a
    higher temperature may help.
    """

    lines: tuple[FoundLine, ...]
    cut_off: bool
    astray: bool


#: The result for a photo without text.
NOTHING = ParsedAnswer((), cut_off=False, astray=False)


def judge(read: Spots, scores: Sequence[float], finish_reason: str | None) -> ParsedAnswer:
    """Judge the lines of one output; `scores` has one score per line."""
    kept: dict[tuple[str, Corners], FoundLine] = {}
    again, looped = 0, finish_reason == "repetition"
    for spot, own in zip(read.found, scores, strict=True):
        box = _inside(spot.corners)
        if box is None:
            continue
        text = _LOOP.sub(r"\1", spot.text) if len(spot.text) >= _LOOP_LENGTH else spot.text
        looped = looped or text != spot.text
        again += (text, box) in kept
        kept.setdefault((text, box), FoundLine(text, box, own))
    astray = looped or again >= _SAME_LINE - 1 or not kept
    return ParsedAnswer(tuple(kept.values()), cut_off=astray or read.torn or finish_reason in CUT, astray=astray)


def to_pixels(box: Corners, scale: tuple[float, float], size: tuple[int, int]) -> BBox:
    """
    Convert thousandths to whole px of the upright original.

    Args:
        box: x1, y1, x2, y2 in thousandths.
        scale: Px of the original in the whole width and height that was sent, padding included.
        size: Width and height of the original in px.

    Returns:
        A box of at least one px, inside the picture.

    """
    left = min(int(box[0] * scale[0] / FULL), size[0] - 1)
    top = min(int(box[1] * scale[1] / FULL), size[1] - 1)
    right = min(max(math.ceil(box[2] * scale[0] / FULL), left + 1), size[0])
    bottom = min(max(math.ceil(box[3] * scale[1] / FULL), top + 1), size[1])
    return left, top, right, bottom


def _inside(corners: Corners) -> Corners | None:
    """Clip a box to the picture; None if it is outside."""
    x1, y1, x2, y2 = (min(edge, FULL) for edge in corners)
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None


def bounds_of(numbers: list[str]) -> Corners | None:
    """Return the bounds of a box or polygon; None if the numbers are not coordinates."""
    if len(numbers) < 4 or len(numbers) % 2 or not all(number.isdecimal() and len(number) <= 6 for number in numbers):  # noqa: PLR2004 - two points
        return None
    xs, ys = [int(number) for number in numbers[::2]], [int(number) for number in numbers[1::2]]
    return min(xs), min(ys), max(xs), max(ys)
