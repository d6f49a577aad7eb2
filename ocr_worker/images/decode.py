"""
Decodes untrusted bytes to upright RGB pixels, or returns `Refused`. Knows no engine.

Checks sizes in the header before decoding any pixel. Returns only pixels: EXIF, GPS included, is read for the
orientation and dropped.
"""

import hashlib
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from io import BytesIO

import cv2
import numpy as np
import pi_heif
from numpy.typing import NDArray
from PIL import Image

from ocr_worker.images.anatomy import count_scans, examine
from ocr_worker.images.backing import backing_of
from ocr_worker.images.cost import decoding_bytes, opening_bytes
from ocr_worker.images.formats import Format, sniff
from ocr_worker.images.memory import BUDGET, MOST_FOR_ONE_PHOTO
from ocr_worker.images.mend import MENDING_BYTES, mend
from ocr_worker.result import Refused

#: uint8, shape (height, width, 3), RGB, upright.
Pixels = NDArray[np.uint8]

#: Long side in px at which detection works best and sharpness is comparable (docs/ocr.md).
SMALL_SIDE = 1024
#: Reducing by a whole number is much cheaper; the result may be this much smaller than the wanted side.
_CLOSE_ENOUGH = 0.9
#: Ordinary progressive JPEGs have about ten scans. Each scan costs a pass over the whole picture, even if it contains
#: nothing. A JPEG can have many scans without being progressive.
_MAX_SCANS = 100
#: Larger pictures are converted in bands. Phone photos are smaller than this once JPEG's own decoder has scaled them.
_WHOLE_PIXELS = 2**22
#: Pixels of a band. Converting takes 14 bytes per pixel.
_BAND_PIXELS = 2**20
#: EXIF orientation tag, and the transformation that undoes each value (CIPA DC-008, 4.6.4).
_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = frozenset({5, 6, 7, 8})

pi_heif.register_heif_opener()
# Hostile files would flood the log with warnings. Problems that matter are returned, and pixels are counted here.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits for one photo: bytes received, pixels decoded, and the long side in px that engines get."""

    max_bytes: int = 20_000_000
    max_pixels: int = 60_000_000
    long_side: int = 2048


@dataclass(frozen=True, slots=True, eq=False)
class DecodedPhoto:
    """A photo that has been decoded once. Keeps the file's bytes and the small picture, not the large one."""

    data: bytes = field(repr=False)
    format: Format
    #: Upright size of the original in px.
    width: int
    height: int
    sha256: str
    #: At most SMALL_SIDE px long.
    small: Pixels = field(repr=False)
    #: Longest side that `pixels` returns, in px.
    long_side: int
    #: Passes over the whole picture, for a JPEG.
    scans: int
    #: Rows at the bottom are missing from the file.
    cut_off: bool = False

    def pixels(self, long_side: int | None = None) -> Pixels:
        """
        Decode again, at most `long_side` px long; by default at most `self.long_side`.

        Takes about as long as the first decoding; call it off the event loop.
        """
        return _decode(self.data, self.format, long_side or self.long_side, self.scans)[0]


def open_photo(data: bytes, limits: Limits) -> DecodedPhoto | Refused:
    """Check, decode and scale down a photo of any allowed format. Never raises, whatever the bytes are."""
    if not data:
        return Refused("unreadable", "the photo has no bytes")
    if len(data) > limits.max_bytes:
        return Refused("too_large", f"the photo has {len(data):,} bytes; at most {limits.max_bytes:,} are read")
    kind = sniff(data)
    if kind is None:
        return Refused("unsupported", "not a JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC or AVIF image")
    try:
        return _open(data, kind, limits)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return Refused("too_large", f"the photo has far more than {limits.max_pixels:,} pixels")
    except Exception as error:  # noqa: BLE001 - decoders raise anything at all on hostile bytes
        refused = Refused("unreadable", f"a damaged or truncated {kind} image ({type(error).__name__})")
        return _open_mended(data, kind, limits) or refused


