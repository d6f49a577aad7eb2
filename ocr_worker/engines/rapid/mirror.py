"""
Detects a mirrored photo, as selfies are, by reading a few of its lines in both directions.

Mirrored letters get low scores, and high ones when mirrored back. Knows no photo, only pictures of lines.
"""

from collections.abc import Callable, Sequence

import numpy as np

from ocr_worker.engines.rapid.models import cut_out
from ocr_worker.engines.rapid.quads import Quad
from ocr_worker.images.decode import Pixels

Recognize = Callable[[Sequence[Pixels]], list[tuple[str, float]]]

#: Lines with a higher mean score are not mirrored.
_SURE = 0.93
#: Mirrored back, lines must reach this mean score, and this much more than before.
_SURE_BACK, _GAIN = 0.85, 0.06
#: Fewer letters than this decide nothing: many look the same in the mirror.
_LEAST_LETTERS = 4
#: Number of longest lines that are read.
_TRIED = 4


def is_mirrored(bgr: Pixels, quads: Sequence[Quad], recognize: Recognize) -> bool:
    """Return whether a picture's lines read better in the mirror."""
    lines = sorted(quads, key=lambda quad: -len(quad.text.strip()))[:_TRIED]
    lines = [quad for quad in lines if len(quad.text.strip()) > 1]
    if (
        sum(len(quad.text.strip()) for quad in lines) < _LEAST_LETTERS
        or _mean([(q.text, q.score) for q in quads]) > _SURE
    ):
        return False
    crops = [cut_out(bgr, quad.points) for quad in lines]
    # Try both ways: some mirrored lines were detected as upside down, and their mirror image is upside down again.
    across = recognize([np.ascontiguousarray(crop[:, ::-1]) for crop in crops])
    down = recognize([np.ascontiguousarray(crop[::-1]) for crop in crops])
    back = [max(ways, key=lambda way: way[1]) for ways in zip(across, down, strict=True)]
    gain = _mean(back) - _mean([(quad.text, quad.score) for quad in lines])
    return _mean(back) > _SURE_BACK and gain > _GAIN


def _mean(lines: Sequence[tuple[str, float]]) -> float:
    """Return the mean score, weighted by the number of letters."""
    letters = sum(len(text.strip()) for text, _ in lines)
    return sum(score * len(text.strip()) for text, score in lines) / max(letters, 1)
