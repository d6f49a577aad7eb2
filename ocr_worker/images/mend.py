"""
Repairs files that violate their format although every browser shows them.

A PNG with a wrong checksum in an optional chunk, a JPEG without its last two bytes, and either of them cut off near the
end. Called only after a decoder has rejected the file. Looks at pixels only to count the rows that are present.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ocr_worker.images.anatomy import count_scans
from ocr_worker.images.formats import Format

#: A picture with a smaller share of its rows is not worth reading.
_LEAST_SHARE = 0.75
#: Rows, at an eighth of the size, that a JPEG decoder withholds until it knows what follows.
_WAITING_ROWS = 2

#: A PNG with more unpacked bytes is not repaired, because a header may declare any size.
_MOST_UNPACKED = 100_000_000
#: Most memory that repairing takes. A PNG is unpacked and packed again; a JPEG is decoded at an eighth of its size.
MENDING_BYTES: Mapping[Format, int] = MappingProxyType({"JPEG": 30_000_000, "PNG": 2 * _MOST_UNPACKED})

_PNG_START = b"\x89PNG\r\n\x1a\n"
#: Optional chunks to keep: those that affect how the picture looks, or its orientation.
_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"eXIf"})
_JPEG_END = b"\xff\xd9"
#: Markers of frames whose later scans refine earlier ones (ITU T.81, table B.1), and of a scan.
_PROGRESSIVE = (b"\xff\xc2", b"\xff\xca")
_SCAN = b"\xff\xda"


@dataclass(frozen=True, slots=True)
class Mended:
    """The repaired file. `cut_off`: rows at the bottom are missing."""

    data: bytes = field(repr=False)
    cut_off: bool


def mend(data: bytes, kind: Format) -> Mended | None:
    """Repair a rejected file; None if that is not possible, or if too little of the picture is present."""
    if kind == "JPEG":
        return _mend_jpeg(data)
    return _mend_png(data) if kind == "PNG" else None


def _mend_jpeg(data: bytes) -> Mended | None:
    if data.rstrip(b"\0").endswith(_JPEG_END):
        return None
    ended = data + _JPEG_END
    if any(marker in data for marker in _PROGRESSIVE) or count_scans(data, 2) > 1:
        # All rows are present after the first scan; later scans add detail.
        refined = _last_scan_is_final(data)
        return Mended(ended, cut_off=False) if refined else None
    written, rows = _rows_written(data, ended)
    missing = max(0, rows - written - _WAITING_ROWS)
    return Mended(ended, cut_off=missing > 0) if missing <= rows * (1 - _LEAST_SHARE) else None


def _last_scan_is_final(data: bytes) -> bool:
    """Return whether the last scan that began is one that completes the last bit (ITU T.81, B.2.3)."""
    at = data.rfind(_SCAN)
    header = data[at + 2 : at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")]
    return len(header) > 3 and header[-1] & 0x0F == 0  # noqa: PLR2004 - its own length and the count of components


def _rows_written(data: bytes, ended: bytes) -> tuple[int, int]:
    """Return (rows present, rows in all). A row is present if it decodes the same with and without an end marker."""
    part, whole = _eighth(data), _eighth(ended)
    same = (part == whole).all(axis=(1, 2))
    return (len(same) if same.all() else int(same.argmin())), len(same)


def _eighth(data: bytes) -> NDArray[np.uint8]:
    """Decode at an eighth of the size; rows that are missing from the file are black."""
    with Image.open(BytesIO(data), formats=["JPEG"]) as image:
        image.draft("RGB", (max(1, image.width // 8), max(1, image.height // 8)))
        with suppress(OSError):
            image.load()
        # The decoder already reported the missing part; it must not raise again.
        image.tile = []
        return np.asarray(image.convert("RGB"))


def _mend_png(data: bytes) -> Mended | None:
    chunks = list(_chunks(data))
    names = [name for name, _ in chunks]
    sound = len(_PNG_START) + sum(12 + len(body) for _, body in chunks) == len(data)
    if names[:1] != [b"IHDR"] or b"IDAT" not in names or sound:
        # Every chunk is valid, so the decoder rejected the file for another reason.
        return None
    header = chunks[0][1]
    packed = b"".join(body for name, body in chunks if name == b"IDAT")
    rows = _rows(header)
    cut_off = False
    if names[-1] != b"IEND" and rows is not None:
        height, size = rows
        if height * size > _MOST_UNPACKED:
            return None
        unpacked = zlib.decompressobj()
        pixels = unpacked.decompress(packed, height * size)
        if len(pixels) < height * size * _LEAST_SHARE:
            return None
        cut_off = len(pixels) < height * size
        packed = zlib.compress(pixels + bytes(height * size - len(pixels)), 1)
    kept = [(name, body) for name, body in chunks if name in _KEPT]
    return Mended(_PNG_START + b"".join(map(_chunk, [*kept, (b"IDAT", packed), (b"IEND", b"")])), cut_off)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield a PNG's chunks by name. Optional chunks with a wrong checksum are skipped, as browsers do."""
    at = len(_PNG_START)
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">L4s", data, at)
        body, check = data[at + 8 : at + 8 + size], data[at + 8 + size : at + 12 + size]
        optional = bool(name[0] & 0x20)
        sound = check == zlib.crc32(body, zlib.crc32(name)).to_bytes(4, "big")
        # The last chunk of a cut-off file has no checksum.
        if sound or (not optional and len(check) < 4):  # noqa: PLR2004 - bytes of a checksum
            yield name, body
        elif not optional:
            return
        at += 12 + size


def _rows(header: bytes) -> tuple[int, int] | None:
    """Return the number of rows and the bytes per row with its filter byte; None for an interlaced picture."""
    width, height, depth, colour, _, _, interlace = struct.unpack(">LLBBBBB", header[:13])
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    return None if interlace else (height, 1 + (width * samples * depth + 7) // 8)


def _chunk(named: tuple[bytes, bytes]) -> bytes:
    name, body = named
    return struct.pack(">L", len(body)) + name + body + struct.pack(">L", zlib.crc32(body, zlib.crc32(name)))
