"""Parses the output of HunyuanOCR: its lines, each scored by the log probabilities of its tokens. Pure."""

import re
from collections.abc import Sequence

from ocr_worker.engines.hunyuan.spotting import markers, spots, without_controls
from ocr_worker.engines.vllm.lines import CUT, NOTHING, ParsedAnswer, Spot, judge
from ocr_worker.engines.vllm.scores import Token, score, scores_by_span

#: The phrases with which the model says that the photo has no text.
_NO_TEXT = re.compile(
    r"(?:图[片中像里]*)?(?:没有|无|未检测到|没有检测到)(?:任何)?文字[。.]?|no text(?: (?:found|detected))?[.]?",
    re.IGNORECASE,
)


def judge_answer(content: str, tokens: Sequence[Token], finish_reason: str | None) -> ParsedAnswer:
    """Parse and judge one output. Never raises."""
    tokens = [Token(without_controls(token.text), token.logprob) for token in tokens]
    content = without_controls(content)
    read = spots(content)
    if finish_reason not in CUT and _says_nothing(content, read.found):
        return NOTHING
    return judge(read, _scores(content, tokens, read.found), finish_reason)


def _says_nothing(content: str, found: Sequence[Spot]) -> bool:
    if len(found) > 1:
        return False
    said = found[0].text if found else content.strip()
    return not said or _NO_TEXT.fullmatch(said) is not None


def _scores(content: str, tokens: Sequence[Token], found: Sequence[Spot]) -> list[float]:
    """Return a score per line from its own tokens, or from all tokens if its own cannot be found."""
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
    """Return the tokens between each opening marker and its closing one."""
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
