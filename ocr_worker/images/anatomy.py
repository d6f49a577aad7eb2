"""
Checks the structure of a photo's file before a decoder reads it.

Some small, valid files are very expensive: decoders loop over their pieces in Python, at microseconds and a hundred
bytes each, or trust a size that no limit on width and height covers. Knows no pixels.
"""

import re
import struct
from collections.abc import Callable, Iterator, Mapping
from itertools import islice, repeat
from types import MappingProxyType

from ocr_worker.images.formats import Format
from ocr_worker.result import Refused

#: Limit on segments, chunks, blocks, strips or tiles. Ordinary photos have a few dozen, unusual encoders make
#: thousands.
MOST_PIECES = 50_000

#: JPEG markers without a length, and the marker after which no decoder here runs in Python (ITU T.81, table B.1).
_BARE = frozenset({0x00, 0x01, *range(0xD0, 0xDA)})
_START_OF_SCAN = 0xDA
#: A scan's marker, and the upper byte of its length, which is 8 to 14 (ITU T.81, B.2.3).
_SCAN = re.compile(rb"\xff\xda\x00")
#: First bytes of a GIF's extension and frame, and its end (GIF89a, appendix A).
_EXTENSION, _FRAME, _END = 0x21, 0x2C, 0x3B
#: TIFF tags (TIFF 6.0, sections 8 and 15); and by type (short or long), the bytes of a side.
_STRIP_OFFSETS, _TILE_WIDTH, _TILE_LENGTH, _TILE_OFFSETS = 273, 322, 323, 324
_SIDE_BYTES: Mapping[int, int] = MappingProxyType({3: 2, 4: 4})
#: By version (42, or 43 for BigTIFF): the offset of the directory's address; formats of address, length and entries.
_TIFF: Mapping[int, tuple[int, str, str, str]] = MappingProxyType(
    {42: (4, "L", "H", "HHL4s"), 43: (8, "Q", "Q", "HHQ8s")}
)
#: Offsets in a BMP of its header's length and its compression; 1 and 2 are run lengths (BITMAPINFOHEADER).
_BMP_HEADER, _BMP_COMPRESSION, _OLD_HEADER = 14, 30, 12
_RUN_LENGTHS = frozenset({1, 2})


def examine(data: bytes, kind: Format, max_pixels: int) -> Refused | None:
    """
    Reject a file that would cost far more than its bytes, width and height suggest.

    Raises:
        ValueError, struct.error, KeyError: The file is too damaged to examine.

    """
    pieces = _WALKS.get(kind)
    if pieces is not None and sum(1 for _ in islice(pieces(data), MOST_PIECES + 1)) > MOST_PIECES:
        return Refused("unreadable", f"a {kind} image of more than {MOST_PIECES:,} pieces")
    if kind == "TIFF" and (pixels := _tile_pixels(data)) > max_pixels:
        return Refused("too_large", f"the photo has a tile of {pixels:,} pixels; at most {max_pixels:,} are decoded")
    if kind == "BMP" and _is_run_length(data):
        # Pillow decompresses it in Python: 30 kB can take half a minute.
        return Refused("unsupported", "a BMP image compressed by run lengths")
    return None


def count_scans(data: bytes, most: int) -> int:
    """Count a JPEG's scans, up to `most`, without those of a thumbnail in its metadata."""
    start = max(_segments(data), default=0)
    return sum(1 for _ in islice(_SCAN.finditer(data, start), most))


def _segments(data: bytes) -> Iterator[int]:
    """Yield the offset of each segment of a JPEG up to its first scan. Pillow also counts a byte between segments."""
    at = 2
    while at + 1 < len(data):
        yield at
        code = data[at + 1]
        if data[at] != 0xFF or code == 0xFF:  # noqa: PLR2004 - what every marker begins with
            at += 1
        elif code == _START_OF_SCAN:
            return
        else:
            at += 2 if code in _BARE else 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))


def _chunks(data: bytes) -> Iterator[None]:
    """Yield once per chunk of a PNG."""
    at = 8
    while at < len(data):
        yield
        # A chunk's length, name and checksum take 12 bytes around its content.
        at += 12 + int.from_bytes(data[at : at + 4], "big")


def _riff_chunks(data: bytes) -> Iterator[None]:
    """Yield once per chunk of a WebP, including the frames of an animation."""
    at = 12
    while at + 8 <= len(data):
        yield
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + (size & 1)


def _blocks(data: bytes) -> Iterator[None]:
    """Yield once per block of a GIF up to its first frame."""
    colours = 3 * 2 ** ((data[10] & 7) + 1) if data[10] & 0x80 else 0
    at = 13 + colours
    while at < len(data) and data[at] not in {_FRAME, _END}:
        yield
        if data[at] != _EXTENSION:
            at += 1
            continue
        at += 2
        while at < len(data) and data[at]:
            yield
            at += 1 + data[at]
        at += 1


def _parts(data: bytes) -> Iterator[None]:
    """Yield once per entry of a TIFF's first directory, and per strip or tile."""
    for tag, _, count, _ in _directory(data):
        yield
        if tag in {_STRIP_OFFSETS, _TILE_OFFSETS}:
            yield from repeat(None, min(count, MOST_PIECES))


_WALKS: Mapping[Format, Callable[[bytes], Iterator[object]]] = MappingProxyType(
    {"JPEG": _segments, "PNG": _chunks, "GIF": _blocks, "TIFF": _parts, "WEBP": _riff_chunks}
)


def _tile_pixels(data: bytes) -> int:
    """Return the pixels of a TIFF's tiles: the largest of all entries; 0 without tiles."""
    sides = {_TILE_WIDTH: 0, _TILE_LENGTH: 0}
    for tag, kind, count, value in _directory(data):
        if tag in sides:
            if count != 1 or kind not in _SIDE_BYTES:
                msg = "a tile's side is one whole number"
                raise ValueError(msg)
            sides[tag] = max(sides[tag], value)
    return sides[_TILE_WIDTH] * sides[_TILE_LENGTH]


def _directory(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield the first directory of a TIFF: tag, type, count, and the value if it is one short or long."""
    little = data[:2] == b"II"
    order = "<" if little else ">"
    (version,) = struct.unpack_from(f"{order}H", data, 2)
    where, place, length, entry = _TIFF[version]
    (at,) = struct.unpack_from(order + place, data, where)
    (entries,) = struct.unpack_from(order + length, data, at)
    each = struct.Struct(order + entry)
    at += struct.calcsize(order + length)
    for start in range(at, min(at + entries * each.size, len(data) - each.size + 1), each.size):
        tag, kind, count, value = each.unpack_from(data, start)
        yield tag, kind, count, int.from_bytes(value[: _SIDE_BYTES.get(kind, 0)], "little" if little else "big")


def _is_run_length(data: bytes) -> bool:
    (header,) = struct.unpack_from("<L", data, _BMP_HEADER)
    return header > _OLD_HEADER and struct.unpack_from("<L", data, _BMP_COMPRESSION)[0] in _RUN_LENGTHS
