"""Chooses the background of a transparent picture: white, unless white hides its print. Knows no format."""

import numpy as np
from PIL import Image

#: Shades to choose from; the default comes first.
_SHADES = (255, 0, 128)
#: A pixel is hidden if its lightness differs from that of the background by less than this.
_NEAR = 70
#: The background is white if white hides at most this share of the picture.
_HIDDEN = 0.25
#: Side of the copy that is measured. Its pixels are picked, not averaged, so thin letters survive.
_SIDE = 256
_OPAQUE = 128


def backing_of(image: Image.Image) -> int:
    """Return the shade of grey, 0 to 255, that hides the least of the picture."""
    scale = max(1, max(image.size) // _SIDE)
    size = (max(1, image.width // scale), max(1, image.height // scale))
    rgba = np.asarray(image.resize(size, Image.Resampling.NEAREST).convert("RGBA"), dtype=np.int16)
    shown = rgba[..., :3].max(axis=-1)[rgba[..., 3] >= _OPAQUE]
    if not shown.size:
        return _SHADES[0]
    hidden = [float((abs(shown - shade) < _NEAR).mean()) for shade in _SHADES]
    return _SHADES[0] if hidden[0] <= _HIDDEN else _SHADES[int(np.argmin(hidden))]
