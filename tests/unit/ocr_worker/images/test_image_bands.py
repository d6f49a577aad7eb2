"""Large pictures become RGB one band of rows at a time, with the same pixels."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from ocr_worker.images import decode
from ocr_worker.images.decode import DecodedPhoto, Limits, open_photo

SIZE = (50, 40)
RANDOM = np.random.default_rng(7)


def noise(kind: type, channels: int | None, most: float) -> np.ndarray:
    shape = (SIZE[1], SIZE[0]) if channels is None else (SIZE[1], SIZE[0], channels)
    return (RANDOM.random(shape) * most).astype(kind)


def see_through() -> Image.Image:
    return Image.fromarray(noise(np.uint8, 4, 256))


def floats() -> Image.Image:
    values = noise(np.float32, None, 1000) - 300
    values[3, 4:8] = (np.nan, np.inf, -np.inf, 900)
    return Image.fromarray(values)


PICTURES = {
    "see-through": ("PNG", see_through),
    "see-through grey": ("PNG", lambda: see_through().convert("LA")),
    "see-through palette": ("GIF", see_through),
    "palette": ("PNG", lambda: see_through().convert("P")),
    "grey": ("PNG", lambda: Image.fromarray(noise(np.uint8, None, 256))),
    "16 bits": ("PNG", lambda: Image.fromarray(noise(np.uint16, None, 65_536))),
    "32 bits": ("TIFF", lambda: Image.fromarray(noise(np.int32, None, 1e9))),
    "floats": ("TIFF", floats),
    "print colours": ("TIFF", lambda: Image.fromarray(noise(np.uint8, 4, 256), "CMYK")),
    "two colours": ("BMP", lambda: see_through().convert("1")),
    "ordinary": ("WEBP", lambda: see_through().convert("RGB")),
}


@pytest.mark.parametrize("name", PICTURES)
# As many pixels as whole rows hold, with and without a rest, and fewer than one row has.
@pytest.mark.parametrize("band", [50 * 8, 50 * 7 + 3, 20])
def test_a_picture_is_the_same_in_bands(monkeypatch, name, band):
    kind, draw = PICTURES[name]
    out = BytesIO()
    draw().save(out, kind)

    def opened() -> DecodedPhoto:
        photo = open_photo(out.getvalue(), Limits())
        assert isinstance(photo, DecodedPhoto)
        return photo

    whole = opened()
    monkeypatch.setattr(decode, "_BAND_PIXELS", band)
    monkeypatch.setattr(decode, "_WHOLE_PIXELS", 20)
    assert np.array_equal(opened().small, whole.small)
    assert len(np.unique(whole.small)) > 1
