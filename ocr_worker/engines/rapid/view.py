"""
A picture at two scales: small, to find text, and large, to look closer at parts of it.

A whole photo is one view; a long page has one per tile. Knows no engine.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from ocr_worker.engines.rapid.second_pass import Box, busy_blobs, quarters, roomy
from ocr_worker.images.decode import Pixels

#: A closer look is at most this many px long, and enlarges the large picture at most this many times.
_LOOK_SIDE = 1152
_LOOK_ZOOM = 2.0
#: A second look costs as much as the first. It must show at least this many times more detail.
_LEAST_GAIN = 1.25
#: A large picture with at least this many times the detail of the small one is read in quarters.
_QUARTERS_DETAIL = 1.5
#: A picture this many times as long as wide is not cut into quarters.
_STRIP = 3


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """`large` decodes the picture at the file's own scale, or as close to it as engines may get."""

    small: Pixels = field(repr=False)
    large: Callable[[], Pixels] = field(repr=False)
    #: Px of the large picture per px of the small one, along a side.
    detail: float

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the small picture."""
        return self.small.shape[1], self.small.shape[0]

    def mirrored(self) -> "View":
        """Return the mirror image."""
        return replace(self, small=_mirror(self.small), large=lambda: _mirror(self.large()))

    def worth_a_look(self, boxes: list[Box]) -> list[Box]:
        """Grow boxes (px of the small picture) to a useful size, and return those in which a closer look shows more."""
        least = _LOOK_SIDE / _LOOK_ZOOM / self.detail
        looks: list[Box] = []
        for box in boxes:
            x1, y1, x2, y2 = wide = roomy(box, (least, 0.75 * least), self.size)
            gain = min(_LOOK_SIDE / (max(x2 - x1, y2 - y1, 1.0) * self.detail), _LOOK_ZOOM) * self.detail
            seen = any(a <= x1 and b <= y1 and x2 <= c and y2 <= d for a, b, c, d in looks)
            if gain >= _LEAST_GAIN and not seen:
                looks.append(wide)
        return looks

    def where_text_may_hide(self) -> list[Box]:
        """Return the boxes to look at in a picture in which the first look found nothing."""
        if self.detail < _LEAST_GAIN:
            # Enlarging a small photo shows nothing new. Save the time: photos without any text are the most common.
            return []
        blobs = busy_blobs(self.small)
        if worth := self.worth_a_look(blobs):
            return worth
        # If one blob covers the whole picture, small print may be anywhere. Without a blob, there is none.
        strip = max(self.size) > _STRIP * min(self.size)
        if not blobs or strip or self.detail < _QUARTERS_DETAIL:
            return []
        return self.worth_a_look(quarters(self.size))


def closer(large: Pixels, box: Box, detail: float) -> tuple[Pixels, float, tuple[int, int]]:
    """Cut a box of the small picture out of the large one. Return the crop, its scale, and its corner in `large`."""
    x1, y1, x2, y2 = (int(edge * detail) for edge in box)
    crop = np.ascontiguousarray(large[y1 : y2 + 1, x1 : x2 + 1])
    zoom = min(_LOOK_SIDE / max(*crop.shape[:2], 1), _LOOK_ZOOM)
    how = cv2.INTER_CUBIC if zoom > 1 else cv2.INTER_AREA
    return np.asarray(cv2.resize(crop, None, fx=zoom, fy=zoom, interpolation=how), dtype=np.uint8), zoom, (x1, y1)


def _mirror(pixels: Pixels) -> Pixels:
    return np.ascontiguousarray(pixels[:, ::-1])
