"""Files that every browser shows are read, although they break their format's rules."""

import hashlib
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from ocr_worker.config import OcrConfig
from ocr_worker.engines.scripted import ScriptedEngine
from ocr_worker.images.decode import DecodedPhoto, Limits, open_photo
from ocr_worker.reader import Reader
from ocr_worker.result import Reading, Refused

PHOTOS = Path(__file__).parents[1] / "photos"


def opened(data: bytes) -> DecodedPhoto:
    photo = open_photo(data, Limits())
    assert isinstance(photo, DecodedPhoto), photo
    return photo


def chunk(name: bytes, body: bytes, check: int | None = None) -> bytes:
    return (
        struct.pack(">L", len(body))
        + name
        + body
        + struct.pack(">L", zlib.crc32(name + body) if check is None else check)
    )


@pytest.mark.parametrize("name", [b"tEXt", b"pHYs", b"iCCP", b"tIME", b"zTXt", b"iTXt", b"gAMA"])
def test_a_png_with_a_wrong_checksum_in_an_optional_chunk_is_read(draw, name):
    sound = draw(kind="PNG")
    after_header = 8 + 25

    photo = opened(sound[:after_header] + chunk(name, b"ab\0cd\0efg", check=7) + sound[after_header:])

    assert np.array_equal(photo.small, opened(sound).small)
    assert not photo.cut_off


@pytest.mark.parametrize("missing", [1, 2])
def test_a_jpeg_that_lacks_only_its_end_is_read_whole(draw, missing):
    data = draw()

    photo = opened(data[:-missing])

    assert np.array_equal(photo.small, opened(data).small)
    assert not photo.cut_off
    assert photo.sha256 == hashlib.sha256(data[:-missing]).hexdigest(), "the digest is that of the bytes received"


def test_a_progressive_jpeg_that_lacks_only_its_end_is_read(draw):
    data = draw(progressive=True)

    assert np.array_equal(opened(data[:-2]).small, opened(data).small)


@pytest.mark.parametrize("name", ["base_noeoi.jpg", "badcrc_text.png"])
def test_photos_from_the_wild_are_read(name):
    assert not opened((PHOTOS / name).read_bytes()).cut_off


def noisy(draw, kind: str) -> bytes:
    """Draw a photo that takes as many bytes at its bottom as at its top."""
    return draw((400, 900), ("COTTON", "WOOL", "SILK", "LINEN", "HEMP", "CASHMERE", "NYLON") * 2, px=36, kind=kind)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_photo_cut_near_its_end_is_read_with_a_verdict(draw, kind):
    data = noisy(draw, kind)

    photo = opened(data[: len(data) * 95 // 100])

    assert photo.cut_off
    whole = opened(data).small
    upper = whole.shape[0] * 3 // 4
    assert np.array_equal(photo.small[:upper], whole[:upper])


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_photo_of_which_much_is_missing_is_refused(draw, kind):
    data = noisy(draw, kind)

    assert isinstance(open_photo(data[: len(data) // 2], Limits()), Refused)


async def test_a_cut_photo_has_the_verdict_cut_off(draw):
    data = noisy(draw, "JPEG")
    reader = Reader(ScriptedEngine(), OcrConfig())

    reading = await reader.read(data[: len(data) * 95 // 100])

    await reader.aclose()
    assert isinstance(reading, Reading)
    assert reading.quality.verdict == "cut_off"
    assert reading.texts
    assert reading.quality.hint
