"""Files that are small and sound and would cost minutes or gigabytes are known by their structure."""

import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image

from ocr_worker.images.anatomy import MOST_PIECES, examine
from ocr_worker.images.decode import DecodedPhoto, Limits, open_photo
from ocr_worker.images.formats import sniff
from ocr_worker.result import Refused

MANY = MOST_PIECES + 1
#: A TIFF's directory begins here, behind its header; an entry has 12 bytes.
DIRECTORY, ENTRY = 8, 12


def saved(kind: str, mode: str = "RGB", **options: object) -> bytes:
    out = BytesIO()
    Image.new(mode, (64, 48)).save(out, kind, **options)
    return out.getvalue()


def jpeg(stuffing: bytes) -> bytes:
    sound = saved("JPEG")
    return sound[:2] + stuffing + sound[2:]


def png(name: bytes, body: bytes = b"") -> bytes:
    sound = saved("PNG")
    chunk = struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return sound[:33] + chunk * MANY + sound[33:]


def webp(chunk: bytes) -> bytes:
    body = saved("WEBP")[8:] + chunk * MANY
    return b"RIFF" + struct.pack("<L", len(body)) + body


def gif(stuffing: bytes) -> bytes:
    sound = saved("GIF", "P")
    at = 13 + 3 * 2 ** ((sound[10] & 7) + 1)
    return sound[:at] + stuffing + sound[at:]


def tiff(entries: list[tuple[int, int, int, bytes]], body: bytes = b"", order: str = "<") -> bytes:
    """A TIFF of these entries: tag, type, count, value. `body` follows them directly."""
    parts = [struct.pack(f"{order}HHL", *entry[:3]) + entry[3] for entry in sorted(entries)]
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}L", DIRECTORY)
    return head + struct.pack(f"{order}H", len(parts)) + b"".join(parts) + bytes(4) + body


def grey(width: int, height: int, order: str = "<", compression: int = 1) -> list[tuple[int, int, int, bytes]]:
    sizes = [(256, 4, 1, struct.pack(f"{order}L", width)), (257, 4, 1, struct.pack(f"{order}L", height))]
    shorts = ((258, 8), (259, compression), (262, 1), (277, 1))
    return sizes + [(tag, 3, 1, struct.pack(f"{order}HH", value, 0)) for tag, value in shorts]


def tiled(side: int, order: str = "<", kind: int = 4, times: int = 1) -> bytes:
    """64 x 64 pixels in one deflated tile of `side` x `side`."""
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(bytes(side)) for _ in range(min(side, 100))) + packer.flush()

    def long(value: int) -> bytes:
        return struct.pack(f"{order}L", value)

    sides = [(322, 4, 1, long(64)), (323, 4, 1, long(64))] * (times - 1)
    sides += [(322, kind, 1, long(side)), (323, kind, 1, long(side))]
    entries = [*grey(64, 64, order, 8), *sides, (324, 4, 1, long(0)), (325, 4, 1, long(len(body)))]
    at = DIRECTORY + 2 + ENTRY * len(entries) + 4
    entries = [entry if entry[0] != 324 else (324, 4, 1, long(at)) for entry in entries]
    return tiff(entries, body, order)


def strips(rows: int) -> bytes:
    """A TIFF of four columns, each row a strip of its own, and all of them the same four bytes."""
    at = DIRECTORY + 2 + ENTRY * 9 + 4
    where = [(278, 4, 1, struct.pack("<L", 1)), (273, 4, rows, struct.pack("<L", at))]
    where += [(279, 4, rows, struct.pack("<L", at + 4 * rows))]
    return tiff(grey(4, rows) + where, struct.pack("<L", at) * rows + struct.pack("<L", 4) * rows)


