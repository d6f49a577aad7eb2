"""
Puts lines of any direction in reading order. Pure geometry.

Lines of the same direction form a group. Each group is rotated until its lines run left to right, and then read in
rows from the top. Rotated in this way, columns of Chinese read from right to left without a rule of their own.
Knows no engine and no text.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ocr_worker.engines.rapid.quads import Quad, upright_box
from schemas.events import BBox, Direction

#: Below this tilt in degrees, the upright boxes of neighbouring lines do not overlap.
_STRAIGHT = 2.0
#: Lines share a row if the distance of their middles is less than this share of the lower one's height.
_SAME_ROW = 0.5


class Placed(NamedTuple):
    """A line, its direction, and its box in the upright original."""

    quad: Quad
    direction: Direction
    bbox: BBox
    #: Its box after its group is rotated to run left to right. None if that is `bbox`.
    reading_box: BBox | None


class _Turned(NamedTuple):
    quad: Quad
    #: x1, y1, x2, y2 in the group's own coordinates.
    box: NDArray[np.float32]


def arrange(quads: Sequence[Quad], size: tuple[int, int], *, mirrored: bool = False) -> list[Placed]:
    """
    Put the lines of a picture of `size` (width, height) in reading order.

    With `mirrored`, the quads are those of the mirror image; boxes are then mirrored back to the original.
    """
    if not quads:
        return []
    tilt = _common_tilt(quads)
    groups: dict[int, list[_Turned]] = {}
    for quad in quads:
        turn = round((quad.angle - tilt) / 90) % 4
        groups.setdefault(turn, []).append(_Turned(quad, _frame_box(quad, tilt + 90 * turn)))
    straight = not mirrored and abs(tilt) < _STRAIGHT and groups.keys() == {0}
    placed: list[Placed] = []
    below = 0
    for turn, group in sorted(groups.items(), key=lambda item: min(quad.bounds[1] for quad, _ in item[1])):
        boxes = _shifted([box for _, box in group], below)
        below = max(box[3] for box in boxes) + max(box[3] - box[1] for box in boxes)
        direction = _DIRECTIONS[round((tilt + 90 * turn) / 90) % 4]
        for at in _rows([box for _, box in group]):
            quad = group[at].quad
            placed.append(Placed(quad, direction, _bbox(quad, size, mirrored), None if straight else boxes[at]))
    return placed


_DIRECTIONS: tuple[Direction, ...] = (0, 90, 180, 270)


def _common_tilt(quads: Sequence[Quad]) -> float:
    """Return the tilt, -45..45 degrees, that the lines share in any direction; long lines have more weight."""
    # Four times the angle is equal for all four directions.
    angles = np.deg2rad([4 * quad.angle for quad in quads])
    weights = np.array([quad.length**2 for quad in quads])
    return float(np.rad2deg(np.arctan2((weights * np.sin(angles)).sum(), (weights * np.cos(angles)).sum())) / 4)


def _frame_box(quad: Quad, angle: float) -> NDArray[np.float32]:
    cos, sin = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    points = quad.points @ np.array([(cos, -sin), (sin, cos)], dtype=np.float32)
    return np.concatenate([points.min(axis=0), points.max(axis=0)])


def _shifted(boxes: list[NDArray[np.float32]], below: int) -> list[BBox]:
    """Shift a group's boxes to positive pixels, below the previous group."""
    corner = np.min(boxes, axis=0)[:2]
    shift = np.concatenate([-corner, -corner]) + np.array([0, below, 0, below])
    moved: list[BBox] = []
    for box in boxes:
        x1, y1, x2, y2 = (box + shift).tolist()
        moved.append((int(x1), int(y1), max(int(x1) + 1, round(x2)), max(int(y1) + 1, round(y2))))
    return moved


def _rows(boxes: list[NDArray[np.float32]]) -> list[int]:
    """Return the indices of `boxes` sorted by rows from the top, and in a row from the left."""
    middle = [float(box[1] + box[3]) / 2 for box in boxes]
    height = [float(box[3] - box[1]) for box in boxes]
    rows: list[list[int]] = []
    for at in sorted(range(len(boxes)), key=middle.__getitem__):
        first = rows[-1][0] if rows else at
        if rows and middle[at] - middle[first] < _SAME_ROW * min(height[at], height[first]):
            rows[-1].append(at)
        else:
            rows.append([at])
    return [at for row in rows for at in sorted(row, key=lambda at: float(boxes[at][0]))]


def _bbox(quad: Quad, size: tuple[int, int], mirrored: bool) -> BBox:
    x1, y1, x2, y2 = upright_box(quad, size)
    return (size[0] - x2, y1, size[0] - x1, y2) if mirrored else (x1, y1, x2, y2)
