"""
Chooses the regions of a photo for a second, closer look. Pure; knows no engine.

All boxes are px of the small picture. The numbers were measured (docs/ocr.md).
"""

from collections.abc import Sequence
from statistics import median

import cv2
import numpy as np

from ocr_worker.engines.rapid.quads import Quad
from ocr_worker.images.decode import Pixels

#: x1, y1, x2, y2.
Box = tuple[float, float, float, float]

#: Lines lower than this many px, or with a lower mean score, are read again.
SMALL_LINE = 26.0
UNSURE = 0.9
#: A region without a line of this many letters is not read again.
_WORD = 2
#: To group lines, each line's box is grown by this many line heights.
GROW = 1.5
MAX_REGIONS = 3
#: Most blobs: each costs a pass of the detector, and photos without any text are common.
MAX_BLOBS = 2
#: A blob covers at least this share of the picture; smaller ones are specks.
_LEAST_BLOB = 0.002
#: Side of a quarter as a share of the picture's, so that quarters overlap in the middle.
_TILE_SHARE = 0.55


def unsure_regions(quads: Sequence[Quad], size: tuple[int, int]) -> list[Box]:
    """Group neighbouring lines; return the regions of small or unsure ones, most text first."""
    groups: list[tuple[Box, list[Quad]]] = []
    for quad in quads:
        box, members = _grown(quad), [quad]
        # A grown group may touch further groups.
        while near := [group for group in groups if _touch(group[0], box)]:
            for group in near:
                box = _around(box, group[0])
                members += group[1]
                groups.remove(group)
        groups.append((box, members))
    groups.sort(key=lambda group: -sum(len(quad.text) for quad in group[1]))
    return [_inside(box, size) for box, members in groups if _unsure(members)][:MAX_REGIONS]


def busy_blobs(small: Pixels) -> list[Box]:
    """Return the areas with the most change, for a photo in which the first look found nothing."""
    height, width = small.shape[:2]
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (3, 3))
    gradient = cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, kernel)
    _, mask = cv2.threshold(gradient, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_RECT, (25, 9)))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    strength = np.bincount(labels.ravel(), weights=gradient.ravel(), minlength=count)
    blobs: list[Box] = []
    for label in np.argsort(-strength):
        x, y, w, h, _ = (int(value) for value in stats[label])
        if label != 0 and w * h >= _LEAST_BLOB * width * height:
            margin = 0.1 * max(w, h)
            blobs.append(_inside((x - margin, y - margin, x + w + margin, y + h + margin), (width, height)))
    return blobs[:MAX_BLOBS]


def quarters(size: tuple[int, int]) -> list[Box]:
    """Return two by two overlapping tiles of the picture."""
    width, height = size
    w, h = width * _TILE_SHARE, height * _TILE_SHARE
    return [(x, y, x + w, y + h) for y in (0.0, height - h) for x in (0.0, width - w)]


def roomy(box: Box, least: tuple[float, float], size: tuple[int, int]) -> Box:
    """Grow a box around its centre to at least `least`, inside the picture: the detector may have found half a line."""
    edges: list[tuple[float, float]] = []
    for low, high, room, side in zip(box[:2], box[2:], least, size, strict=True):
        wide = min(max(high - low, room), float(side))
        start = min(max((low + high - wide) / 2, 0.0), side - wide)
        edges.append((start, start + wide))
    return edges[0][0], edges[1][0], edges[0][1], edges[1][1]


def _unsure(quads: Sequence[Quad]) -> bool:
    if all(sum(character.isalnum() for character in quad.text) < _WORD for quad in quads):
        # The engine reads patterns of cloth as single letters.
        return False
    small = median(quad.height for quad in quads) < SMALL_LINE
    return small or sum(quad.score for quad in quads) / len(quads) < UNSURE


def _grown(quad: Quad) -> Box:
    x1, y1, x2, y2 = quad.bounds
    by = GROW * quad.height
    return x1 - by, y1 - by, x2 + by, y2 + by


def _touch(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _around(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def _inside(box: Box, size: tuple[int, int]) -> Box:
    return max(box[0], 0.0), max(box[1], 0.0), min(box[2], float(size[0])), min(box[3], float(size[1]))
