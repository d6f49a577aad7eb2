"""
Merges a second reading of a picture into the first, without making it worse. Pure; knows no lexicon.

A closer look finds more. But its edge may cut a line, and enlarged print is misread in other ways: "40% COTTON" becomes
"0% Coltton".
"""

import re
from collections.abc import Sequence

from ocr_worker.engines.rapid.quads import SAME, Quad, overlap

#: A second reading of about as many letters replaces the first only if its score is this much higher.
_SURER = 0.02
#: A second reading found more if it has at least this many letters more, and at least this share more. Its score may
#: then be this much lower.
_MORE_LETTERS, _MORE, _LESS_SURE = 2, 0.15, 0.1
#: Figures in a line with a lower score are no evidence.
_SURE_FIGURES = 0.7

_FIGURE = re.compile(r"\d+")
_PERCENT = re.compile(r"(\d+(?:[.,]\d+)?)\s*%")
_WHOLE = 100


def merge(kept: Sequence[Quad], found: Sequence[Quad]) -> list[Quad]:
    """
    Merge a second reading into the first.

    Quads of the same text form a group. A group keeps its first reading unless the second one is better.
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
    # Small print loses its spaces. So if two readings differ in spaces only, the one with more spaces is right.
    if _text(new) != _text(old) and _run_together(new) == _run_together(old):
        wider = len(_text(new)) > len(_text(old))
        return wider and score >= score_before - _LESS_SURE and not _loses_a_figure(new, old)
    if sum(quad.worth for quad in new) <= sum(quad.worth for quad in old) or _loses_a_figure(new, old):
        return False
    if letters >= letters_before + max(_MORE_LETTERS, _MORE * letters_before):
        return score >= score_before - _LESS_SURE
    return score >= score_before + _SURER


def _loses_a_figure(new: Sequence[Quad], old: Sequence[Quad]) -> bool:
    """Return whether the shares no longer add up, or only a part of a figure remains."""
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
    """Return the mean score, weighted by the number of letters."""
    return sum(quad.worth for quad in quads) / max(sum(len(quad.text) for quad in quads), 1)


def _run_together(quads: Sequence[Quad]) -> str:
    return "".join(_text(quads).split())


def _letters(quads: Sequence[Quad]) -> int:
    return sum(character.isalnum() for character in _text(quads))


def _text(quads: Sequence[Quad]) -> str:
    return " ".join(quad.text for quad in quads)
