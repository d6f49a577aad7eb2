"""
Decides which lines found at half scale are certain, and which parts of the picture need a look at full scale.

Pure geometry. All boxes are px at full scale.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_worker.engines.rapid.quads import SAME, Corners, shared

#: Of print less than this many px high, the detector finds only a part at half scale.
_LEAST_HEIGHT = 40.0
#: A line is at most this share of the picture's shorter side high, or at least this many times as long as high.
#: Anything else is a shape: a letter or two, a garment, or a page of the smallest print.
_MOST_HEIGHT, _LONG = 0.25, 2.5
#: A spot that fills this share of its box is solid. A page of readable print fills less, because it shows as stripes.
_SOLID = 0.6
#: From this score of the detector on, a line is certain.
_CERTAIN = 0.6
#: A spot may be text if it is in no certain line, all its px have more than the first probability, and one of them has
#: more than the second.
_CHANCE, _PEAK = 0.1, 0.3
#: Spots with fewer px of the detector's map are ignored as specks.
_LEAST_SPOT = 6
#: A window extends this many px beyond its spot, because only a part of small print shows as a spot.
_REACH = 64
#: Sides of windows are multiples of this many px, because ONNX Runtime keeps memory for each size that it has met.
_STEP = 128
#: Side in px of the middle of a shape in which the detector looks for print.
_PROBE = 320
#: A line that ends less than this many px from a window's edge was cut by it.
_CUT = 5.0


class Window(NamedTuple):
    """A part of a picture, px."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def middle(self) -> "Window":
        """The part around its centre in which the detector looks for print."""
        x, y = (self.left + self.right) // 2, (self.top + self.bottom) // 2
        return Window(
            max(x - _PROBE // 2, self.left),
            max(y - _PROBE // 2, self.top),
            min(x + _PROBE // 2, self.right),
            min(y + _PROBE // 2, self.bottom),
        )

    @property
    def area(self) -> int:
        """Its area in px."""
        return (self.right - self.left) * (self.bottom - self.top)

    def wider(self, sides: tuple[bool, bool, bool, bool], shape: tuple[int, ...]) -> "Window":
        """Move the given sides (left, top, right, bottom) outwards by half the width or height, inside the picture."""
        across, down = (self.right - self.left) // 2, (self.bottom - self.top) // 2
        by = (-across, -down, across, down)
        moved = [side + step if cut else side for side, step, cut in zip(self, by, sides, strict=True)]
        return snapped(Window(*moved), shape)

    def touches(self, other: "Window") -> bool:
        """Return whether the two windows overlap."""
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def around(self, other: "Window") -> "Window":
        """Return the smallest window that contains both."""
        return Window(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )


class Doubts(NamedTuple):
    """The parts to detect again at full scale: windows, and shapes, most of which contain no text."""

    windows: list[Window]
    shapes: list[Window]


def is_plain(corners: Corners, score: float, shape: tuple[int, ...]) -> bool:
    """Return whether a line found at half scale needs no look at full scale."""
    height, length = _sides(corners)
    return score >= _CERTAIN and height >= _LEAST_HEIGHT and not _is_shape(height, length, shape)


def is_large_letter(corners: Corners, score: float, shape: tuple[int, ...]) -> bool:
    """Return whether the detected line may be one or two letters that fill the picture."""
    return score >= _CERTAIN and _is_shape(*_sides(corners), shape)


def doubts(chances: NDArray[np.float32], plain: Sequence[Corners], shape: tuple[int, ...]) -> Doubts:
    """Return the parts of a picture where the detector's map shows spots outside the plain lines."""
    height, width = chances.shape
    scale = np.array((width / shape[1], height / shape[0]), np.float32)
    doubtful = (chances > _CHANCE).astype(np.uint8)
    for line in plain:
        cv2.fillConvexPoly(doubtful, np.round(line * scale).astype(np.int32), 0)
    count, _, stats, _ = cv2.connectedComponentsWithStats(doubtful)
    found = Doubts([], [])
    for x, y, w, h, area in stats[1:count].tolist():
        if area < _LEAST_SPOT or chances[y : y + h, x : x + w].max() < _PEAK:
            continue
        left, top, right, bottom = (
            round(edge) for edge in (x / scale[0], y / scale[1], (x + w) / scale[0], (y + h) / scale[1])
        )
        is_shape = area > _SOLID * w * h and _is_shape(
            min(right - left, bottom - top), max(right - left, bottom - top), shape
        )
        window = Window(left - _REACH, top - _REACH, right + _REACH, bottom + _REACH)
        (found.shapes if is_shape else found.windows).append(snapped(window, shape))
    return found


def united(windows: Sequence[Window]) -> list[Window]:
    """Unite windows that touch."""
    apart: list[Window] = []
    for window in windows:
        whole = window
        while near := [other for other in apart if other.touches(whole)]:
            for other in near:
                apart.remove(other)
                whole = whole.around(other)
        apart.append(whole)
    return apart


def covered(corners: Corners, lines: Sequence[Corners]) -> bool:
    """Return whether a line is one of `lines`. Compares only their middles, because the edges of neighbours overlap."""
    core = _core(corners)
    return any(shared(core, _core(line)) > SAME for line in lines)


def cut_at_edge(lines: Sequence[Corners], window: Window, shape: tuple[int, ...]) -> tuple[bool, bool, bool, bool]:
    """Return which sides of a window (left, top, right, bottom) cut a line; the picture's own edges cut none."""
    if not lines:
        return False, False, False, False
    left, top = np.min([line.min(axis=0) for line in lines], axis=0)
    right, bottom = np.max([line.max(axis=0) for line in lines], axis=0)
    return (
        window.left > 0 and left < window.left + _CUT,
        window.top > 0 and top < window.top + _CUT,
        window.right < shape[1] and right > window.right - _CUT,
        window.bottom < shape[0] and bottom > window.bottom - _CUT,
    )


def _core(corners: Corners) -> Corners:
    """Return the part of a line between a quarter and three quarters of its height."""
    first, second = np.linalg.norm(corners[1] - corners[0]), np.linalg.norm(corners[2] - corners[1])
    across = corners[[3, 2, 1, 0]] if first >= second else corners[[1, 0, 3, 2]]
    return np.asarray(0.75 * corners + 0.25 * across, dtype=np.float32)


def _sides(corners: Corners) -> tuple[float, float]:
    """Return the shorter and the longer side."""
    edges = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1)
    return float(min(edges[:2])), float(max(edges[:2]))


def _is_shape(height: float, length: float, shape: tuple[int, ...]) -> bool:
    return height > _MOST_HEIGHT * min(shape[:2]) and length < _LONG * height


def snapped(window: Window, shape: tuple[int, ...]) -> Window:
    """Lengthen each side to a multiple of `_STEP`, and keep the window inside the picture."""
    edges: list[tuple[int, int]] = []
    for low, high, most in ((window.left, window.right, shape[1]), (window.top, window.bottom, shape[0])):
        wanted = min(high, most) - max(low, 0)
        length = min(-(-wanted // _STEP) * _STEP, most)
        start = min(max((max(low, 0) + min(high, most) - length) // 2, 0), most - length)
        edges.append((start, start + length))
    return Window(edges[0][0], edges[1][0], edges[0][1], edges[1][1])
