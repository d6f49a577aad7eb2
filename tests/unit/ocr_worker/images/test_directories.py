"""Directories whose entries all claim the same bytes cost what the file has: Pillow sees to that, and may stop to."""

import struct
import time
import tracemalloc
from io import BytesIO

import pytest
from PIL import Image

from ocr_worker.images.decode import DecodedPhoto, Limits, open_photo

#: As outside of tests, where Pillow's remarks on odd files are not errors.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
SIDE = (64, 48)


def directory(entries: int, size: int, *, kind: int = 7) -> bytes:
    """A TIFF whose entries, after the orientation, each claim `size` bytes of its end."""
    head = b"II*\0" + struct.pack("<LH", 8, entries + 1)
    start = len(head) + 12 * (entries + 1) + 4
    turned = struct.pack("<HHLHH", 0x0112, 3, 1, 6, 0)
    width = {3: 2, 7: 1}[kind]
    claims = b"".join(struct.pack("<HHLL", 0x0200 + at, kind, size // width, start) for at in range(entries))
    return head + turned + claims + bytes(4) + bytes(size)


def saved(kind: str, **options: object) -> bytes:
    out = BytesIO()
    Image.new("RGB", SIDE, "red").save(out, kind, **options)
    return out.getvalue()


def jpeg(name: bytes, marker: int, body: bytes) -> bytes:
    sound, segment = saved("JPEG"), name + body
    return sound[:2] + bytes((0xFF, marker)) + struct.pack(">H", len(segment) + 2) + segment + sound[2:]


def tiff() -> bytes:
    """A sound TIFF with a directory of 200 entries that each claim 10 MB more."""
    sizes = [
        (256, 4, SIDE[0]),
        (257, 4, SIDE[1]),
        (258, 3, 8),
        (259, 3, 1),
        (262, 3, 1),
        (277, 3, 1),
        (278, 4, SIDE[1]),
    ]
    count, extra = len(sizes) + 2 + 200, 10_000_000
    start = 8 + 2 + 12 * count + 4
    pixels = SIDE[0] * SIDE[1]
    entries = [(tag, kind, 1, value) for tag, kind, value in sizes]
    entries += [(273, 4, 1, start), (279, 4, 1, pixels)]
    entries += [(40_000 + at, 7, extra, start) for at in range(200)]
    packed = b"".join(struct.pack("<HHLL", *entry) for entry in sorted(entries))
    return b"II*\0" + struct.pack("<LH", 8, count) + packed + bytes(4) + bytes(max(pixels, extra))


BOMBS = {
    "EXIF of a JPEG": lambda: jpeg(b"Exif\0\0", 0xE1, directory(3000, 29_000)),
    "index of a JPEG": lambda: jpeg(b"MPF\0", 0xE2, directory(3000, 29_000, kind=3)),
    "EXIF of a PNG": lambda: saved("PNG", exif=b"Exif\0\0" + directory(20_000, 1_000_000)),
    "EXIF of a WebP": lambda: saved("WEBP", exif=b"Exif\0\0" + directory(20_000, 1_000_000)),
    "a TIFF": tiff,
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_directory_of_overlapping_entries_costs_no_more_than_the_file(name):
    photo = BOMBS[name]()
    tracemalloc.start()
    started = time.process_time()
    open_photo(photo, Limits())
    assert tracemalloc.get_traced_memory()[1] < 8 * len(photo) + 100_000_000
    tracemalloc.stop()
    assert time.process_time() - started < 3, "seconds, with memory traced: a fifth without"


def test_sound_exif_still_turns_the_photo():
    photo = open_photo(jpeg(b"Exif\0\0", 0xE1, directory(3, 1000)), Limits())
    assert isinstance(photo, DecodedPhoto)
    assert (photo.width, photo.height) == SIDE[::-1]