def bmp(compression: int, pixels: bytes) -> bytes:
    """A BMP of 64 x 64 pixels, 8 bits each, with grey for a palette."""
    palette = b"".join(bytes((shade, shade, shade, 0)) for shade in range(256))
    start = 14 + 40 + len(palette)
    info = struct.pack("<LllHHLLllLL", 40, 64, 64, 1, 8, compression, len(pixels), 0, 0, 256, 0)
    return b"BM" + struct.pack("<LHHL", start + len(pixels), 0, 0, start) + info + palette + pixels


RUINOUS = {
    "jpeg of empty segments": lambda: jpeg(b"\xff\xe0\x00\x02" * MANY),
    "jpeg of remarks": lambda: jpeg(b"\xff\xfe\x00\x03x" * MANY),
    "jpeg of padding": lambda: jpeg(b"\xff" * MANY),
    "jpeg of beginnings": lambda: jpeg(b"\xff\xd8" * MANY),
    "jpeg of segments of impossible length": lambda: jpeg(b"\xff\xe0\x00\x00" * MANY),
    "png of empty chunks": lambda: png(b"abCd"),
    "png of remarks": lambda: png(b"tEXt", b"k\0v"),
    "png of empty data": lambda: png(b"IDAT"),
    "gif of remarks": lambda: gif(b"\x21\xfe\x01a\x00" * MANY),
    "gif of one remark in tiny blocks": lambda: gif(b"\x21\xfe" + b"\x01a" * MANY + b"\x00"),
    "gif of padding": lambda: gif(bytes(MANY)),
    "tiff of strips": lambda: strips(MANY),
    "webp of chunks nobody knows": lambda: webp(b"abCd" + bytes(4)),
}


@pytest.mark.parametrize("name", RUINOUS)
def test_a_photo_of_very_many_pieces_is_refused(name):
    outcome = open_photo(RUINOUS[name](), Limits())
    assert isinstance(outcome, Refused)
    assert outcome.code == "unreadable"
    assert "more than 50,000 pieces" in outcome.message


@pytest.mark.parametrize("order", "<>")
def test_a_small_tiff_of_one_huge_tile_is_refused(order):
    outcome = open_photo(tiled(30_000, order), Limits())
    assert isinstance(outcome, Refused)
    assert outcome.code == "too_large"
    assert "900,000,000" in outcome.message


def test_the_largest_of_several_stated_sizes_counts():
    assert isinstance(open_photo(tiled(30_000, times=2), Limits()), Refused)


@pytest.mark.parametrize("kind", [1, 5, 9, 16])
def test_a_tile_s_side_that_is_no_short_or_long_is_refused(kind):
    outcome = open_photo(tiled(30_000, kind=kind), Limits())
    assert isinstance(outcome, Refused)
    assert outcome.code == "unreadable"


def test_run_lengths_that_are_unpacked_in_python_are_refused():
    outcome = open_photo(bmp(1, b"\x40\x07" * 64 + b"\0\1"), Limits())
    assert isinstance(outcome, Refused)
    assert outcome.code == "unsupported"
    assert isinstance(open_photo(bmp(0, bytes(64 * 64)), Limits()), DecodedPhoto)


def test_the_same_in_reasonable_numbers_is_read():
    for photo in (
        jpeg(b"\xff\xe0\x00\x02" * 100 + b"\xff" * 1000),
        gif(b"\x21\xfe\x01a\x00" * 100),
        tiled(64),
        tiled(64, ">"),
        strips(100),
    ):
        assert isinstance(open_photo(photo, Limits()), DecodedPhoto)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "HEIF", "AVIF"])
def test_ordinary_photos_are_found_sound_and_cut_ones_never_take_long(kind):
    photo = saved(kind)
    named = sniff(photo)
    assert examine(photo, named, Limits().max_pixels) is None
    for end in range(0, len(photo), 7):
        # Read or refused: what a cut file makes `examine` raise is what `open_photo` expects of decoders.
        assert isinstance(open_photo(photo[:end], Limits()), DecodedPhoto | Refused)
