"""
Detects text in scripts that the model's alphabet lacks: Cyrillic, Hangul, Arabic, Thai, Hebrew, accented Greek.

The recognizer skips most of their letters and reads some as similar Latin ones: "80% ХЛОПОК" as "80%", "ВОВНА" as
"BOBHA". Skipped letters remain as ink without a letter. Hebrew, Thai, Devanagari and Arabic it reads as words with a
low score, even where they are sharp. Pure; knows no engine.
"""

import re
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_worker.engines.rapid.quads import SAME, Quad, overlap
from ocr_worker.images.decode import Pixels

#: A photo has a foreign script if one stretch of unread ink is this long, in line heights, or if several lines have
#: shorter ones.
STRONG, _WEAK, _SEVERAL = 2.0, 1.2, 2
#: A letter covers this many line heights to each side of its centre.
_LETTER = 0.55
#: Narrower gaps between letters count as ink.
_CLOSE = 0.25
#: A column counts as ink if this share of its pixels does.
_INK = 0.12
#: Outside these heights in px, and with less contrast to the background (0..255), ink looks like folds and patterns.
_LEAST_HEIGHT, _MOST_HEIGHT, _LEAST_CONTRAST = 12, 130, 45.0
#: In a photo with a foreign script a line is kept if it has two Chinese letters. It is also kept for a Latin word of
#: three letters with this score, if one of them has no lookalike in Cyrillic or Greek: the N of "COTTON".
_SURE = 0.93
_CHINESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]{2,}")
_WORD, _DISTINCT = re.compile(r"[^\W\d_]{3,}"), re.compile(r"[DFGLNQRSUVWZbdfghijklmnqrstuvwzäöüßéèñçåø]")
#: A line with a lower score is strange if this share of its contrast lies between neighbouring px at its sharpest
#: edges. Blurred lines, care symbols and folds of cloth have less.
UNSURE, _CRISP = 0.9, 0.5
_SHARPEST, _MEASURED_HEIGHT = 0.97, 48
#: A strange line is at least this many times as long as high: symbols and single letters are not.
_LONG = 2.0
#: A photo has a foreign script if it has this many strange lines, and more of them than lines with a high score.
_STRANGE = 3
_GREEK, _LATIN = re.compile(r"[\u0370-\u03ff\u0400-\u04ff∏∩∑Ə∃]"), re.compile(r"[A-Za-z]")


def unread_ink(crop: Pixels, places: Sequence[float]) -> float:
    """
    Return the longest stretch of ink without a letter, in line heights.

    Args:
        crop: A picture of one horizontal line.
        places: Centres of the letters read, as shares of the crop's width.

    """
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
    height, width = grey.shape
    mask, contrast = _ink(grey)
    if mask is None or contrast < _LEAST_CONTRAST:
        return 0.0
    columns = (mask.sum(axis=0) > _INK * height).astype(np.uint8)[None]
    unread = cv2.morphologyEx(columns, cv2.MORPH_CLOSE, np.ones((1, max(1, int(_CLOSE * height))), np.uint8))[0]
    for place in places:
        unread[max(0, int(place * width - _LETTER * height)) : int(place * width + _LETTER * height) + 1] = 0
    edges = np.flatnonzero(np.diff(np.concatenate([[0], unread, [0]])))
    longest = max((edges[1::2] - edges[::2]).tolist(), default=0)
    return float(longest / height)


def is_strange(crop: Pixels, score: float) -> bool:
    """Return whether a line, lying flat, has a low score although it is sharp."""
    if score >= UNSURE or crop.shape[1] < _LONG * crop.shape[0]:
        return False
    grey = np.asarray(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
    if grey.shape[0] > _MEASURED_HEIGHT:
        # A closer look has enlarged the line. Measure it at the usual height.
        size = (round(grey.shape[1] * _MEASURED_HEIGHT / grey.shape[0]), _MEASURED_HEIGHT)
        grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    mask, contrast = _ink(grey)
    if mask is None or contrast < _LEAST_CONTRAST:
        return False
    steps = np.abs(np.diff(grey.astype(np.int16), axis=1))
    return bool(np.quantile(steps, _SHARPEST) >= _CRISP * contrast)


def _ink(grey: Pixels) -> tuple[NDArray[np.uint8] | None, float]:
    """Return where a line's ink is, None if it may be a fold or pattern, and its contrast."""
    if not _LEAST_HEIGHT <= grey.shape[0] <= _MOST_HEIGHT:
        return None, 0.0
    _, mask = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    dark, light = grey[mask == 0], grey[mask == 1]
    if not len(dark) or not len(light):
        return None, 0.0
    # The smaller part is the ink, because a line has less ink than background.
    ink = np.asarray(mask if mask.mean() < 0.5 else 1 - mask, dtype=np.uint8)  # noqa: PLR2004 - half
    return ink, float(light.mean()) - float(dark.mean())


def without_foreign(quads: Sequence[Quad], mute: Sequence[Quad]) -> tuple[list[Quad], bool]:
    """
    Remove lines in foreign scripts. Also return whether there are any.

    `mute` are lines in which no text was read. If several looks found a line, it is in `mute` several times.
    """
    unheard = [quad for quad in mute if not _is_among(quad, quads)]
    strong = any(quad.unread >= STRONG for quad in (*quads, *unheard)) or any(map(_is_mixed, quads))
    strange_lines = [quad for quad in quads if quad.strange]
    for quad in unheard:
        if quad.strange and not _is_among(quad, strange_lines):
            strange_lines.append(quad)
    strange = len(strange_lines)
    sure = sum(quad.score >= _SURE and bool(_WORD.search(quad.text)) for quad in quads)
    several = sum(quad.unread >= _WEAK for quad in quads) >= _SEVERAL or strange >= max(_STRANGE, sure + 1)
    if not strong and not several:
        return list(quads), False
    return [quad for quad in quads if _is_known(quad)], True


def _is_among(quad: Quad, others: Sequence[Quad]) -> bool:
    """Return whether a line is the same as one of the others."""
    return any(overlap(quad, other) > SAME for other in others)


def _is_known(quad: Quad) -> bool:
    if quad.further:
        return True
    if quad.strange or _GREEK.search(quad.text):
        return False
    words = [word for word in _WORD.findall(quad.text) if _DISTINCT.search(word)]
    return bool(_CHINESE.search(quad.text)) or (bool(words) and quad.score >= _SURE)


def _is_mixed(quad: Quad) -> bool:
    """Return whether a word mixes Latin and several Greek letters, as misread Cyrillic does."""
    words = [] if quad.further else re.findall(r"[^\W\d_]{4,}", quad.text)
    return any(_LATIN.search(word) and len(_GREEK.findall(word)) > 1 for word in words)


def looks_foreign(quad: Quad) -> bool:
    """Return whether a line may be in a script that a further recognizer knows."""
    return quad.strange or quad.unread >= _WEAK or bool(_GREEK.search(quad.text))
