"""Tesseract reads lines in scripts that the rapid engine's models do not know, where it is installed."""

import shutil
import subprocess
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocr_worker.config import OcrConfig
from ocr_worker.engines.rapid.engine import RapidEngine
from ocr_worker.engines.rapid.tesseract import Recognized, Tesseract, words_in
from ocr_worker.reader import Reader
from ocr_worker.result import Reading

FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
HEAD = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n"
QUESTION = SimpleNamespace(img=[np.full((40, 200, 3), 255, dtype=np.uint8)])


def row(text: str, confidence: float, level: int = 5) -> str:
    return f"{level}\t1\t1\t1\t1\t1\t0\t0\t9\t9\t{confidence}\t{text}\n"


def reads_russian() -> bool:
    if shutil.which("tesseract") is None:
        return False
    return "rus" in subprocess.run(["tesseract", "--list-langs"], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def stand_in(tmp_path):
    """Return a program that lists `rus`, and runs the given shell lines for a picture."""

    def made(*lines: str) -> str:
        program = tmp_path / "tesseract"
        listing = (
            'if [ "$1" = --list-langs ]; then printf "List of languages:\\nrus\\n$HANGTAG_OCR_TOKEN\\n"; exit 0; fi'
        )
        program.write_text("\n".join(("#!/bin/sh", listing, *lines)) + "\n")
        program.chmod(0o755)
        return str(program)

    return made


def test_the_score_is_the_confidence_of_the_words_by_their_letters():
    text, score = words_in(HEAD + row("", -1, level=4) + row("80%", 80) + row("ХЛОПОК", 95) + row(" ", 0))

    assert text == "80% ХЛОПОК"
    assert score == pytest.approx((3 * 80 + 6 * 95) / 9 / 100)


@pytest.mark.parametrize("tsv", ["", HEAD, "no columns\n", HEAD + row("", 95)])
def test_no_word_is_no_reading(tsv):
    assert words_in(tsv) == ("", 0.0)


def test_a_program_that_is_not_installed_is_named():
    with pytest.raises(ValueError, match="no-such-program is not installed"):
        Tesseract("rus", program="no-such-program")


def test_a_language_without_data_is_named(stand_in):
    with pytest.raises(ValueError, match="no data for kor: install tesseract-ocr-kor"):
        Tesseract("rus+kor", program=stand_in())


def test_a_program_that_cannot_start_reads_nothing(stand_in, tmp_path):
    read = Tesseract("rus", program=stand_in())
    (tmp_path / "tesseract").unlink()

    assert read(QUESTION) == Recognized(("",), (0.0,))


def test_a_program_that_is_none_is_refused_at_the_start(tmp_path):
    (tmp_path / "tesseract").write_text("#!/no/such/interpreter\n")
    (tmp_path / "tesseract").chmod(0o755)

    with pytest.raises(ValueError, match="does not run"):
        Tesseract("rus", program=str(tmp_path / "tesseract"))


@pytest.mark.parametrize("lines", [("exit 1",), ("exec sleep 60",), ("printf '\\377\\376'",)])
def test_a_reading_that_fails_hangs_or_is_no_text_is_empty(stand_in, lines):
    read = Tesseract("rus", program=stand_in(*lines), timeout_s=0.5)

    assert read(QUESTION) == Recognized(("",), (0.0,))


def test_the_program_gets_no_secrets(stand_in, monkeypatch):
    monkeypatch.setenv("HANGTAG_OCR_TOKEN", "planted")
    with pytest.raises(ValueError, match="no data for planted"):
        Tesseract("planted", program=stand_in())
    words = row("$HANGTAG_OCR_TOKEN-", 99).rstrip("\n")
    read = Tesseract("rus", program=stand_in(f'cat >/dev/null; echo "{words}"'))

    assert read(QUESTION).txts == ("-",)


# Font and Tesseract come from the system, and work on the code needs neither.
@pytest.mark.skipif(not FONT.exists(), reason="draws Cyrillic with Debian's fonts-dejavu-core")
@pytest.mark.skipif(not reads_russian(), reason="needs Debian's tesseract-ocr-rus")
async def test_a_russian_label_is_read_and_its_latin_lines_stay():
    image = Image.new("RGB", (900, 340), "#f0eee8")
    canvas = ImageDraw.Draw(image)
    for number, line in enumerate(("80% ХЛОПОК", "20% ПОЛИЭСТЕР", "MADE IN CHINA", "Машинная стирка")):
        canvas.text((50, 40 + number * 72), line, font=ImageFont.truetype(str(FONT), 40), fill="#222")
    out = BytesIO()
    image.save(out, "JPEG", quality=90)
    engine = RapidEngine(1, tesseract="rus")
    reader = Reader(engine, OcrConfig())
    try:
        reading = await reader.read(out.getvalue())
    finally:
        await reader.aclose()
        await engine.aclose()

    assert isinstance(reading, Reading)
    assert [line.text for line in reading.texts] == ["80% ХЛОПОК", "20% ПОЛИЭСТЕР", "MADE IN CHINA", "Машинная стирка"]
    assert reading.quality.verdict == "ok"
