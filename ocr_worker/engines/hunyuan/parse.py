"""
What HunyuanOCR answered, judged: lines with scores, nothing at all, cut off, or astray in a loop. Pure.

Scores come from the log probabilities of the very tokens of a line; boxes leave as thousandths of the picture sent.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ocr_worker.engines.hunyuan.spotting import Corners, Spot, markers, spots, without_controls
from ocr_worker.engines.vllm.scores import Token, score, scores_by_span
from schemas.events import BBox

#: Boxes are written in thousandths of the picture as sent (HunyuanOCR's own README and `utils.py`).
FULL = 1000
#: The same line at the same place this often is a loop.
_SAME_LINE = 3
#: A piece of 2 to 64 characters, again and again to the end of a line this long or longer, is a loop.
_LOOP_LENGTH = 60
_LOOP = re.compile(r"(.{2,64}?)\1{7,}.{0,64}$", re.DOTALL)
#: How the model says that there is nothing to read.
_NO_TEXT = re.compile(
    r"(?:图[片中像里]*)?(?:没有|无|未检测到|没有检测到)(?:任何)?文字[。.]?|no text(?: (?:found|detected))?[.]?",
    re.IGNORECASE,
)
#: vLLM's reasons for a generation that ended before the model was done.
_CUT = frozenset({"length", "repetition"})


@dataclass(frozen=True, slots=True)
class FoundLine:
    """One line: its box in thousandths of the picture sent, its score 0..1."""

    text: str = field(repr=False)
    box: Corners
    score: float


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """
    What could be made of one answer.

    `cut_off`: there is more in the photo than these lines. `astray`: it looped, or made no sense; asking again with a
    little temperature may help.
    """

    lines: tuple[FoundLine, ...]
    cut_off: bool
    astray: bool


def judge_answer(content: str, tokens: Sequence[Token], finish_reason: str | None) -> ParsedAnswer:
    """Read and judge one answer. Never raises."""
    tokens = [Token(without_controls(token.text), token.logprob) for token in tokens]
    content = without_controls(content)
    read = spots(content)
    if finish_reason not in _CUT and _says_nothing(content, read.found):
        return ParsedAnswer((), cut_off=False, astray=False)
    scores = _scores(content, tokens, read.found)
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
    return ParsedAnswer(tuple(kept.values()), cut_off=astray or read.torn or finish_reason in _CUT, astray=astray)


def to_pixels(box: Corners, scale: tuple[float, float], size: tuple[int, int]) -> BBox:
    """
    Map thousandths to whole px of the upright original.

    `scale`: px of the original in the whole width and height that was sent, padding included; `size`: of the original.
    The box holds at least one px and lies inside the picture.
    """
    left = min(int(box[0] * scale[0] / FULL), size[0] - 1)
    top = min(int(box[1] * scale[1] / FULL), size[1] - 1)
    right = min(max(math.ceil(box[2] * scale[0] / FULL), left + 1), size[0])
    bottom = min(max(math.ceil(box[3] * scale[1] / FULL), top + 1), size[1])
    return left, top, right, bottom


def _says_nothing(content: str, found: Sequence[Spot]) -> bool:
    if len(found) > 1:
        return False
    said = found[0].text if found else content.strip()
    return not said or _NO_TEXT.fullmatch(said) is not None


def _inside(corners: Corners) -> Corners | None:
    """Clip to the picture; None for a box that holds nothing of it."""
    x1, y1, x2, y2 = (min(edge, FULL) for edge in corners)
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None


def _scores(content: str, tokens: Sequence[Token], found: Sequence[Spot]) -> list[float]:
    """Score each line by its own tokens; by the whole answer's where they cannot be told."""
    alphabet = markers(content)
    opening = next((marker for marker, kind in alphabet.items() if kind == "ref"), None)
    closing = next((marker for marker, kind in alphabet.items() if kind == "/ref"), None)
    whole = score(tokens)
    if opening is not None and closing is not None and any(token.text == opening for token in tokens):
        between = _between(tokens, opening, closing)
        if len(between) != content.count(opening):
            return [whole] * len(found)
        return [score(between[content.count(opening, 0, spot.span[0]) - 1]) for spot in found]
    return scores_by_span(content, tokens, [spot.span for spot in found])


def _between(tokens: Sequence[Token], opening: str, closing: str) -> list[list[Token]]:
    """Cut the tokens strictly between each opening marker and what closes it."""
    cut: list[list[Token]] = []
    inside = False
    for token in tokens:
        if token.text == opening:
            cut.append([])
            inside = True
        elif token.text == closing:
            inside = False
        elif inside:
            cut[-1].append(token)
    return cut
