"""Chooses what stands behind a transparent picture: white, unless that hides its print. Knows no format."""

import numpy as np
from PIL import Image

#: Shades to choose from, the usual one first.
_SHADES = (255, 0, 128)
#: What is closer in lightness than this can hardly be told from its backing.
_NEAR = 70
#: White stays where it hides no more of the picture than this.
_HIDDEN = 0.25
#: A small copy tells shades well enough. Thin letters survive, as its pixels are picked, not mixed.
_SIDE = 256
_OPAQUE = 128


def backing_of(image: Image.Image) -> int:
    """Give the shade of grey, 0 to 255, that hides the least of what a picture shows."""
    scale = max(1, max(image.size) // _SIDE)
    size = (max(1, image.width // scale), max(1, image.height // scale))
    rgba = np.asarray(image.resize(size, Image.Resampling.NEAREST).convert("RGBA"), dtype=np.int16)
    shown = rgba[..., :3].max(axis=-1)[rgba[..., 3] >= _OPAQUE]
    if not shown.size:
        return _SHADES[0]
    hidden = [float((abs(shown - shade) < _NEAR).mean()) for shade in _SHADES]
    return _SHADES[0] if hidden[0] <= _HIDDEN else _SHADES[int(np.argmin(hidden))]
