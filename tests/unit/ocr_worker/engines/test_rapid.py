"""The real engine on photos drawn here."""

import asyncio

import numpy as np
import pytest
from PIL import Image

from ocr_worker.config import OcrConfig
from ocr_worker.engines.rapid.engine import RapidEngine
from ocr_worker.engines.rapid.models import MOST_ASPECT
from ocr_worker.images.decode import DecodedPhoto, Limits, open_photo
from ocr_worker.images.strips import pad_strip
from ocr_worker.pool.pool import OcrPool
from ocr_worker.reader import Reader
from ocr_worker.result import Reading
from ocr_worker.server.app import create_app


@pytest.fixture
async def reader(rapid: RapidEngine):
    reader = Reader(rapid, OcrConfig(slots=2))
    yield reader
    await reader.aclose()


async def reading(reader: Reader, data: bytes) -> Reading:
    outcome = await reader.read(data)
    assert isinstance(outcome, Reading), outcome
    return outcome


async def test_printed_lines_are_read_in_order_with_boxes_around_them(reader, draw):
    result = await reading(reader, draw())

    assert [line.text for line in result.texts] == ["65% POLYESTER", "35% COTTON", "DO NOT BLEACH"]
    assert all(line.score > 0.9 for line in result.texts)
    for row, line in enumerate(result.texts):
        x1, y1, x2, y2 = line.bbox
        middle = 60 + row * 48 * 1.6 + 24
        assert y1 < middle < y2
        assert 40 < x1 < 80
        assert x2 <= 800
    assert result.quality.verdict == "ok"
    assert result.engine.name == "rapid"
    assert set(result.timings_ms) == {"decode", "prepare", "queue", "engine", "finish", "total"}


async def test_boxes_are_pixels_of_the_upright_original_though_the_engine_saw_a_small_one_stored_sideways(reader, draw):
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = draw((3200, 2400), ("COTTON",), at=(2000, 1600), px=200, turn=Image.Transpose.ROTATE_90, exif=exif)

    result = await reading(reader, stored)

    (line,) = result.texts
    x1, y1, x2, y2 = line.bbox
    assert line.text == "COTTON"
    assert (result.image.width, result.image.height) == (3200, 2400)
    assert abs(x1 - 2000) < 60
    assert y1 < 1700 < y2
    assert 2500 < x2 < 3200


async def test_small_print_on_a_large_photo_is_read_from_a_closer_look(reader, draw):
    result = await reading(reader, draw((4000, 3000), ("100% ORGANIC COTTON",), at=(2400, 1700), px=30))

    assert [line.text for line in result.texts] == ["100% ORGANIC COTTON"]


async def test_without_the_closer_look_the_same_print_stays_unread(draw):
    """And without the lift the engine is handed the picture as it is: each step can be switched off."""
    engine = RapidEngine(slots=1, lift=False, look_closer=False)
    reader = Reader(engine, OcrConfig())
    try:
        photo = draw((4000, 3000), ("100% ORGANIC COTTON",), at=(2400, 1700), px=30, paper="#808080", ink="#888888")
        result = await reading(reader, photo)
        assert "100% ORGANIC COTTON" not in [line.text for line in result.texts]
        decoded = open_photo(photo, Limits())
        assert isinstance(decoded, DecodedPhoto)
        assert engine.prepare(decoded).lifted is decoded.small
    finally:
        await reader.aclose()
        await engine.aclose()


async def test_the_tiny_models_read_printed_lines_too_and_the_event_names_them(draw):
    engine = RapidEngine(slots=1, detector="tiny", recognizer="tiny")
    reader = Reader(engine, OcrConfig())
    try:
        result = await reading(reader, draw())
    finally:
        await reader.aclose()
        await engine.aclose()

    assert [line.text for line in result.texts] == ["65% POLYESTER", "35% COTTON", "DO NOT BLEACH"]
    assert result.engine.model == "PP-OCRv6-tiny"


def test_strips_are_padded_so_that_the_detector_does_not_blow_them_up():
    for shape in ((13, 1000), (1000, 13), (500, 500)):
        padded = pad_strip(np.zeros((*shape, 3), dtype=np.uint8), MOST_ASPECT, (0, 0, 0))

        assert max(padded.shape[:2]) == max(shape)
        assert max(padded.shape[:2]) <= 3 * min(padded.shape[:2])


async def test_two_photos_at_once_do_not_mix(reader, draw):
    cotton, wool = draw((400, 400), ("COTTON",)), draw((400, 400), ("WOOL",))

    results = await asyncio.gather(*(reading(reader, photo) for photo in (cotton, wool)))

    assert [[line.text for line in result.texts] for result in results] == [["COTTON"], ["WOOL"]]


async def test_different_photos_at_once_never_exchange_lines_through_pool_workers_and_engine(serve, rapid, draw):
    """Every line and box that comes back belongs to the very photo sent: each says its own word, in its own place."""
    words = ("COTTON", "LINEN", "SILK", "DENIM", "VISCOSE")
    tops = {word: 20 + 35 * at for at, word in enumerate(words)}
    workers = [serve(create_app(OcrConfig(slots=2), rapid)) for _ in range(2)]
    async with OcrPool(workers, token=None, timeout_s=120, max_connections=5) as pool:
        outcomes = await asyncio.gather(
            *(pool.read(draw((320 + 10 * tops[word] // 35, 360), (word,), at=(30, tops[word]))) for word in words)
        )

    for word, outcome in zip(words, outcomes, strict=True):
        assert isinstance(outcome, Reading)
        assert [line.text for line in outcome.texts] == [word]
        assert outcome.image.width == 320 + 10 * tops[word] // 35
        assert outcome.texts[0].bbox[1] - 20 < tops[word] + 24 < outcome.texts[0].bbox[3] + 20