def _open_mended(data: bytes, kind: Format, limits: Limits) -> DecodedPhoto | None:
    """Repair and open a file that a decoder rejected; None if it cannot be repaired."""
    with suppress(Exception):
        with BUDGET.hold_for_photo(MENDING_BYTES.get(kind, 0)):
            mended = mend(data, kind)
        photo = None if mended is None else _open(mended.data, kind, limits)
        if mended is not None and isinstance(photo, DecodedPhoto):
            return replace(photo, sha256=hashlib.sha256(data).hexdigest(), cut_off=mended.cut_off)
    return None


def _open(data: bytes, kind: Format, limits: Limits) -> DecodedPhoto | Refused:
    if (refused := examine(data, kind, limits.max_pixels)) is not None:
        return refused
    if (opening := opening_bytes(data, kind)) > MOST_FOR_ONE_PHOTO:
        return _too_much_memory(opening)
    with BUDGET.hold_for_photo(opening):
        header = _read_header(data, kind, limits)
    if isinstance(header, Refused):
        return header
    small, orientation = _decode(data, kind, min(SMALL_SIDE, limits.long_side), header.scans)
    width, height = header.size if orientation not in _SIDEWAYS else header.size[::-1]
    digest = hashlib.sha256(data).hexdigest()
    return DecodedPhoto(data, kind, width, height, digest, small, limits.long_side, header.scans)


@dataclass(frozen=True, slots=True)
class _Header:
    size: tuple[int, int]
    scans: int


def _read_header(data: bytes, kind: Format, limits: Limits) -> _Header | Refused:
    with Image.open(BytesIO(data), formats=[kind]) as image:
        width, height = image.size
        if width * height > limits.max_pixels:
            size = f"{width:,} x {height:,} pixels"
            return Refused("too_large", f"the photo has {size}; at most {limits.max_pixels:,} are decoded")
        scans = count_scans(data, _MAX_SCANS + 1) if kind == "JPEG" else 1
        if scans > _MAX_SCANS:
            return Refused("unreadable", f"a JPEG of more than {_MAX_SCANS} scans")
        _scale_in_decoder(image, kind, max(limits.long_side, SMALL_SIDE))
        needed = decoding_bytes(image, kind, width * height, scans)
    return _too_much_memory(needed) if needed > MOST_FOR_ONE_PHOTO else _Header((width, height), scans)


