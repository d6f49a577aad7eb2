"""What the page learns of a photo is what really happened to it."""

import asyncio
from io import BytesIO

import numpy as np
from look_world import DRESS, looker
from PIL import Image

from ocr_worker.config import OcrConfig
from ocr_worker.engines.scripted import ScriptedEngine
from ocr_worker.images.contrast import lift_contrast
from ocr_worker.images.decode import Limits, open_photo
from ocr_worker.look.stand_in import LookStandIn
from ocr_worker.reader import Reader
from ocr_worker.result import Refused
from ocr_worker.ui.trial import Trial, try_photo
from schemas.events import Evidence, Labels, Tag
from schemas.outcomes import Later


def no_tags(_lines, _seen):
    return ()


def first_line_tag(lines, _seen):
    return [
        Tag(
            id="material/cotton",
            category="material",
            value="cotton",
            labels=Labels(en="Cotton", zh="棉"),
            score=0.9,
            evidence=(Evidence(text=lines[0].text, bbox=lines[0].bbox, rule="first"),),
        )
    ]


def pixels(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(jpeg))).astype(int)


async def test_it_is_the_worker_s_own_reading_with_tags(rapid, draw):
    photo = draw()
    seen = await try_photo(photo, rapid, OcrConfig(), first_line_tag)
    reader = Reader(rapid, OcrConfig())
    read = await reader.read(photo)
    await reader.aclose()
    assert isinstance(seen, Trial)
    assert seen.reading.texts == read.texts
    assert seen.tags[0].evidence[0].text == read.texts[0].text
    assert seen.size == (800, 600)
    assert pixels(seen.jpeg).shape == (600, 800, 3)


async def test_a_faint_photo_shows_the_lifted_picture_and_how_much_was_lifted(rapid, draw):
    photo = draw(ink=(150, 150, 150), paper=(170, 170, 170))
    seen = await try_photo(photo, rapid, OcrConfig(), no_tags)
    lifted, share = lift_contrast(open_photo(photo, Limits()).small)
    assert seen.lifted == share > 0
    # JPEG moves pixels a little.
    assert np.abs(pixels(seen.given) - lifted).mean() < 3
    assert np.abs(pixels(seen.given) - pixels(seen.jpeg)).mean() > 3


async def test_small_print_shows_where_the_engine_looked_again_and_steps_of_two_photos_never_mix(rapid, draw):
    small = draw((3200, 2400), at=(1600, 1200), px=50)
    large = draw((800, 600), px=60)
    first, second = await asyncio.gather(*(try_photo(photo, rapid, OcrConfig(), no_tags) for photo in (small, large)))
    ((x1, y1, x2, y2),) = first.closer
    ratio = 3200 / first.size[0]
    assert x1 * ratio < 1600 < x2 * ratio
    assert y1 * ratio < 1200 < y2 * ratio
    assert second.closer == ()


async def test_an_engine_without_steps_still_gives_a_reading(draw):
    seen = await try_photo(draw(), ScriptedEngine(), OcrConfig(), no_tags)
    assert seen.given is None
    assert seen.reading.engine.name == "scripted"


async def test_refusals_and_failures_pass_through(draw):
    assert isinstance(await try_photo(b"text", ScriptedEngine(), OcrConfig(), no_tags), Refused)
    down = Later("down", "the engine is down")
    assert await try_photo(draw(), ScriptedEngine(failure=down), OcrConfig(), no_tags) == down


async def test_a_look_shows_no_text_to_a_log(draw):
    seen = await try_photo(draw(), ScriptedEngine(), OcrConfig(), first_line_tag)
    assert seen.reading.texts[0].text == f"photo {seen.reading.image.sha256[:16]}"
    assert seen.reading.texts[0].text not in repr(seen)
    assert repr(seen.jpeg)[2:20] not in repr(seen)


async def test_values_of_a_look_become_tags_too(draw):
    given = []
    looks = looker(LookStandIn(garments=[DRESS]))
    shown = await try_photo(draw(), ScriptedEngine(), OcrConfig(), lambda *both: given.append(both) or (), looks)
    await looks.aclose()
    ((lines, seen),) = given
    assert lines == shown.reading.texts
    assert [one.tag for one in seen.values] == ["category/dress", "colour/red"]
