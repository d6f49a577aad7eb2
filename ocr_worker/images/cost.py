"""
How many bytes the decoder of a photo takes, told from the header alone. Measured for each format; decodes nothing.

Figures are bytes a pixel unless they say otherwise (tests/unit/ocr_worker/images/test_memory_budget.py).
"""

from typing import Any

from PIL import Image

from ocr_worker.images.formats import Format

#: Buffers that every decoder takes, and one band of rows on its way to RGB.
_FIXED = 24_000_000
#: The picture in RGB, scaled down to less than twice the long side that is wanted.
_RGB, _MOST_RGB_PIXELS = 3, 2**24
#: How Pillow stores a pixel; every other mode takes 4 bytes.
_STORED = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}
_MOST_STORED = 4
#: libwebp's canvas, the frame before it and the decoder's own, then a copy for Python, then Pillow's.
_WEBP = 15
#: Planes from the video decoder, RGB from those, a copy for Python, then Pillow's.
_VIDEO = 9
#: A coefficient of a JPEG that takes several scans.
_COEFFICIENT = 2
#: TIFF tags: rows of one strip, sides of a tile, bits and samples of a pixel (TIFF 6.0, sections 8 and 15).
_ROWS_PER_STRIP, _TILE_WIDTH, _TILE_LENGTH, _BITS, _SAMPLES = 278, 322, 323, 258, 277
#: VP8X: canvas as 24 bits each, less one. VP8L: 14 bits each, less one. VP8: 14 bits each (RFC 9649; RFC 6386, 9.1).
_VP8X, _VP8L, _VP8 = b"VP8X", b"VP8L", b"VP8 "


def decoding_bytes(image: Image.Image, kind: Format, file_pixels: int, scans: int) -> int:
    """
    Reckon what decoding takes beyond `opening_bytes`; the scale of a JPEG has been chosen by then.

    `file_pixels` is its size before that, `scans` how many passes a JPEG takes.
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
    Reckon what opening takes: nothing, but for a WebP all there is, because its decoder asks for it at once.

    Raises:
        ValueError: damaged beyond telling.

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
    """Give what libjpeg keeps of the whole picture, at its full size, when no one scan completes it."""
    # (id, horizontal and vertical sampling, table) of each component.
    sampling = [(layer[1], layer[2]) for layer in image.layer]
    most = max(across for across, _ in sampling) * max(down for _, down in sampling)
    return int(file_pixels * sum(across * down for across, down in sampling) / most * _COEFFICIENT)


def _strip_bytes(image: Any) -> int:
    """Give the size of the largest strip or tile, which libtiff unpacks whole."""
    tags = image.tag_v2
    each = max(sum(tags.get(_BITS, (1,))) / 8, int(tags.get(_SAMPLES, 1)))
    rows = min(int(tags.get(_ROWS_PER_STRIP, image.height)), image.height)
    tile = int(tags.get(_TILE_WIDTH, 0)) * int(tags.get(_TILE_LENGTH, 0))
    return int(max(rows * image.width, tile) * each)
