"""Forgetting removes the shopper's photos, whatever is beside them, and no others."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from schemas.outcomes import Later
from streams.erasure.photos import remove_photos
from streams.photos.answers import StoreError
from streams.photos.store import PhotoStore

NOW = datetime.now(UTC)


async def put(store, shopper: str, upload_id: str) -> str:
    return await store.put(shopper_id=shopper, upload_id=upload_id, suffix=".jpg", photo=b"1")


async def test_files_of_any_name_in_the_shoppers_folder_go(store, folder):
    await put(store, "anna", "u1")
    own, undated = next(folder.rglob("anna")), folder / "uploads" / "anna"
    undated.mkdir()
    for name in ("with\ttab.jpg", "with\nbreak", "half\udcff", "u2.jpg#1"):
        (own / name).write_bytes(b"2")
        (undated / name).write_bytes(b"2")
    bobs = await put(store, "bob", "u1")
    done = await remove_photos(store, "anna", {}, dry_run=False, now=NOW)
    assert (done.removed, done.troubles) == (9, ())
    assert not list(folder.rglob("anna"))
    assert await store.get(bobs) == b"1"


async def test_photos_and_marks_of_every_day_go_and_those_of_others_stay(folder):
    moment = datetime(2026, 11, 30, tzinfo=UTC)
    store = PhotoStore(f"file:{folder}", max_bytes=10, now=lambda: moment)
    for day in range(3):
        moment += timedelta(days=1)
        for shopper in ("anna", "anna2"):
            uri = await put(store, shopper, f"u{day}")
            if day == 0:
                await store.remove_read(uri, upload_id=f"u{day}")
    done = await remove_photos(store, "anna", {}, dry_run=False, now=NOW)
    assert (done.removed, done.troubles) == (2, ())
    left = {path.parent.name for path in folder.rglob("*") if path.is_file()}
    assert left == {"anna2"}


async def test_a_folder_that_cannot_be_listed_is_named_and_the_rest_goes(store, monkeypatch):
    uri = await put(store, "anna", "u1")

    async def refused(_folder: str) -> AsyncIterator[list[object]]:
        raise StoreError(Later("store-odd-key", "remove it"))
        yield []

    monkeypatch.setattr(store, "find", refused)
    done = await remove_photos(store, "anna", {uri: set()}, dry_run=False, now=NOW)
    assert done.removed == 1
    assert any("uploads/anna/" in trouble for trouble in done.troubles)
    assert (await store.get(uri)).reason == "photo-missing"


class ListsNoDays(PhotoStore):
    """Has a folder with an odd name beside the folders of days."""

    async def folders(self, _folder: str) -> list[str]:
        raise StoreError(Later("store-odd-key", "remove it"))


async def test_photos_and_marks_go_although_the_days_cannot_be_listed(folder):
    for days in (-1, 0, 8):
        store = ListsNoDays(f"file:{folder}", max_bytes=10, now=lambda days=days: NOW - timedelta(days=days))
        await put(store, "anna", "u")
    week_old = ListsNoDays(f"file:{folder}", max_bytes=10, now=lambda: NOW - timedelta(days=14))
    await week_old.remove_read(await put(week_old, "anna", "u"), upload_id="u")
    done = await remove_photos(store, "anna", {}, dry_run=False, now=NOW)
    assert (done.removed, len(done.troubles)) == (3, 2)
    assert "folder uploads/by.day/: remove it" in done.troubles
    assert not list(folder.rglob("*.jpg"))


@pytest.mark.parametrize(("whose", "named_by"), [("bob", set()), ("anna", {"bob"})])
async def test_a_photo_that_may_be_somebody_elses_stays_even_if_an_event_names_it(store, whose, named_by):
    uri = await put(store, whose, "u9")
    named = {uri: named_by} if whose == "bob" else {}
    done = await remove_photos(store, "anna", named, dry_run=False, now=NOW)
    if whose == "bob":
        assert "other shoppers" in done.troubles[0]
        assert await store.get(uri) == b"1"
    else:
        # A photo in the shopper's own folder is theirs, whoever names it.
        assert done.removed == 1


async def test_a_dry_run_counts_and_removes_nothing(store):
    uri = await put(store, "anna", "u1")
    done = await remove_photos(store, "anna", {}, dry_run=True, now=NOW)
    assert (done.removed, await store.get(uri)) == (1, b"1")
