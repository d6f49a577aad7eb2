"""No photo grows older than photos may: the sweep, and its leader's timer."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from prometheus_client import REGISTRY
from pydantic import ValidationError

from schemas.outcomes import Later
from streams.config.settings import Settings
from streams.photos.answers import StoreError
from streams.photos.folders import swept_folders
from streams.photos.retention import keep_sweeping, may_be_gone_after
from streams.photos.store import PhotoStore
from streams.photos.sweep import sweep
from streams.telemetry import metrics

NOW = datetime.now(UTC)
WEEK = timedelta(days=7)
FOLDERS = swept_folders(Settings())


async def put(_store: PhotoStore, folder: Path, upload_id: str, *, at: datetime) -> str:
    """Store a photo at a time of the test's choosing."""
    store = PhotoStore(f"file:{folder}", max_bytes=1000, now=lambda: at)
    uri = await store.put(shopper_id="s1", upload_id=upload_id, suffix=".jpg", photo=b"photo")
    os.utime(path_of(uri), (at.timestamp(), at.timestamp()))
    return uri


def path_of(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path))


def photos(folder: Path) -> dict[str, datetime]:
    """Return the photos on disk, as anybody sees them, and when each was stored."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    return {path.stem: datetime.fromtimestamp(path.stat().st_mtime, UTC) for path in found}


async def test_while_the_clock_moves_on_no_photo_is_ever_older_than_a_week(store, folder):
    clock, uploads = NOW, 0
    oldest = timedelta()

    async def sleep(_seconds: float) -> None:
        nonlocal clock, uploads, oldest
        clock += timedelta(minutes=1)
        if clock > NOW + timedelta(days=16):
            raise TimeoutError
        if uploads < (clock - NOW) / timedelta(hours=5):
            uploads += 1
            await put(store, folder, f"u{uploads}", at=clock)
            oldest = max(oldest, *(clock - stored for stored in photos(folder).values()))

    with pytest.raises(TimeoutError):
        await keep_sweeping(lambda: True, store, FOLDERS, kept_for=WEEK, now=lambda: clock, sleep=sleep)
    assert uploads > 70
    # Not too early either: what is deleted ahead is what would not live to the next sweep but one.
    assert WEEK - timedelta(hours=7) < oldest <= WEEK


@pytest.mark.parametrize("days", [30, -30])
@pytest.mark.parametrize("looks", [1, 10_000], ids=["for one look", "for good"])
async def test_a_jump_of_the_clock_deletes_nothing_early_and_keeps_nothing_longer(store, folder, days, looks):
    true, look, deleted_at = NOW, 0, {}
    stored_at = {"new": NOW, "six-days": NOW - timedelta(days=6)}
    paths = {name: path_of(await put(store, folder, name, at=at)) for name, at in stored_at.items()}

    def now() -> datetime:
        return true + (timedelta(days=days) if 100 <= look < 100 + looks else timedelta())

    async def sleep(_seconds: float) -> None:
        nonlocal true, look
        for photo in [photo for photo, path in paths.items() if not path.exists()]:
            deleted_at.setdefault(photo, true - NOW)
        look += 1
        true += timedelta(seconds=5)
        if len(deleted_at) == 1 and true - NOW > timedelta(days=1, hours=6):
            raise TimeoutError

    with pytest.raises(TimeoutError):
        await keep_sweeping(lambda: True, store, FOLDERS, kept_for=WEEK, now=now, sleep=sleep)
    assert set(deleted_at) == {"six-days"}
    assert timedelta(hours=21) < deleted_at["six-days"] <= timedelta(days=1)


class Bucket(PhotoStore):
    """Tells its own time."""

    async def time(self) -> datetime:
        return NOW


async def test_a_buckets_own_time_decides_what_is_old_with_any_local_clock(folder):
    store = Bucket(f"file:{folder}", max_bytes=1000)
    await put(store, folder, "new", at=NOW)
    await put(store, folder, "old", at=NOW - WEEK)
    for days in (30, -30):

        async def sleep(_seconds: float) -> None:
            raise TimeoutError

        def now(days: int = days) -> datetime:
            return NOW + timedelta(days=days)

        with pytest.raises(TimeoutError):
            await keep_sweeping(lambda: True, store, FOLDERS, kept_for=WEEK, now=now, sleep=sleep)
        assert set(photos(folder)) == {"new"}


async def test_only_the_leader_sweeps_and_a_new_leader_does_so_at_once(store, folder):
    await put(store, folder, "old", at=NOW - WEEK)
    seen = []

    async def sleep(_seconds: float) -> None:
        seen.append(set(photos(folder)))
        if len(seen) == 4:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        await keep_sweeping(lambda: len(seen) > 2, store, FOLDERS, kept_for=WEEK, now=lambda: NOW, sleep=sleep)
    assert seen == [{"old"}, {"old"}, {"old"}, set()]


@pytest.mark.parametrize("kept_for", [timedelta(days=1), timedelta(days=2), WEEK])
@pytest.mark.parametrize(
    "key",
    [
        "uploads/s1/{upload}.jpg",
        "read/uploads/s1/{upload}.jpg",
        "uploads/by.day/{later}/s1/{upload}.jpg",
        "uploads/x#1",
    ],
    ids=["an older version's key", "a mark", "a day in the future", "half written"],
)
async def test_what_only_a_sweep_of_everything_finds_is_no_older_than_photos_may_be(store, folder, kept_for, key):
    clock, oldest, youngest = NOW, timedelta(), WEEK
    stored: dict[Path, datetime] = {}

    async def sleep(_seconds: float) -> None:
        nonlocal clock, oldest, youngest
        for path in [path for path in stored if not path.exists()]:
            age = clock - stored.pop(path)
            oldest, youngest = max(oldest, age), min(youngest, age)
        clock += timedelta(minutes=9)
        if clock > NOW + 3 * kept_for:
            raise TimeoutError
        path = folder / key.format(upload=f"{clock:%d-%H}", later=f"{clock + timedelta(days=4):%Y-%m-%d}")
        if path not in stored:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"photo")
            os.utime(path, (clock.timestamp(), clock.timestamp()))
            stored[path] = clock

    with pytest.raises(TimeoutError):
        await keep_sweeping(lambda: True, store, FOLDERS, kept_for=kept_for, now=lambda: clock, sleep=sleep)
    assert may_be_gone_after(kept_for) - timedelta(minutes=20) <= youngest <= oldest <= kept_for


class FailsOnce(PhotoStore):
    """Does not answer the first listing of days, nor the first of objects."""

    def __init__(self, url: str, **how: object) -> None:
        super().__init__(url, **how)
        self.failures = {"folders", "find"}

    async def folders(self, folder):
        self._fail_once("folders")
        return await super().folders(folder)

    async def find(self, folder, *, without_days=False):
        self._fail_once("find")
        async for found in super().find(folder, without_days=without_days):
            yield found

    def _fail_once(self, what: str) -> None:
        if what in self.failures:
            self.failures.remove(what)
            raise StoreError(Later("store-unreachable", "no"))


async def test_a_store_that_fails_is_swept_again_soon(folder):
    store, naps, clock = FailsOnce(f"file:{folder}", max_bytes=1000), [], NOW
    await put(store, folder, "old", at=NOW - WEEK)

    async def sleep(_seconds: float) -> None:
        nonlocal clock
        clock += timedelta(seconds=30)
        naps.append(set(photos(folder)))
        if len(naps) == 3:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        await keep_sweeping(lambda: True, store, FOLDERS, kept_for=WEEK, now=lambda: clock, sleep=sleep)
    assert naps == [{"old"}, {"old"}, set()]


class ListsDaysOnly(PhotoStore):
    """Has a key that prevents listing the rest."""

    def find(self, *_folder: object, **_how: object):
        raise StoreError(Later("store-odd-key", "no"))


@pytest.mark.parametrize(("kind", "told"), [(PhotoStore, True), (ListsDaysOnly, False)])
async def test_the_time_of_the_last_sweep_is_told_only_if_everything_was_swept(folder, kind, told):
    store, clock = kind(f"file:{folder}", max_bytes=1000), NOW
    metrics.SWEEP_ENDED.set(0)

    async def sleep(_seconds: float) -> None:
        nonlocal clock
        clock += timedelta(minutes=9)
        if clock > NOW + timedelta(days=2):
            raise TimeoutError

    with pytest.raises(TimeoutError):
        await keep_sweeping(lambda: True, store, FOLDERS, kept_for=WEEK, now=lambda: clock, sleep=sleep)
    assert bool(REGISTRY.get_sample_value("hangtag_sweep_timestamp_seconds")) is told


async def test_a_dry_sweep_removes_nothing_and_a_sweep_continues_past_deleted_photos(store, folder):
    for number in range(3):
        await put(store, folder, f"old{number}", at=NOW - WEEK)
    await put(store, folder, "new", at=NOW + timedelta(minutes=1))
    looked = [swept async for swept in sweep(store, FOLDERS, before=NOW, remove=False)][-1]
    assert (looked.seen, looked.due, looked.due_bytes, len(photos(folder))) == (4, 3, 15, 4)
    [found] = [some async for some in store.find("uploads")]
    next(folder.rglob("old1.jpg")).unlink()
    await store.remove_all([one for one in found if one.stored_at < NOW])
    assert set(photos(folder)) == {"new"}


async def test_objects_beside_the_photos_are_not_touched(store, folder):
    (folder / "holiday.jpg").write_bytes(b"mine")
    os.utime(folder / "holiday.jpg", (1, 1))
    _ = [swept async for swept in sweep(store, FOLDERS, before=NOW)]
    assert set(photos(folder)) == {"holiday"}


async def test_without_a_folder_for_photos_only_keys_that_match_the_template_are_deleted(store, folder):
    for key in ("uploads/s/u.jpg", "photos-s/u.jpg", "photos-s/u/v.jpg", "catalog/products.csv", "backups/db.dump"):
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(b"x")
        os.utime(folder / key, (1, 1))
    key = "photos-{shopper_id}/{upload_id}.{ext}"
    folders = swept_folders(Settings(notifications_topic="s3", notifications_key=key))
    done = [swept async for swept in sweep(store, folders, before=NOW)][-1]
    assert (done.seen, done.due) == (2, 2)
    left = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert left == {"photos-s/u/v.jpg", "catalog/products.csv", "backups/db.dump"}


@pytest.mark.parametrize(("days", "hours"), [(1, 22), (2, 24), (7, 144)])
def test_a_photo_may_be_missing_as_early_as_the_sweep_or_the_buckets_rule_deletes_it(days, hours):
    assert may_be_gone_after(timedelta(days=days)) == timedelta(hours=hours)


@pytest.mark.parametrize("days", [0, 8])
def test_nothing_keeps_photos_longer_than_a_week(days):
    with pytest.raises(ValidationError):
        Settings(photo_retention_days=days)
