"""What a look at the picture showed goes on with the text, and makes a photo without text a useful one."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ocr_worker.result import ReadImage, Reading, ReadQuality
from schemas.events import (
    Engine,
    Identity,
    Photo,
    PhotoUploaded,
    Seen,
    SeenValue,
    TextLine,
    TextRecognized,
    UploadFeedback,
)
from streams.agents.uploads import recognize
from streams.config.settings import Settings
from streams.wiring.photos import make_store

NOW = datetime(2026, 11, 30, tzinfo=UTC)
ENGINE = Engine(name="look", model="m", revision="r")
BEACH = Seen(engine=ENGINE, values=(SeenValue(tag="scene/beach", bbox=(0, 0, 9, 9), score=0.9),))
NOTHING = Seen(engine=ENGINE, values=())
LINE = TextLine(text="100% COTTON", bbox=(0, 0, 9, 9), score=0.9)


class OneReading:
    """A pool whose every answer is one reading."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    async def read(self, _photo: bytes, **_more: object) -> Reading:
        return self._reading


async def recognized(tmp_path: Path, texts: tuple[TextLine, ...], verdict: str, seen: Seen | None):
    store = make_store(Settings(store_url=f"file:{tmp_path}"))
    uri = await store.put(shopper_id="s1", upload_id="u1", suffix=".jpg", photo=b"photo")
    event = PhotoUploaded(
        upload_id="u1", shopper_id="s1", uploaded_at=NOW, photo=Photo(uri=uri), identity=Identity(external_id="s1")
    )
    reading = Reading(
        texts=texts,
        image=ReadImage(width=9, height=9, sha256="a" * 64),
        quality=ReadQuality(verdict=verdict, sharpness=9),
        engine=ENGINE,
        seen=seen,
        timings_ms={},
    )
    return await recognize(event, store=store, pool=OneReading(reading), now=lambda: NOW)


@pytest.mark.parametrize("seen", [None, NOTHING, BEACH], ids=["no look", "nothing seen", "seen"])
async def test_the_event_contains_seen_values_beside_the_text(tmp_path, seen):
    (text,) = await recognized(tmp_path, (LINE,), "ok", seen)
    assert isinstance(text, TextRecognized)
    assert text.texts == (LINE,)
    assert text.seen == seen


@pytest.mark.parametrize(("seen", "told"), [(None, True), (NOTHING, True), (BEACH, False)])
async def test_a_photo_without_text_is_of_use_if_the_picture_shows_something(tmp_path, seen, told):
    outputs = await recognized(tmp_path, (), "no_text", seen)
    assert any(isinstance(one, UploadFeedback) for one in outputs) == told


async def test_a_blurry_photo_is_still_called_blurry(tmp_path):
    _, feedback = await recognized(tmp_path, (), "blurry", BEACH)
    assert feedback.code == "blurry"
