"""
Parses the notations in which PaddleOCR-VL writes the lines it found, to `Spot`s. Pure; knows no scores and no px.

    <|TEXT_START|>text<|TEXT_END|><|LOC_BEGIN|><|LOC_x1|><|LOC_y1|>...<|LOC_y4|><|LOC_END|>
    text<|LOC_x1|><|LOC_y1|>...<|LOC_y4|>

Four points, clockwise from the top left, in thousandths of each side (PaddleX: its post-processing for spotting).
"""

import re
from collections.abc import Sequence

from ocr_worker.engines.vllm.lines import CUT, NOTHING, ParsedAnswer, Spot, Spots, bounds_of, judge
from ocr_worker.engines.vllm.scores import Token, scores_by_span

#: Coordinates of one line: four points.
_NUMBERS = 8
_PLACE = re.compile(r"(?:<\|LOC_BEGIN\|>)?((?:<\|LOC_\d{1,4}\|>)+)(?:<\|LOC_END\|>)?")
_TEXT_START, _TEXT_END = "<|TEXT_START|>", "<|TEXT_END|>"
#: Special tokens that carry no lines.
_CONTROLS = re.compile(r"</s>|<s>|<\|end_of_sentence\|>|<\|begin_of_sentence\|>|<unk>")


def spots(text: str) -> Spots:
    """Parse an output. Never raises: `torn` says that a part of it is no line with four points."""
    found: list[Spot] = []
    torn = False
    start = 0
    for place in _PLACE.finditer(text):
        first, last = _text_span(text, start, place.start())
        start = place.end()
        numbers = re.findall(r"\d+", place[1])
        corners = bounds_of(numbers) if len(numbers) == _NUMBERS else None
        if corners is None or first == last:
            torn = True
        else:
            found.append(Spot(text[first:last], corners, (first, last)))
    first, last = _text_span(text, start, len(text))
    return Spots(tuple(found), torn or first < last)


def judge_answer(content: str, tokens: Sequence[Token], finish_reason: str | None) -> ParsedAnswer:
    """Parse and judge one output. Each line's score comes from its own tokens. Never raises."""
    content = _CONTROLS.sub("", content)
    tokens = [Token(_CONTROLS.sub("", token.text), token.logprob) for token in tokens]
    read = spots(content)
    if finish_reason not in CUT and not content.strip():
        return NOTHING
    return judge(read, scores_by_span(content, tokens, [spot.span for spot in read.found]), finish_reason)


def _text_span(text: str, start: int, end: int) -> tuple[int, int]:
    """Return start and end of a line's text between two places, without markers and spaces."""
    opening, closing = text.rfind(_TEXT_START, start, end), text.rfind(_TEXT_END, start, end)
    first = opening + len(_TEXT_START) if opening >= 0 else start
    last = closing if closing >= first else end
    while first < last and text[first].isspace():
        first += 1
    while first < last and text[last - 1].isspace():
        last -= 1
    return first, last
