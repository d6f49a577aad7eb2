"""
How sure a model was of a value that it chose: its probability against the other values of the aspect. Pure.

A model spreads its probability over all tokens. At each token of the chosen value, those that no value could go on with
are left out, and what is left adds up to 1.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Chosen:
    """One generated token, with the rivals that the server reports for its place (the token itself may be one)."""

    text: str = field(repr=False)
    logprob: float
    rivals: tuple[tuple[str, float], ...] = field(default=(), repr=False)


def probability(value: str, choices: Sequence[str], tokens: Sequence[Chosen], at: int) -> float:
    """
    Return the probability of a value against all choices, 0 to 1; 0 if the tokens do not tell.

    Args:
        value: The chosen one.
        choices: Every value that was possible, itself among them.
        tokens: The whole answer; they add up to it.
        at: Where the value's first character stands in the answer, after its opening quote.

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
            # A server that reports no rivals says nothing of how sure the model was.
            if not token.rivals or own + against <= 0:
                return 0.0
            sure *= own / (own + against)
            told = True
        start = stop
    return round(min(max(sure, 0.0), 1.0), 4) if told else 0.0


def _goes_on(done: str, text: str, ends: Sequence[str]) -> bool:
    """Tell whether some choice begins with what is done and goes on with a token's text."""
    so_far = done + text
    return bool(text) and any(end.startswith(so_far) or so_far.startswith(end) for end in ends)


def _finite(logprob: float) -> float:
    return -math.inf if math.isnan(logprob) else min(logprob, 0.0)
