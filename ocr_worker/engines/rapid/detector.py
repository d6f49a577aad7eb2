"""
Finds where the lines of a picture are: at half scale first, at full scale only where that leaves doubt.

A look at half scale costs a quarter. It finds large print better than one at full scale, which takes single letters or
words for lines, and shows small print as faint or shapeless spots. Knows no text.
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_worker.engines.rapid.doubt import Window, covered, cut_at_edge, doubts, is_large_letter, is_plain, united
from ocr_worker.engines.rapid.quads import Corners
from ocr_worker.images.decode import Pixels

#: The probability that each px is text, 0..1: float32 (height, width).
Chances = NDArray[np.float32]
#: At full scale the shorter side of a picture has at least this many px (RapidOCR's own limit).
_SHORT_SIDE = 736
#: The model accepts only pictures whose sides are multiples of this many px.
_STEP = 32
#: A shape contains print if the detector finds at least this many lines in its middle.
_LINES = 2
#: If the windows cover more than this share of the picture, detecting on the whole picture is cheaper.
_MOST_WINDOWS = 0.6


class LineFinder:
    """One detector, safe to use from several threads."""

    def __init__(self, detector: Any, *, half_first: bool) -> None:
        """`detector` is RapidOCR's TextDetector. Without `half_first`, it runs once, at full scale."""
        self._detector, self._half_first = detector, half_first

    def find(self, bgr: Pixels) -> list[Corners]:
        """Return the lines of a picture: corners clockwise from the top left, in any direction of the line."""
        scale = max(1.0, _SHORT_SIDE / min(bgr.shape[:2]))
        full = bgr if scale == 1 else np.asarray(cv2.resize(bgr, None, fx=scale, fy=scale), dtype=np.uint8)
        lines = self._by_halves(full) if self._half_first else self._look(full)[0]
        return [line / np.float32(scale) for line in lines]

    def _by_halves(self, full: Pixels) -> list[Corners]:
        shape = full.shape[:2]
        half = np.asarray(cv2.resize(full, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        found, scores, chances = self._look(half)
        scored = [(line * np.float32(2), score) for line, score in zip(found, scores, strict=True)]
        certain = [line for line, score in scored if is_plain(line, score, shape)]
        windows, shapes = doubts(chances, certain, shape)
        windows = united([*windows, *(one for one in shapes if len(self._look_at(full, one.middle)) >= _LINES)])
        if sum(window.area for window in windows) > _MOST_WINDOWS * shape[0] * shape[1]:
            windows = [Window(0, 0, shape[1], shape[0])]
        for window in windows:
            certain += [line for line in self._look_into(full, window) if not covered(line, certain)]
        letters = [line for line, score in scored if is_large_letter(line, score, shape)]
        return certain + [letter for letter in letters if not covered(letter, certain)]

    def _look_into(self, full: Pixels, window: Window) -> list[Corners]:
        """Detect lines in a window. If its edge cuts a line, detect again in a wider window."""
        lines = self._look_at(full, window)
        wider = window.wider(cut_at_edge(lines, window, full.shape[:2]), full.shape[:2])
        return lines if wider == window else self._look_at(full, wider)

    def _look_at(self, full: Pixels, window: Window) -> list[Corners]:
        x1, y1, x2, y2 = window
        return [line + np.array((x1, y1), np.float32) for line in self._look(full[y1:y2, x1:x2])[0]]

    def _look(self, bgr: Pixels) -> tuple[list[Corners], Sequence[float], Chances]:
        """Return the lines, the score of each, and the model's map of probabilities."""
        height, width = bgr.shape[:2]
        size = tuple(max(_STEP, round(side / _STEP) * _STEP) for side in (width, height))
        # Scale 0..255 to -1..1, the range that the model was trained on.
        chances = self._detector.session(
            cv2.dnn.blobFromImage(cv2.resize(bgr, size), 2 / 255, mean=(127.5, 127.5, 127.5))
        )
        found, scores = self._detector.postprocess_op(chances, (height, width))
        return [np.asarray(corners, dtype=np.float32) for corners in found], scores, chances[0, 0]
