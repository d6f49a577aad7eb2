"""
A look through a real vision-language model.

HANGTAG_TEST_LOOK_URL names its server, HANGTAG_TEST_LOOK_MODEL the model, and HANGTAG_TEST_LOOK_KEY its key. Skipped
without a URL.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from ocr_worker.images.decode import DecodedPhoto, Limits, open_photo
from ocr_worker.look.looker import AnyLooker
from ocr_worker.result import Refused
from schemas.events import Seen
from streams.config.settings import Settings
from streams.wiring.look import make_looker

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(600)]

PHOTOS = sorted((Path(__file__).parents[3] / "samples" / "photos").glob("*.jpg"))
#: What no photo shows, so that only text may tell it.
READ_ONLY = {"material", "size", "care", "claim"}


@pytest.fixture
async def looker() -> AsyncIterator[AnyLooker]:
    url, key, model = (os.environ.get(f"HANGTAG_TEST_LOOK_{name}") for name in ("URL", "KEY", "MODEL"))  # noqa: TID251 - switches of the tests
    if not url:
        # A model of this size needs a GPU, which no test can fetch.
        pytest.skip("needs a vision-language model on a GPU: set HANGTAG_TEST_LOOK_URL (docs/ocr.md)")
    changed = {"look_model": model} if model else {}
    opened = make_looker(Settings(look_url=url, look_key=SecretStr(key) if key else None, look_timeout_s=60, **changed))
    assert opened is not None
    yield opened
    await opened.aclose()


@pytest.fixture
def photos() -> list[DecodedPhoto]:
    opened = [open_photo(path.read_bytes(), Limits()) for path in PHOTOS]
    return [photo for photo in opened if not isinstance(photo, Refused)]


async def look(looker: AnyLooker, photo: DecodedPhoto) -> Seen | None:
    return await looker.look(looker.prepare(photo))


async def test_the_model_names_only_what_a_picture_shows_and_how_sure_it_is(looker, photos):
    looks = await asyncio.gather(*(look(looker, photo) for photo in photos))

    assert None not in looks, "the server answers every photo in time"
    values = [value for seen in looks if seen is not None for value in seen.values]
    assert values
    assert not {value.tag.partition("/")[0] for value in values} & READ_ONLY
    # One score for all values would mean that the values' own tokens were not found.
    assert len({value.score for value in values}) > 1


async def test_the_model_reads_a_photo_the_same_beside_any_other_photos(looker, photos):
    alone = await look(looker, photos[0])
    together = await asyncio.gather(*(look(looker, photo) for photo in photos[:8]))

    assert alone is not None
    assert together[0] is not None
    assert {value.tag for value in alone.values if value.score > 0.9} <= {value.tag for value in together[0].values}
