"""Computes scores of lines from the log probabilities of their tokens. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Token:
    """One generated token."""

    text: str = field(repr=False)
    logprob: float


def score(tokens: Sequence[Token]) -> float:
    """Return exp(mean log probability), clamped to 0..1; 0 without tokens."""
    values = [-math.inf if math.isnan(token.logprob) else min(token.logprob, 0.0) for token in tokens]
    return round(math.exp(sum(values) / len(values)), 4) if values else 0.0


def scores_by_span(content: str, tokens: Sequence[Token], spans: Sequence[tuple[int, int]]) -> list[float]:
    """
    Return a score per span of characters, from the tokens that overlap it.

    If the tokens do not add up to `content`, all tokens score every span.

    Args:
        content: The whole output.
        tokens: Its tokens in order.
        spans: Start and end of each line in `content`, in order.

    """
    # Several tokens may write one character. Each of them is then empty, or contains the whole character. So their
    # positions are known only if the tokens add up to the content.
    if "".join(token.text for token in tokens) != content:
        return [score(tokens)] * len(spans)
    scores: list[float] = []
    at, start = 0, 0
    for first, last in spans:
        own: list[Token] = []
        while at < len(tokens) and start < last:
            end = start + len(tokens[at].text)
            if end > first:
                own.append(tokens[at])
            if end > last:
                # The token extends into what follows, which may be the next line.
                break
            at, start = at + 1, end
        scores.append(score(own))
    return scores
