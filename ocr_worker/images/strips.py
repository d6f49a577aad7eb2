"""Pads strips to an aspect ratio that engines can process. Knows no engine."""

import cv2
import numpy as np

from ocr_worker.images.decode import Pixels


def pad_strip(pixels: Pixels, most_aspect: int, colour: tuple[float, ...]) -> Pixels:
    """
    Pad a picture to at most `most_aspect` times as long as wide.

    The border is added on the right or at the bottom, so that boxes keep their coordinates.
    """
    height, width = pixels.shape[:2]
    least = -(-max(height, width) // most_aspect)
    below, right = max(0, least - height), max(0, least - width)
    if not below and not right:
        return pixels
    return np.asarray(cv2.copyMakeBorder(pixels, 0, below, 0, right, cv2.BORDER_CONSTANT, value=colour), dtype=np.uint8)
