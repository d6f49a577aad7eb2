"""Text in scripts that the models do not know is noticed and left out, never told as Latin rubbish."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from ocr_worker.config import OcrConfig
from ocr_worker.reader import Reader
from ocr_worker.result import Reading

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
async def test_what_is_known_of_a_label_in_several_scripts_is_kept(read):
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


async def test_the_samples_hold_no_foreign_script(read):
    photos = Path(__file__).parents[3] / "samples" / "photos"
    for photo in sorted(photos.iterdir()):
        if photo.name not in {"not-a-photo.jpg", "cut-short.jpg"}:
            assert (await read(photo.read_bytes())).quality.verdict != "script_unsupported", photo.name
