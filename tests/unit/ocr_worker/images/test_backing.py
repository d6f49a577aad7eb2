"""Print on a transparent picture gets a background with contrast."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocr_worker.config import OcrConfig
from ocr_worker.images.decode import DecodedPhoto, Limits, open_photo
from ocr_worker.reader import Reader
from ocr_worker.result import Reading


def transparent(ink: str, kind: str = "PNG", mode: str = "RGBA", second: str | None = None) -> bytes:
    image = Image.new("RGBA", (700, 400), (0, 0, 0, 0))
    canvas = ImageDraw.Draw(image)
    canvas.text((50, 60), "100% COTTON", font=ImageFont.load_default(60), fill=ink)
    canvas.text((50, 200), "POLYESTER", font=ImageFont.load_default(60), fill=second or ink)
    out = BytesIO()
    image.convert(mode).save(out, kind, **({"lossless": True} if kind == "WEBP" else {}))
    return out.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
@pytest.mark.parametrize(("ink", "second"), [("white", None), ("black", None), ("#ffee99", None), ("white", "black")])
async def test_print_of_any_shade_is_read(rapid, kind, ink, second):
    reader = Reader(rapid, OcrConfig())

    reading = await reader.read(transparent(ink, kind, second=second))

    await reader.aclose()
    assert isinstance(reading, Reading)
    assert [line.text for line in reading.texts] == ["100% COTTON", "POLYESTER"]
    assert reading.quality.verdict == "ok"


async def test_white_print_from_the_wild_is_read(rapid):
    reader = Reader(rapid, OcrConfig())

    reading = await reader.read((Path(__file__).parents[1] / "photos" / "white_on_transparent.png").read_bytes())

    await reader.aclose()
    assert isinstance(reading, Reading)
    assert reading.texts
    assert reading.quality.verdict == "ok"


def test_print_that_is_visible_on_white_stays_on_white():
    photo = open_photo(transparent("black"), Limits())

    assert isinstance(photo, DecodedPhoto)
    assert np.array_equal(photo.small[0, 0], (255, 255, 255))
