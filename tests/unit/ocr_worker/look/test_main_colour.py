"""The main colour of the middle of a photo, without any model."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ocr_worker.images.decode import Limits, open_photo
from ocr_worker.look.main_colour import MainColourLooker, main_colour


def photo(cloth: str, ground: str, size=(900, 1200)) -> bytes:
    image = Image.new("RGB", size, ground)
    width, height = size
    ImageDraw.Draw(image).rectangle((width * 0.25, height * 0.2, width * 0.75, height * 0.8), fill=cloth)
    out = BytesIO()
    image.save(out, "JPEG", quality=90)
    return out.getvalue()


async def seen_in(data: bytes):
    looks = MainColourLooker()
    return await looks.look(looks.prepare(open_photo(data, Limits())))


@pytest.mark.parametrize(
    ("cloth", "ground", "colour"),
    [
        ("#c8202c", "white", "red"),
        ("#222222", "#cfe0ee", "black"),
        ("#f4f4f0", "#777777", "white"),
        ("#1d2850", "white", "navy"),
        ("#3f7fd0", "#eeeeee", "blue"),
        ("#0000ff", "white", "blue"),
        ("#87ceeb", "#333333", "blue"),
        ("#2f8a4a", "#888888", "green"),
        ("#f0a8c0", "white", "pink"),
        ("#f6d43c", "white", "yellow"),
    ],
)
async def test_the_garment_in_the_middle_counts_and_not_the_background(cloth, ground, colour):
    seen = await seen_in(photo(cloth, ground))
    (value,) = seen.values
    assert value.tag == f"colour/{colour}"
    assert 0.5 <= value.score <= 0.6
    assert value.bbox == (270, 300, 630, 900)


@pytest.mark.parametrize("light", [0.55, 0.8, 1.0])
async def test_light_changes_the_name_of_no_bright_colour(light):
    red = tuple(int(one * light) for one in (205, 34, 44))
    assert main_colour(np.full((8, 8, 3), red, np.uint8))[0] in {"red", "burgundy"}


async def test_a_middle_of_many_colours_gives_no_colour():
    image = Image.new("RGB", (800, 800))
    for at, colour in enumerate(("#c8202c", "#3f7fd0", "#f6d43c", "#2f8a4a") * 4):
        ImageDraw.Draw(image).rectangle((0, at * 50, 800, at * 50 + 49), fill=colour)
    out = BytesIO()
    image.save(out, "PNG")
    assert (await seen_in(out.getvalue())).values == ()


@pytest.mark.parametrize("size", [(64, 64), (40, 3000), (3000, 40)])
async def test_a_photo_of_any_shape_is_looked_at(size):
    seen = await seen_in(photo("#c8202c", "#c8202c", size))
    assert [one.tag for one in seen.values] == ["colour/red"]
