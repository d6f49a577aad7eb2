"""
Estimates the memory that decoding a photo takes, from its header alone. Measured per format; decodes nothing.

Figures are bytes per pixel unless noted otherwise (tests/unit/ocr_worker/images/test_memory_budget.py).
"""

from typing import Any

from PIL import Image

from ocr_worker.images.formats import Format

#: Bytes that every decoder takes: buffers, and one band of rows during conversion to RGB.
_FIXED = 24_000_000
#: Bytes per pixel of the RGB picture, and its most pixels: it is less than twice the wanted long side.
_RGB, _MOST_RGB_PIXELS = 3, 2**24
#: Bytes that Pillow takes per pixel, by mode; `_MOST_STORED` for every mode not listed.
_STORED = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}
_MOST_STORED = 4
#: For WebP: libwebp's canvas, its previous frame and its internal copy, a copy for Python, and Pillow's.
_WEBP = 15
#: For HEIC and AVIF: planes of the video decoder, RGB made from them, a copy for Python, and Pillow's.
_VIDEO = 9
#: Bytes of one coefficient of a JPEG with several scans.
_COEFFICIENT = 2
#: TIFF tags: rows per strip, sides of a tile, bits and samples per pixel (TIFF 6.0, sections 8 and 15).
_ROWS_PER_STRIP, _TILE_WIDTH, _TILE_LENGTH, _BITS, _SAMPLES = 278, 322, 323, 258, 277
#: VP8X: canvas as 24 bits each, less one. VP8L: 14 bits each, less one. VP8: 14 bits each (RFC 9649; RFC 6386, 9.1).
_VP8X, _VP8L, _VP8 = b"VP8X", b"VP8L", b"VP8 "


def decoding_bytes(image: Image.Image, kind: Format, file_pixels: int, scans: int) -> int:
    """
    Estimate the bytes that decoding takes in addition to `opening_bytes`.

    Args:
        image: The opened photo. For a JPEG, its scale has been chosen already.
        kind: Format of the photo.
        file_pixels: Pixels before that scale.
        scans: Passes of a JPEG.

    """
    pixels = image.width * image.height
    rgb = _FIXED + _RGB * min(pixels, _MOST_RGB_PIXELS)
    if kind == "WEBP":
        return 0
    if kind in {"HEIF", "AVIF"}:
        return rgb + pixels * _VIDEO
    stored = rgb + pixels * _STORED.get(image.mode, _MOST_STORED)
    if kind == "JPEG":
        return stored + (_coefficients(image, file_pixels) if scans > 1 else 0)
    return stored + (_strip_bytes(image) if kind == "TIFF" else 0)


def opening_bytes(data: bytes, kind: Format) -> int:
    """
    Estimate the bytes that opening takes: 0, except for a WebP, whose decoder allocates everything at once.

    Raises:
        ValueError: The file is too damaged to examine.

    """
    if kind != "WEBP":
        return 0
    pixels = _webp_pixels(data)
    return _FIXED + _RGB * min(pixels, _MOST_RGB_PIXELS) + _WEBP * pixels


def _webp_pixels(data: bytes) -> int:
    chunk = data[12:16]
    if chunk == _VP8X:
        return (1 + int.from_bytes(data[24:27], "little")) * (1 + int.from_bytes(data[27:30], "little"))
    if chunk == _VP8L:
        bits = int.from_bytes(data[21:25], "little")
        return (1 + (bits & 0x3FFF)) * (1 + (bits >> 14 & 0x3FFF))
    if chunk == _VP8:
        return (int.from_bytes(data[26:28], "little") & 0x3FFF) * (int.from_bytes(data[28:30], "little") & 0x3FFF)
    raise ValueError("a WebP without a picture")


def _coefficients(image: Any, file_pixels: int) -> int:
    """Return the bytes of the coefficients of a full-size JPEG. libjpeg keeps them if no single scan completes it."""
    # Each component is (id, horizontal sampling, vertical sampling, table).
    sampling = [(layer[1], layer[2]) for layer in image.layer]
    most = max(across for across, _ in sampling) * max(down for _, down in sampling)
    return int(file_pixels * sum(across * down for across, down in sampling) / most * _COEFFICIENT)


def _strip_bytes(image: Any) -> int:
    """Return the bytes of the largest strip or tile, which libtiff decompresses as a whole."""
    tags = image.tag_v2
    each = max(sum(tags.get(_BITS, (1,))) / 8, int(tags.get(_SAMPLES, 1)))
    rows = min(int(tags.get(_ROWS_PER_STRIP, image.height)), image.height)
    tile = int(tags.get(_TILE_WIDTH, 0)) * int(tags.get(_TILE_LENGTH, 0))
    return int(max(rows * image.width, tile) * each)
