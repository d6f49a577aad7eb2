"""
Lines as tilted quadrilaterals: overlap and upright boxes. Pure.

Overlap is computed on polygons. Upright bounding boxes of tilted lines overlap those of their neighbours, and merging
by them cost ten points of recall (docs/ocr.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from schemas.events import BBox

Point = tuple[float, float]
#: The corners of one line, clockwise from the text's own top left: float32 (4, 2), px.
Corners = NDArray[np.float32]
#: Two lines are the same text if their overlap is more than this share of the smaller one.
SAME = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Quad:
    """One line from the engine."""

    points: Corners
    text: str = field(repr=False)
    score: float
    #: The longest stretch of ink without a letter, in line heights; 0 if all was read.
    unread: float = 0.0
    #: Read unsurely although its edges are sharp, as letters that no model knows are.
    strange: bool = False
    #: Read by a further recognizer, which knows another script.
    further: bool = False

    @property
    def height(self) -> float:
        """The line's height in px: its shorter side, in any direction."""
        a, b, _, d = self.points
        return float(min(np.linalg.norm(b - a), np.linalg.norm(d - a)))

    @property
    def length(self) -> float:
        """The line's length in px, along its direction."""
        return float(np.linalg.norm(self.points[1] - self.points[0]))

    @property
    def angle(self) -> float:
        """The line's direction in degrees clockwise from left to right: -180..180."""
        x, y = self.points[1] - self.points[0]
        return float(np.rad2deg(np.arctan2(y, x)))

    def moved(self, factor: float | tuple[float, float], shift: tuple[float, float] = (0.0, 0.0)) -> "Quad":
        """Return the line scaled by `factor` (one, or x and y), then shifted by `shift` px."""
        return replace(self, points=self.points * np.array(factor, np.float32) + np.array(shift, np.float32))

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """The upright rectangle around the line: x1, y1, x2, y2."""
        (x1, y1), (x2, y2) = self.points.min(axis=0), self.points.max(axis=0)
        return float(x1), float(y1), float(x2), float(y2)

    @property
    def worth(self) -> float:
        """Score times number of characters."""
        return self.score * len(self.text)


def overlap(a: Quad, b: Quad) -> float:
    """Return the share (0..1) of the smaller line that is inside the other."""
    return shared(a.points, b.points)


def shared(a: Corners, b: Corners) -> float:
    """Return the share (0..1) of the smaller convex quadrilateral that is inside the other."""
    (ax1, ay1), (ax2, ay2) = a.min(axis=0), a.max(axis=0)
    (bx1, by1), (bx2, by2) = b.min(axis=0), b.max(axis=0)
    if ax2 <= bx1 or bx2 <= ax1 or ay2 <= by1 or by2 <= ay1:
        return 0.0
    first, second = _clockwise(a), _clockwise(b)
    smaller = min(_area(first), _area(second))
    if smaller <= 0:
        return 0.0
    return min(_area(_clip(first, second)) / smaller, 1.0)


def upright_box(quad: Quad, size: tuple[int, int]) -> BBox:
    """Return the upright box in whole px, clamped to a picture of `size` (width, height)."""
    x1, y1, x2, y2 = quad.bounds
    left = min(max(int(x1), 0), size[0] - 1)
    top = min(max(int(y1), 0), size[1] - 1)
    right = min(max(-int(-x2 // 1), left + 1), size[0])
    bottom = min(max(-int(-y2 // 1), top + 1), size[1])
    return left, top, right, bottom


def _clockwise(points: Corners) -> list[Point]:
    corners: list[Point] = [(float(x), float(y)) for x, y in points]
    return corners if _signed_area(corners) >= 0 else corners[::-1]


def _signed_area(corners: Sequence[Point]) -> float:
    following = [*corners[1:], *corners[:1]]
    return sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(corners, following, strict=True)) / 2


def _area(corners: Sequence[Point]) -> float:
    return abs(_signed_area(corners))


def _clip(corners: list[Point], window: list[Point]) -> list[Point]:
    """
    Clip a convex polygon to a convex window (Sutherland and Hodgman, 1974).

    OpenCV's intersectConvexConvex returns areas larger than either polygon if they share an edge.
    """
    for (ax, ay), (bx, by) in zip(window, [*window[1:], window[0]], strict=True):
        sides = [(bx - ax) * (y - ay) - (by - ay) * (x - ax) for x, y in corners]
        kept: list[Point] = []
        for at, (x, y) in enumerate(corners):
            side, before = sides[at], sides[at - 1]
            if (side > 0) != (before > 0):
                part = before / (before - side)
                px, py = corners[at - 1]
                kept.append((px + part * (x - px), py + part * (y - py)))
            if side > 0:
                kept.append((x, y))
        corners = kept
    return corners
