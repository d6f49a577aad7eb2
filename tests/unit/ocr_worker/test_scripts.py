"""The worker notices text in scripts that the models do not know, and never returns it as Latin letters."""

from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocr_worker.config import OcrConfig
from ocr_worker.engines.rapid.engine import RapidEngine
from ocr_worker.engines.rapid.further import models_in
from ocr_worker.engines.rapid.quads import Quad
from ocr_worker.engines.rapid.scripts import is_strange, without_foreign
from ocr_worker.reader import Reader
from ocr_worker.result import Reading

#: Holds one recognizer of a few hundred bytes, which reads the same word in every line.
MODELS = Path(__file__).parent / "models"
FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
needs_font = pytest.mark.skipif(not FONT.exists(), reason="draws Cyrillic and Greek with Debian's fonts-dejavu-core")


def label(*lines: str, px: int = 40) -> bytes:
    image = Image.new("RGB", (900, 100 + 2 * px * len(lines)), "#f0eee8")
    canvas = ImageDraw.Draw(image)
    for row, line in enumerate(lines):
        canvas.text((50, 40 + row * px * 1.8), line, font=ImageFont.truetype(str(FONT), px), fill="#222")
    out = BytesIO()
    image.save(out, "JPEG", quality=90)
    return out.getvalue()


@pytest.fixture
async def read(rapid):
    reader = Reader(rapid, OcrConfig())

    async def reading_of(data: bytes) -> Reading:
        reading = await reader.read(data)
        assert isinstance(reading, Reading)
        return reading

    yield reading_of
    await reader.aclose()


@needs_font
@pytest.mark.parametrize("px", [26, 40])
@pytest.mark.parametrize(
    "lines",
    [
        ("80% ХЛОПОК", "20% ПОЛИЭСТЕР", "СДЕЛАНО В КИТАЕ"),
        ("шерсть 60%", "вискоза 40%", "Машинная стирка"),
        ("БАВОВНА 95%", "ЭЛАСТАН 5%", "НЕ ОТБЕЛИВАТЬ"),
        ("ΒΑΜΒΑΚΙ 100%", "ΠΟΛΥΕΣΤΕΡΑΣ", "ΜΑΛΛΙ"),
    ],
)
async def test_a_label_in_a_foreign_script_gives_no_rubbish(read, lines, px):
    reading = await read(label(*lines, px=px))

    assert reading.quality.verdict == "script_unsupported"
    assert reading.texts == ()
    assert reading.quality.hint


@needs_font
@pytest.mark.parametrize(
    "lines",
    [
        ("80% כותנה", "20% פוליאסטר", "תוצרת סין", "כביסה במכונה"),
        ("80% قطن", "20% بوليستر", "صنع في الصين", "غسيل آلي"),
    ],
)
async def test_a_sharp_label_of_which_most_is_read_with_a_low_score_is_foreign(read, lines):
    reading = await read(label(*lines))

    assert reading.quality.verdict == "script_unsupported"
    assert reading.texts == ()


@needs_font
async def test_lines_in_known_scripts_of_a_label_are_kept(read):
    reading = await read(label("80% COTTON", "80% ХЛОПОК", "20% POLYESTER", "20% ПОЛИЭСТЕР", "MADE IN CHINA"))

    assert reading.quality.verdict == "script_unsupported"
    assert [line.text for line in reading.texts] == ["80% COTTON", "20% POLYESTER", "MADE IN CHINA"]


@needs_font
@pytest.mark.parametrize(
    "lines",
    [
        ("XAONOK", "SIZE XL", "STYLE# ISW1638"),
        ("100% bawełna", "100 % algodón", "FABRIQUÉ EN CHINE"),
        ("O/N 241102      P/N 08797811", "C O T T O N", "M A D E   I N   E U"),
    ],
)
async def test_known_scripts_are_not_called_foreign(read, lines):
    assert (await read(label(*lines))).quality.verdict == "ok"


@needs_font
async def test_lines_in_a_foreign_script_are_read_by_a_further_recognizer():
    """The stand-in reads every line as "хлопок", with a score of 0.97."""
    engine = RapidEngine(1, further_models=MODELS)
    reader = Reader(engine, OcrConfig())
    try:
        reading = await reader.read(label("80% COTTON", "СДЕЛАНО В КИТАЕ", "MADE IN CHINA"))
    finally:
        await reader.aclose()
        await engine.aclose()

    assert isinstance(reading, Reading)
    assert reading.quality.verdict == "ok"
    assert [line.text for line in reading.texts] == ["80% COTTON", "хлопок", "MADE IN CHINA"]


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match="contains no model"):
        models_in(tmp_path)


def test_a_dictionary_beside_a_model_is_used(tmp_path):
    for name in ("th.onnx", "th.txt", "el.onnx"):
        (tmp_path / name).touch()

    assert models_in(tmp_path) == [
        {"Rec.model_path": str(tmp_path / "el.onnx")},
        {"Rec.model_path": str(tmp_path / "th.onnx"), "Rec.rec_keys_path": str(tmp_path / "th.txt")},
    ]


LINE = np.array([(0, 0), (200, 0), (200, 40), (0, 40)], dtype=np.float32)


@pytest.mark.parametrize(
    ("scores", "foreign"),
    [((0.7, 0.7, 0.7), True), ((0.7, 0.7), False), ((0.7, 0.7, 0.7, 0.99, 0.99, 0.99), False)],
)
def test_a_photo_has_a_foreign_script_when_most_sharp_lines_have_a_low_score(scores, foreign):
    lines = [Quad(LINE + np.float32(60 * row), "UIXLU", score, strange=score < 0.8) for row, score in enumerate(scores)]

    kept, found = without_foreign(lines, [])

    assert found is foreign
    assert len(kept) == (0 if foreign else len(lines))


@pytest.mark.parametrize(("places", "foreign"), [(2, False), (3, True)])
def test_a_line_without_a_reading_counts_once_however_often_it_was_looked_at(places, foreign):
    looks = [Quad(LINE + np.float32(60 * row), "", 0.2, strange=True) for row in range(places)] * 2

    assert without_foreign([], looks) == ([], foreign)


@pytest.mark.parametrize(("blur", "strange"), [(0, True), (4, False)])
def test_a_blurred_line_with_a_low_score_is_not_strange(blur, strange):
    crop = np.full((40, 200, 3), 240, np.uint8)
    for x in range(10, 190, 20):
        crop[8:32, x : x + 6] = 20
    crop = cv2.GaussianBlur(crop, (0, 0), blur) if blur else crop

    assert is_strange(crop, 0.7) is strange
    assert not is_strange(crop, 0.95)
