"""
Finds, without a model, the main colour in the middle of the photo, where the garment usually is.

It cannot distinguish a garment from its background, so its scores are low. Without a main colour it returns no value.
"""

import cv2
import numpy as np

from ocr_worker.images.decode import DecodedPhoto, Pixels
from schemas.events import Engine, Seen, SeenValue

#: Typical cloth of each colour in daylight, as sRGB. A wide colour has several.
_CLOTHS: tuple[tuple[str, tuple[int, int, int]], ...] = (
    ("black", (25, 25, 27)),
    ("white", (242, 242, 242)),
    ("grey", (130, 130, 132)),
    ("grey", (186, 187, 190)),
    ("beige", (218, 200, 172)),
    ("brown", (100, 66, 40)),
    ("red", (195, 32, 42)),
    ("burgundy", (108, 22, 42)),
    ("pink", (238, 168, 190)),
    ("orange", (238, 126, 34)),
    ("yellow", (244, 212, 60)),
    ("green", (46, 136, 72)),
    ("green", (132, 180, 112)),
    ("olive", (98, 102, 52)),
    ("mint", (168, 224, 196)),
    ("blue", (66, 118, 196)),
    ("blue", (30, 60, 210)),
    ("blue", (142, 190, 232)),
    ("navy", (28, 36, 76)),
    ("turquoise", (44, 178, 178)),
    ("purple", (122, 62, 152)),
    ("purple", (182, 152, 206)),
)
COLOURS = tuple(dict.fromkeys(name for name, _ in _CLOTHS))
#: For each cloth, the index of its colour in COLOURS.
_PLACES = np.array([COLOURS.index(name) for name, _ in _CLOTHS])
#: The middle: this share of the width, and of the height.
_WIDE, _HIGH = 0.4, 0.5
#: Size in px to which the middle is scaled: finer detail is pattern.
_SIDE = 32
#: Weight of the lightness: folds and light change it far more than the hue.
_LIGHTNESS = 0.5
#: Smallest share of the middle that makes a colour the main one.
_LEAST = 0.4
#: Score if the main colour fills the middle, and if its share is zero.
_ALL, _NONE = 0.6, 0.3


class MainColourLooker:
    """Looks only at pixels. Stores nothing."""

    engine = Engine(name="main-colour", model="none", revision="1")

    def prepare(self, photo: DecodedPhoto) -> Seen:
        """Return the main colour of the middle, if there is one. Does all the work, on the CPU."""
        height, width = photo.small.shape[:2]
        left, right = _span(width, _WIDE)
        top, bottom = _span(height, _HIGH)
        found = main_colour(photo.small[top:bottom, left:right])
        if found is None:
            return Seen(engine=self.engine, values=())
        name, share = found
        (x1, x2), (y1, y2) = _span(photo.width, _WIDE), _span(photo.height, _HIGH)
        score = round(_NONE + (_ALL - _NONE) * share, 4)
        return Seen(engine=self.engine, values=(SeenValue(tag=f"colour/{name}", bbox=(x1, y1, x2, y2), score=score),))

    async def look(self, prepared: Seen) -> Seen:
        """Return what `prepare` found."""
        return prepared

    async def aclose(self) -> None:
        """Do nothing: there is nothing to close."""


def main_colour(pixels: Pixels) -> tuple[str, float] | None:
    """Return the main colour of a picture with its share, 0 to 1; None if there is none."""
    pixels = np.asarray(cv2.resize(pixels, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    cloths = _lab(np.array([[cloth for _, cloth in _CLOTHS]], dtype=np.uint8)).reshape(-1, 3)
    own = _lab(pixels).reshape(-1, 3)
    nearest = ((own[:, None, :] - cloths[None, :, :]) ** 2).sum(axis=2).argmin(axis=1)
    counts = np.bincount(_PLACES[nearest], minlength=len(COLOURS))
    share = float(counts.max() / counts.sum())
    return (COLOURS[int(counts.argmax())], share) if share >= _LEAST else None


def _lab(pixels: Pixels) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    lab = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return np.asarray(lab * np.array([_LIGHTNESS, 1, 1], dtype=np.float32), dtype=np.float32)


def _span(length: int, share: float) -> tuple[int, int]:
    """Return where the middle of a side begins and ends: at least 1 px."""
    margin = int(length * (1 - share) / 2)
    return margin, max(length - margin, margin + 1)
