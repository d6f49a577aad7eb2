"""Scores of lines from the log probabilities of their tokens. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Token:
    """One generated token."""

    text: str = field(repr=False)
    logprob: float


def score(tokens: Sequence[Token]) -> float:
    """Return exp(mean log probability), 0 for no tokens; within 0..1 whatever the server sends."""
    values = [-math.inf if math.isnan(token.logprob) else min(token.logprob, 0.0) for token in tokens]
    return round(math.exp(sum(values) / len(values)), 4) if values else 0.0


def scores_by_span(content: str, tokens: Sequence[Token], spans: Sequence[tuple[int, int]]) -> list[float]:
    """
    Score each span of characters by the tokens that cover it; by all tokens where they do not add up to `content`.

    Args:
        content: The whole answer.
        tokens: Its tokens in order.
        spans: Start and end of each line in `content`, in order.

    """
    # Tokens that make up one character may be empty or carry it whole: only if they add up can they be told apart.
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
                # It reaches into what follows, which may be the next line.
                break
            at, start = at + 1, end
        scores.append(score(own))
    return scores
