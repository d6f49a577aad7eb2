"""What the recognize stage sweeps when a store fails or has an odd key, how often it lists, and what it counts."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from schemas.outcomes import Later
from streams.config.settings import Settings
from streams.photos.answers import StoreError
from streams.photos.folders import swept_folders
from streams.photos.retention import keep_sweeping
from streams.photos.store import PhotoStore

NOW = datetime.now(UTC)
WEEK = timedelta(days=7)
FOLDERS = swept_folders(Settings())


class ListsNoDays(PhotoStore):
    """Cannot list the folders of days."""

    async def folders(self, _folder):
        raise StoreError(Later("store-odd-key", "no"))


class Counts(PhotoStore):
    """Counts how often it lists a folder that it was asked for."""

    def __init__(self, url: str, **how: object) -> None:
        super().__init__(url, **how)
        self.lists = 0

    async def find(self, folder, *, without_days=False):
        self.lists += 1
        async for found in super().find(folder, without_days=without_days):
            yield found


def put_undated(folder: Path, *, at: datetime) -> None:
    """Write a photo that only a sweep of everything finds."""
    path = folder / "uploads" / "s" / "u.jpg"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"photo")
    os.utime(path, (at.timestamp(), at.timestamp()))


async def run_for(store: PhotoStore, *, kept_for: timedelta, runs_for: timedelta) -> None:
    clock = NOW

    async def sleep(_seconds: float) -> None:
        nonlocal clock
        clock += timedelta(minutes=1)
        if clock > NOW + runs_for:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        await keep_sweeping(lambda: True, store, FOLDERS, kept_for=kept_for, now=lambda: clock, sleep=sleep)


async def test_a_failed_listing_of_days_stops_no_sweep_of_everything(folder):
    store = ListsNoDays(f"file:{folder}", max_bytes=1000)
    put_undated(folder, at=NOW - WEEK)
    counted = REGISTRY.get_sample_value("hangtag_photos_swept_total")
    await run_for(store, kept_for=WEEK, runs_for=timedelta(minutes=5))
    assert not list(folder.rglob("*.jpg"))
    assert REGISTRY.get_sample_value("hangtag_photos_swept_total") == counted + 1


async def test_photos_that_are_kept_for_a_day_are_listed_once_an_hour(folder):
    store = Counts(f"file:{folder}", max_bytes=1000)
    await store.put(shopper_id="s", upload_id="u", suffix=".jpg", photo=b"photo")
    await run_for(store, kept_for=timedelta(days=1), runs_for=timedelta(hours=2, minutes=59))
    # `read` and `uploads`, at the start and after each hour.
    assert store.lists == 2 * 3


async def test_what_was_deleted_before_the_store_failed_is_counted(folder):
    class FailsAtTheEnd(PhotoStore):
        async def find(self, folder, *, without_days=False):
            async for found in super().find(folder, without_days=without_days):
                yield found
            if folder == "uploads":
                raise StoreError(Later("store-unreachable", "no"))

    store = FailsAtTheEnd(f"file:{folder}", max_bytes=1000)
    put_undated(folder, at=NOW - WEEK)
    counted = REGISTRY.get_sample_value("hangtag_photos_swept_total")
    await run_for(store, kept_for=WEEK, runs_for=timedelta(seconds=30))
    assert REGISTRY.get_sample_value("hangtag_photos_swept_total") == counted + 1
