"""Photos that are deleted after reading, and uploads whose photo no longer exists."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from recognized import recognized

from schemas.codec import encode
from schemas.events import Identity, Photo, PhotoRead, PhotoUploaded
from schemas.outcomes import Later
from streams.agents.notifications import announce
from streams.agents.uploads import delete_read, recognize
from streams.config.settings import Settings
from streams.photos.bucket.events import KeyTemplate, Notification
from streams.photos.folders import swept_folders
from streams.photos.store import PhotoStore
from streams.photos.sweep import sweep
from streams.runtime.stage import Record
from streams.runtime.track import Delivery, Partition
from streams.wiring.assembly import assemble, bind, with_handler
from streams.wiring.stages import recognize as plan_recognize

NOW = datetime.now(UTC)


async def put(store: PhotoStore) -> str:
    return await store.put(shopper_id="s1", upload_id="u1", suffix=".jpg", photo=b"photo")


def photos(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "uploads").rglob("*") if path.is_file())


def read_from(uri: str):
    return recognized("u1", "100% cotton").model_copy(
        update={"photo": PhotoRead(uri=uri, sha256="0" * 64, width=9, height=9)}
    )


class Forgetful:
    """Knows of one shopper that they were forgotten."""

    def __init__(self, shopper_id: str) -> None:
        self._shopper_id = shopper_id

    async def includes(self, shopper_id: str) -> bool:
        return shopper_id == self._shopper_id

    def close(self) -> None:
        pass


class Records:
    """Records the messages that it should send."""

    def __init__(self) -> None:
        self.sent: list[object] = []

    async def send(self, *message: object, **more: object) -> None:
        self.sent.append((message, more))

    async def aclose(self) -> None:
        pass


class NoPool:
    async def read(self, *_: object, **__: object):
        raise AssertionError("nothing was there to read")


def uploaded(uri: str, *, at: datetime = NOW, backfill: bool = False) -> PhotoUploaded:
    identity, photo = Identity(external_id="s1"), Photo(uri=uri)
    return PhotoUploaded(
        upload_id="u1", shopper_id="s1", uploaded_at=at, backfill=backfill, identity=identity, photo=photo
    )


@pytest.mark.parametrize("delete_after_read", [False, True])
async def test_a_forgotten_shoppers_new_photo_goes_at_once(store, folder, delete_after_read):
    settings = Settings(store_url=f"file:{folder}", photo_delete_after_read=delete_after_read)
    forgotten, emitter = Forgetful("s1"), Records()
    parts = await assemble(plan_recognize(settings, pool=NoPool()), emitter=emitter, forgotten=forgotten)
    uri = await put(store)
    others = await store.put(shopper_id="s2", upload_id="u1", suffix=".jpg", photo=b"photo")
    # The second event names somebody else's photo.
    for named in (uri, others):
        value, headers = encode(uploaded(named), source="test")
        record = Record(b"s1", value, headers, 0)
        assert await parts.stage.process(Delivery(Partition("outfit.uploads", 0), b"s1", 0, record, attempts=1)) is None
    await parts.aclose()
    assert (emitter.sent, await store.get(others)) == ([], b"photo")
    assert (await store.get(uri)).reason == "photo-missing"


async def test_an_upload_whose_photo_was_read_and_deleted_is_done_when_it_is_delivered_again(store, folder):
    uri = await put(store)
    await delete_read((read_from(uri),), store=store)
    assert photos(folder) == []
    assert await recognize(uploaded(uri), store=store, pool=NoPool(), now=lambda: NOW) == ()
    # The mark that tells so goes as photos go.
    before = datetime.now(UTC) + timedelta(days=7)
    assert [swept.due async for swept in sweep(store, swept_folders(Settings()), before=before)][-1] == 1
    assert list(folder.rglob("*")) == []


async def test_a_photo_that_was_never_there_is_still_missing(store):
    uri = (await put(store)).replace("u1", "u2")
    for event in (uploaded(uri), uploaded(uri, at=NOW - timedelta(days=14), backfill=True)):
        answer = await recognize(event, store=store, pool=NoPool(), now=lambda: NOW)
        assert isinstance(answer, Later)
        assert answer.reason == "photo-missing"


async def test_an_upload_older_than_photos_are_kept_is_no_dead_letter(store):
    uri = (await put(store)).replace("u1", "u2")
    old = uploaded(uri, at=NOW - timedelta(days=2))
    kept_for = timedelta(days=1)
    assert await recognize(old, store=store, pool=NoPool(), now=lambda: NOW, kept_for=kept_for) == ()


@pytest.mark.parametrize(("hours", "gone"), [(21, False), (22.5, True), (23.9, True)])
async def test_a_photo_that_the_sweep_took_ahead_is_no_dead_letter(store, hours, gone):
    uri = (await put(store)).replace("u1", "u2")
    event, kept_for = uploaded(uri, at=NOW - timedelta(hours=hours)), timedelta(days=1)
    answer = await recognize(event, store=store, pool=NoPool(), now=lambda: NOW, kept_for=kept_for)
    assert (answer == ()) is gone


async def test_another_upload_that_names_a_deleted_photo_is_photo_missing(store):
    uri = await put(store)
    await delete_read((read_from(uri),), store=store)
    other = uploaded(uri).model_copy(update={"upload_id": "other"})
    answer = await recognize(other, store=store, pool=NoPool(), now=lambda: NOW)
    assert isinstance(answer, Later)
    assert answer.reason == "photo-missing"


class Emitter:
    """Refuses the first message, and notes what photos there were at each."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.there = folder, []

    async def send(self, *_: object, **__: object) -> Later | None:
        self.there.append(photos(self.folder))
        return Later("undelivered", "no") if len(self.there) == 1 else None


async def test_a_photo_is_deleted_only_once_its_text_is_delivered(store, folder):
    uri, emitter = await put(store), Emitter(folder)

    async def handle(_event: object):
        return (read_from(uri),)

    plan = replace(with_handler("recognize", Settings(), handle), on_delivered=partial(delete_read, store=store))
    stage = bind(plan, handle, emitter)
    value, headers = encode(uploaded(uri), source="test")
    one = Delivery(Partition("outfit.uploads", 0), b"s1", 0, Record(b"s1", value, headers, 0.0), attempts=1)
    assert await stage.process(one) is not None
    assert photos(folder) == ["u1.jpg"]
    assert await stage.process(one) is None
    assert emitter.there == [["u1.jpg"], ["u1.jpg"]]
    assert photos(folder) == []


async def test_a_store_that_does_not_delete_holds_nothing_up(store, folder):
    uri = await put(store)
    (folder / "read").write_text("a file where the folder of marks should be")
    await delete_read((read_from(uri),), store=store)
    assert photos(folder) == ["u1.jpg"]


@pytest.mark.parametrize(
    "key", ["shop/read/uploads/s1/u1.jpg", "shop/uploads/by.day/2026-11-30/s1/u1.jpg"], ids=["a mark", "of the gateway"]
)
async def test_a_notification_of_what_hangtag_stored_is_no_upload(key):
    put = {"eventName": "ObjectCreated:Put", "eventTime": NOW.isoformat()}
    place = {"bucket": {"name": "photos"}, "object": {"key": key}}
    told = Notification.model_validate({"Records": [put | {"s3": place}]})
    template, store = (
        KeyTemplate("shop/uploads/{shopper_id}/{upload_id}.{ext}"),
        PhotoStore("s3://photos/shop", max_bytes=9),
    )
    assert await announce(told, template=template, store=store, now=lambda: NOW) == ()
