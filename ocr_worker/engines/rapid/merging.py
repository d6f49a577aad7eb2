"""
Joins a second reading of a picture to a first, without ever making it worse. Pure; knows no lexicon.

A closer look sees more, but its edge may cut a line, and enlarged print is misread in ways of its own: of "40% COTTON"
it makes "0% Coltton".
"""

import re
from collections.abc import Sequence

from ocr_worker.engines.rapid.quads import Quad, overlap

#: Two quads are the same text when they share more than this part of the smaller one.
SAME = 0.5
#: A reading of about as many letters must be this much surer to replace the first.
_SURER = 0.02
#: One with so many more letters, and this share more, found more: it may be this much less sure.
_MORE_LETTERS, _MORE, _LESS_SURE = 2, 0.15, 0.1
#: Figures in a line read less surely than this are no evidence.
_SURE_FIGURES = 0.7

_FIGURE = re.compile(r"\d+")
_PERCENT = re.compile(r"(\d+(?:[.,]\d+)?)\s*%")
_WHOLE = 100


def merge(kept: Sequence[Quad], found: Sequence[Quad]) -> list[Quad]:
    """
    Join a second reading to a first.

    Quads that are the same text form a group; of each group the first reading stays unless the second is better.
    """
    groups: list[tuple[list[Quad], list[Quad]]] = [([quad], []) for quad in kept]
    for quad in found:
        touched = [group for group in groups if any(overlap(quad, other) > SAME for other in group[0])]
        joined: tuple[list[Quad], list[Quad]] = ([], [])
        for group in touched:
            joined[0].extend(group[0])
            joined[1].extend(group[1])
            groups.remove(group)
        joined[1].append(quad)
        groups.append(joined)
    return [quad for old, new in groups for quad in (new if _is_better(new, old) else old)]


def _is_better(new: Sequence[Quad], old: Sequence[Quad]) -> bool:
    if not new or not old:
        return bool(new)
    letters, letters_before = _letters(new), _letters(old)
    score, score_before = _score(new), _score(old)
    if sum(quad.worth for quad in new) <= sum(quad.worth for quad in old) or _loses_a_figure(new, old):
        return False
    if letters >= letters_before + max(_MORE_LETTERS, _MORE * letters_before):
        return score >= score_before - _LESS_SURE
    return score >= score_before + _SURER


def _loses_a_figure(new: Sequence[Quad], old: Sequence[Quad]) -> bool:
    """Tell whether shares no longer add up, or a piece of a figure stands where the whole one stood."""
    if _score(old) < _SURE_FIGURES:
        return False
    before, after = _text(old), _text(new)
    if _sums_up(before) and not _sums_up(after):
        return True
    figures = _FIGURE.findall(after)
    lost = [figure for figure in _FIGURE.findall(before) if figure not in figures]
    return any(piece != figure and piece in figure for figure in lost for piece in figures)


def _sums_up(text: str) -> bool:
    shares = [float(share.replace(",", ".")) for share in _PERCENT.findall(text)]
    return bool(shares) and sum(shares) == _WHOLE


def _score(quads: Sequence[Quad]) -> float:
    """Average the scores, each letter counting once."""
    return sum(quad.worth for quad in quads) / max(sum(len(quad.text) for quad in quads), 1)


def _letters(quads: Sequence[Quad]) -> int:
    return sum(character.isalnum() for character in _text(quads))


def _text(quads: Sequence[Quad]) -> str:
    return " ".join(quad.text for quad in quads)
