"""
Computes the probability of a value that a model chose, relative to the other values of its aspect. Pure.

A model's probabilities cover all tokens. At each token of the chosen value, this drops the tokens that continue no
value, and scales the rest to a sum of 1.
"""

import math
from collections.abc import Sequence

from ocr_worker.engines.vllm.chat import ChatToken


def probability(value: str, choices: Sequence[str], tokens: Sequence[ChatToken], at: int) -> float:
    """
    Return the probability of a value among all choices, 0 to 1; 0 if the tokens do not show it.

    Args:
        value: The chosen value.
        choices: Every possible value, including the chosen one.
        tokens: The tokens of the whole answer.
        at: Index of the value's first character in the answer, after its opening quote.

    """
    whole = value + '"'
    others = [choice + '"' for choice in choices if choice != value]
    start, sure, told = 0, 1.0, False
    for token in tokens:
        stop = start + len(token.token)
        if stop > at and start < at + len(whole):
            # A token may begin before the value (with its quote) and end after it (with a comma).
            lead, done = token.token[: max(at - start, 0)], whole[: max(start - at, 0)]
            own = math.exp(_finite(token.logprob))
            rivals = {
                rival.token: math.exp(_finite(rival.logprob))
                for rival in token.top_logprobs
                if rival.token.startswith(lead) and _is_rival(done + rival.token[len(lead) :], done, whole, others)
            }
            against = sum(rivals.values())
            # Without alternatives from the server, the probability is unknown.
            if not token.top_logprobs or own + against <= 0:
                return 0.0
            sure *= own / (own + against)
            told = True
        start = stop
    return round(min(max(sure, 0.0), 1.0), 4) if told else 0.0


def _is_rival(text: str, done: str, whole: str, others: Sequence[str]) -> bool:
    """
    Return whether a token that turns `done` into `text` leads to another value.

    A token with which the chosen value begins is no rival: it splits the same value into other pieces.
    """
    if text == done or _agree(text, whole):
        return False
    return any(_agree(text, other) for other in others)


def _agree(text: str, whole: str) -> bool:
    """Return whether one of the two begins with the other."""
    return whole.startswith(text) or text.startswith(whole)


def _finite(logprob: float) -> float:
    return -math.inf if math.isnan(logprob) else min(logprob, 0.0)