def scale_down(pixels: Pixels, long_side: int) -> Pixels:
    """Scale to at most `long_side` px. Smaller pictures are returned unchanged."""
    height, width = pixels.shape[:2]
    longest = max(height, width)
    if longest <= long_side:
        return pixels
    ratio = _whole_reduction(longest, long_side) or longest / long_side
    size = (max(1, round(width / ratio)), max(1, round(height / ratio)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _too_much_memory(needed: int) -> Refused:
    allowed = f"at most {MOST_FOR_ONE_PHOTO // 10**6:,} MB are allowed per photo"
    return Refused("too_large", f"decoding the photo would take {needed // 10**6:,} MB of memory; {allowed}")


def _whole_reduction(longest: int, long_side: int) -> int | None:
    factor = -(-longest // long_side)
    return factor if longest / factor >= long_side * _CLOSE_ENOUGH else None


def _decode(data: bytes, kind: Format, long_side: int, scans: int) -> tuple[Pixels, int]:
    """Decode and turn upright. Also return the file's orientation, which for a PNG is only known after decoding."""
    with BUDGET.hold_for_photo(opening_bytes(data, kind)), Image.open(BytesIO(data), formats=[kind]) as image:
        file_pixels = image.width * image.height
        _scale_in_decoder(image, kind, long_side)
        if kind == "JPEG":
            # Read the whole file as one block. Each further block makes the decoder seek back, costing 5 % in total.
            image.decodermaxblock = len(data)
        with BUDGET.hold_for_photo(decoding_bytes(image, kind, file_pixels, scans)):
            orientation = _orientation(image, kind)
            upright = scale_down(_rgb(image, long_side), long_side)
    if orientation in _UPRIGHT:
        upright = _pixels(Image.fromarray(upright).transpose(_UPRIGHT[orientation]))
    return upright, orientation


def _scale_in_decoder(image: Image.Image, kind: Format, long_side: int) -> None:
    longest = max(image.size)
    if kind == "JPEG" and longest > long_side:
        # The decoder itself can reduce to 1/2, 1/4 or 1/8. Stay above the wanted side, or barely below it.
        factor = _whole_reduction(longest, long_side) or longest // long_side
        image.draft("RGB", (max(1, image.width // factor), max(1, image.height // factor)))


def _rgb(image: Image.Image, long_side: int) -> Pixels:
    """
    Convert to 8-bit RGB.

    A large picture is also reduced by a whole number, one band of rows at a time. Converting it as a whole would take
    several times the memory of the picture itself.
    """
    image.load()
    to_rgb = _conversion(image)
    if image.width * image.height <= _WHOLE_PIXELS:
        return _pixels(to_rgb(image))
    longest = max(image.size)
    factor = _whole_reduction(longest, long_side) or max(1, longest // long_side)
    rows = max(1, _BAND_PIXELS // image.width // factor) * factor
    width, height = max(1, round(image.width / factor)), max(1, round(image.height / factor))
    rgb = np.empty((height, width, 3), dtype=np.uint8)
    for top, band in _bands(image, rows):
        # The last band may be too low for even one row of the result.
        target = rgb[top // factor : (top + rows) // factor]
        if len(target):
            cv2.resize(_pixels(to_rgb(band)), (width, len(target)), dst=target, interpolation=cv2.INTER_AREA)
    return rgb


def _bands(image: Image.Image, rows: int) -> Iterator[tuple[int, Image.Image]]:
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _pixels(rgb: Image.Image) -> Pixels:
    # np.asarray returns the same in one and a half times the time.
    return np.frombuffer(rgb.tobytes(), np.uint8).reshape(rgb.height, rgb.width, 3)


def _orientation(image: Image.Image, kind: Format) -> int:
    """Return the orientation that is still to be undone."""
    if kind == "TIFF":
        # Pillow turns this format while it decodes, and reports the upright size before.
        return 1
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - damaged EXIF raises anything, and is no reason to refuse the picture
        return 1


def _conversion(image: Image.Image) -> Callable[[Image.Image], Image.Image]:
    """Return the function that converts a part of the picture to RGB."""
    if image.mode.startswith("I;16"):
        # 16 bits to 8 bits: 65,535 / 257 = 255.
        return lambda band: Image.fromarray((np.asarray(band) // 257).astype(np.uint8)).convert("RGB")
    if image.mode in {"I", "F"}:
        return _stretch(image)
    if image.has_transparency_data:
        return partial(_on_backing, backing=backing_of(image))
    return lambda band: band if band.mode == "RGB" else band.convert("RGB")


def _stretch(image: Image.Image) -> Callable[[Image.Image], Image.Image]:
    """Scale the range of a 32-bit picture to 256 shades."""
    rows = max(1, _BAND_PIXELS // image.width)
    ranges = [
        (float(values.min()), float(values.max())) for _, band in _bands(image, rows) for values in (_values(band),)
    ]
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    scale = 255 / ((high - low) or 1.0)
    return lambda band: Image.fromarray(((_values(band) - low) * scale).astype(np.uint8)).convert("RGB")


def _values(band: Image.Image) -> NDArray[np.float64]:
    # NaN and infinities become 0, at worst a black pixel.
    return np.nan_to_num(np.asarray(band, dtype=np.float64), posinf=0.0, neginf=0.0)


def _on_backing(band: Image.Image, backing: int) -> Image.Image:
    rgba = band.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", rgba.size, (backing, backing, backing, 255)), rgba).convert("RGB")
