"""Text that is turned, in columns or mirrored gives the tags that it gives upright, and never the negated ones."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from ocr_worker.config import OcrConfig
from ocr_worker.reader import Reader
from ocr_worker.result import Reading
from rules.lexicon.load import load_lexicon
from rules.tagger import Tagger

PHOTOS = Path(__file__).parents[1] / "photos"
NEGATED = {"material/wool", "material/silk", "material/down", "material/cashmere", "material/leather"}
LABEL = ("CONTAINS NO", "CASHMERE OR", "LEATHER", "100% COTTON")


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    return Tagger(load_lexicon(None))


@pytest.fixture
async def read(rapid, tagger):
    reader = Reader(rapid, OcrConfig(slots=2))

    async def tags_of(data: bytes) -> tuple[Reading, set[str]]:
        reading = await reader.read(data)
        assert isinstance(reading, Reading), reading
        return reading, {tag.id for tag in tagger.tag(reading.texts).tags}

    yield tags_of
    await reader.aclose()


def changed(data: bytes, change) -> bytes:
    out = BytesIO()
    change(Image.open(BytesIO(data))).save(out, "JPEG", quality=92)
    return out.getvalue()


def turned(data: bytes, degrees: int) -> bytes:
    return changed(data, lambda image: image.rotate(-degrees, Image.Resampling.BICUBIC, expand=True, fillcolor="white"))


@pytest.mark.parametrize("degrees", range(0, 360, 15))
async def test_a_label_gives_the_same_tags_at_every_angle(read, draw, degrees):
    reading, tags = await read(turned(draw((700, 560), LABEL, at=(120, 120)), degrees))

    assert [line.text for line in reading.texts] == list(LABEL)
    assert "material/cotton" in tags
    assert not tags & NEGATED


@pytest.mark.parametrize(("degrees", "direction"), [(0, 0), (90, 90), (180, 180), (270, 270)])
async def test_each_line_says_which_way_it_runs(read, draw, degrees, direction):
    reading, _ = await read(turned(draw(), degrees))

    assert {line.direction for line in reading.texts} == {direction}


@pytest.mark.parametrize("name", ["negen_180.jpg", "negen_270.jpg"])
async def test_a_turned_negation_still_negates(read, name):
    reading, tags = await read((PHOTOS / name).read_bytes())

    assert [line.text for line in reading.texts] == ["CONTAINS NO", "WOOL OR SILK", "100% COTTON", "HAND WASH"]
    assert "material/cotton" in tags
    assert not tags & NEGATED


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
async def test_columns_of_chinese_are_read_from_the_right_in_every_orientation(read, degrees):
    reading, tags = await read(turned((PHOTOS / "vertical_neg.jpg").read_bytes(), degrees))

    assert [line.text for line in reading.texts] == ["不含羊毛", "面料成分棉百分百"]
    assert not tags & NEGATED


async def test_a_mirrored_photo_is_read_in_the_mirror_with_a_verdict(read):
    reading, tags = await read((PHOTOS / "mirrored.jpg").read_bytes())

    assert reading.quality.verdict == "mirrored"
    assert reading.quality.hint
    assert {"material/polyester", "material/cotton"} <= tags
    left, _, _, _ = reading.texts[1].bbox
    assert left > 640, "boxes are those of the photo as its owner sees it"


@pytest.mark.parametrize("degrees", range(0, 360, 45))
async def test_a_mirrored_label_is_read_at_every_angle(read, draw, degrees):
    reading, tags = await read(turned(changed(draw((700, 560), LABEL, at=(120, 120)), ImageOps.mirror), degrees))

    assert reading.quality.verdict == "mirrored"
    assert [line.text for line in reading.texts] == list(LABEL)
    assert not tags & NEGATED


async def test_an_upright_photo_is_not_called_mirrored(read, draw):
    for lines in (("MOM", "TOOT"), ("AHA", "OTTO"), ("WOW 808",)):
        reading, _ = await read(draw((500, 400), lines))
        assert reading.quality.verdict == "ok"
        assert [line.text for line in reading.texts] == list(lines)
