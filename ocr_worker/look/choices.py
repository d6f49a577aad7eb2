"""
Computes the probability of a value that a model chose, relative to the other values of its aspect. Pure.

A model's probabilities cover all tokens. At each token of the chosen value, this drops the tokens that continue no
value, and scales the rest to a sum of 1.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Chosen:
    """One generated token, with the alternatives that the server reports at its position (perhaps the token too)."""

    text: str = field(repr=False)
    logprob: float
    rivals: tuple[tuple[str, float], ...] = field(default=(), repr=False)


def probability(value: str, choices: Sequence[str], tokens: Sequence[Chosen], at: int) -> float:
    """
    Return the probability of a value among all choices, 0 to 1; 0 if the tokens do not show it.

    Args:
        value: The chosen value.
        choices: Every possible value, including the chosen one.
        tokens: The tokens of the whole answer.
        at: Index of the value's first character in the answer, after its opening quote.

    """
    whole = value + '"'
    ends = [choice + '"' for choice in choices]
    start, sure, told = 0, 1.0, False
    for token in tokens:
        stop = start + len(token.text)
        if stop > at and start < at + len(whole):
            # A token may begin before the value (with its quote) and end after it (with a comma).
            lead, done = token.text[: max(at - start, 0)], whole[: max(start - at, 0)]
            own = math.exp(_finite(token.logprob))
            rivals = {
                text: math.exp(_finite(logprob))
                for text, logprob in token.rivals
                if text != token.text and text.startswith(lead) and _goes_on(done, text[len(lead) :], ends)
            }
            against = sum(rivals.values())
            # Without alternatives from the server, the probability is unknown.
            if not token.rivals or own + against <= 0:
                return 0.0
            sure *= own / (own + against)
            told = True
        start = stop
    return round(min(max(sure, 0.0), 1.0), 4) if told else 0.0


def _goes_on(done: str, text: str, ends: Sequence[str]) -> bool:
    """Return whether a choice begins with `done` and continues with a token's text."""
    so_far = done + text
    return bool(text) and any(end.startswith(so_far) or so_far.startswith(end) for end in ends)


def _finite(logprob: float) -> float:
    return -math.inf if math.isnan(logprob) else min(logprob, 0.0)
