"""What a sweep looks at: the days that may contain something due, and every key without a day."""

import json
import os
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from schemas.outcomes import Later
from streams.cli.main import app as hangtag
from streams.config.settings import Settings
from streams.photos.answers import StoreError
from streams.photos.folders import swept_folders
from streams.photos.local_folder import Stored
from streams.photos.retention import AHEAD
from streams.photos.store import PhotoStore
from streams.photos.sweep import Swept, sweep, sweep_days, sweep_everything

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
WEEK = timedelta(days=7)
FOLDERS = swept_folders(Settings())


class Counting(PhotoStore):
    """Counts what it lists."""

    lists = entries = 0

    async def find(self, folder: str, *, without_days: bool = False) -> AsyncIterator[Sequence[Stored]]:
        self.lists += 1
        async for found in super().find(folder, without_days=without_days):
            self.entries += len(found)
            yield found

    async def folders(self, folder: str) -> list[str]:
        self.lists += 1
        found = await super().folders(folder)
        self.entries += len(found)
        return found


@pytest.fixture
def store(folder) -> Counting:
    return Counting(f"file:{folder}", max_bytes=10)


def put(folder: Path, key: str, *, at: datetime) -> Path:
    """Write an object that the store received at a time."""
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    os.utime(path, (at.timestamp(), at.timestamp()))
    return path


def put_photo(folder: Path, name: str, *, at: datetime, day: date | None = None, root: str = "uploads") -> Path:
    return put(folder, f"{root}/by.day/{day or at.date()}/{name}/u.jpg", at=at)


async def last(sweeping: AsyncIterator[Swept]) -> Swept:
    return [swept async for swept in sweeping][-1]


@pytest.mark.parametrize("sweeping", [sweep_days, lambda store, **times: sweep(store, FOLDERS, **times)])
async def test_it_lists_the_photos_of_the_two_days_at_the_limit_and_of_no_younger_day(tmp_path, sweeping):
    entries = {}
    for at_limit, each_day in ((10, 10), (10, 200), (200, 10)):
        folder = tmp_path / f"{at_limit}-{each_day}"
        store = Counting(f"file:{folder}", max_bytes=10)
        for name in range(15):
            put_photo(folder, f"due{name}", at=NOW - WEEK - timedelta(hours=1))
        for day in range(8):
            for name in range(each_day if day < 6 else at_limit):
                put_photo(folder, f"s{name}", at=NOW - timedelta(days=day))
                put_photo(folder, f"s{name}", at=NOW - timedelta(days=day), root="read/uploads")
        done = await last(sweeping(store, before=NOW - WEEK))
        assert (done.due, done.days_not_checked, done.oldest) == (15, 12, NOW - WEEK)
        entries[at_limit, each_day] = store.entries
    assert entries[10, 200] == entries[10, 10]
    # The photos and the marks of two days.
    assert entries[200, 10] == entries[10, 10] + 2 * 2 * 190


async def test_of_a_day_that_is_partly_due_only_what_is_due_goes(store, folder):
    before = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
    gone = [put_photo(folder, f"s{hours}", at=before - timedelta(hours=hours, seconds=1)) for hours in (0, 1, 23)]
    left = [put_photo(folder, f"t{hours}", at=before + timedelta(hours=hours)) for hours in (0, 1, 23, 24)]
    done = await last(sweep_days(store, before=before))
    assert (done.due, done.oldest) == (3, before)
    assert [path.exists() for path in gone + left] == [False] * 3 + [True] * 4


async def test_days_on_which_nothing_swept_are_swept_later(store, folder):
    put_photo(folder, "s", at=NOW - timedelta(days=90))
    assert (await last(sweep_days(store, before=NOW - WEEK))).due == 1


async def test_a_mark_that_is_younger_than_its_photos_day_stays_until_it_is_due_itself(store, folder):
    read_at = NOW - timedelta(days=6)
    mark = put_photo(folder, "s", at=read_at, day=(NOW - timedelta(days=12)).date(), root="read/uploads")
    assert (await last(sweep_days(store, before=NOW - WEEK))).due == 0
    assert mark.exists()
    assert (await last(sweep_days(store, before=read_at + timedelta(seconds=1)))).due == 1


@pytest.mark.parametrize("hours", [-23, 23])
async def test_a_writer_whose_clock_is_wrong_by_less_than_a_day_changes_nothing(store, folder, hours):
    photo = put_photo(folder, "s", at=NOW - WEEK, day=(NOW - WEEK + timedelta(hours=hours)).date())
    assert (await last(sweep_days(store, before=NOW - WEEK))).due == 0
    assert (await last(sweep_days(store, before=NOW - WEEK + timedelta(seconds=1)))).due == 1
    assert not photo.exists()


async def test_a_sweep_of_everything_finds_photos_under_a_day_that_had_not_begun(store, folder):
    at = NOW - WEEK + timedelta(hours=20)
    wrong = put_photo(folder, "wrong", at=at, day=(at + timedelta(days=2)).date())
    right = put_photo(folder, "right", at=at)
    undated = put(folder, "uploads/s/u.jpg", at=at)
    before = NOW - WEEK + AHEAD
    assert (await last(sweep_days(store, before=before))).due == 0
    done = await last(sweep_everything(store, FOLDERS, before=before, rest_before=NOW - WEEK + timedelta(days=1)))
    assert (done.seen, done.due, done.oldest) == (3, 2, at)
    assert [path.exists() for path in (wrong, right, undated)] == [False, True, False]


@pytest.mark.parametrize(
    "key",
    [
        "uploads/s/u.jpg",
        "uploads/s/u.jpg#1",
        "read/uploads/s/u.jpg",
        "uploads/by.day/u.jpg",
        "uploads/by.day/2026-13-01/s/u.jpg",
        "uploads/by.day/2026-11-31x/s/u.jpg",
        "uploads/by.day/0001-01-01/s/u.jpg",
        "uploads/by.day/9999-12-31/s/u.jpg",
        "uploads/by.day/2026-11-29/u.jpg",
        "uploads/2026-11-30/u.jpg",
        "uploads/a\tb/u\\.jpg",
        "uploads/by.day/2026-11-01/a\tb/deeper/\udcff.jpg#1",
    ],
)
async def test_keys_of_any_form_are_swept(store, folder, key):
    old, new = put(folder, key, at=NOW - timedelta(seconds=1)), put(folder, f"{key}.new", at=NOW)
    done = await last(sweep(store, FOLDERS, before=NOW))
    assert (done.seen, done.due, old.exists(), new.exists()) == (2, 1, False, True)


class OddNames(PhotoStore):
    """Cannot list some folders, because a key in them is odd."""

    odd: tuple[str, ...] = ()

    async def folders(self, folder: str) -> list[str]:
        self._check(folder)
        return await super().folders(folder)

    async def find(self, folder: str, *, without_days: bool = False) -> AsyncIterator[Sequence[Stored]]:
        self._check(folder)
        async for found in super().find(folder, without_days=without_days):
            yield found

    def _check(self, folder: str) -> None:
        if folder in self.odd:
            raise StoreError(Later("store-odd-key", f"{folder} has an odd key"))


@pytest.mark.parametrize(
    "odd", [("uploads/by.day", "read/uploads/by.day"), ("read",), ("uploads/by.day/2026-11-23",), ("uploads",)]
)
async def test_an_odd_key_does_not_stop_the_sweep_of_other_folders_and_is_reported(folder, odd):
    store = OddNames(f"file:{folder}", max_bytes=10)
    store.odd = odd
    keys = {
        "uploads/by.day/2026-11-22/s/u.jpg",
        "uploads/by.day/2026-11-23/s/u.jpg",
        "uploads/s/u.jpg",
        "read/uploads/by.day/2026-11-16/s/u.jpg",
        "read/uploads/s/u.jpg",
    }
    for key in keys:
        put(folder, key, at=NOW - WEEK - timedelta(seconds=1))
    with pytest.raises(StoreError, match="odd key"):
        await last(sweep(store, FOLDERS, before=NOW - WEEK))
    left = {key for key in keys if (folder / key).exists()}
    # Keys without a day are listed in `uploads` and `read`, without the days.
    stay = {
        "read": {"read/uploads/s/u.jpg"},
        "uploads": {"uploads/s/u.jpg"},
        "uploads/by.day/2026-11-23": {"uploads/by.day/2026-11-23/s/u.jpg"},
    }
    assert left == stay.get(odd[0], set())


@pytest.mark.parametrize(
    ("options", "said", "oldest_said"),
    [
        ([], "folders of younger days not checked: 1 (--all", False),
        (["--all"], "no remaining photo was stored before", True),
    ],
)
def test_the_command_says_nothing_about_photos_that_it_did_not_check(folder, monkeypatch, options, said, oldest_said):
    at = datetime.now(UTC) - timedelta(days=3)
    put_photo(folder, "s", at=at, day=(at + timedelta(days=300)).date())
    monkeypatch.setenv("HANGTAG_STORE_URL", f"file:{folder}")
    ran = CliRunner().invoke(hangtag, ["retention", "sweep", *options])
    assert said in ran.stdout
    assert ("stored before" in ran.stdout) is oldest_said
    assert str((at + timedelta(days=299)).date()) not in ran.stdout


@pytest.mark.parametrize(("options", "seen"), [([], 2), (["--all"], 3)])
def test_the_command_passes_over_younger_days_unless_it_is_to_check_everything(folder, monkeypatch, options, seen):
    now = datetime.now(UTC)
    old = put_photo(folder, "old", at=now - 2 * WEEK)
    undated, new = put(folder, "uploads/s/u.jpg", at=now), put_photo(folder, "new", at=now)
    monkeypatch.setenv("HANGTAG_STORE_URL", f"file:{folder}")
    said = CliRunner().invoke(hangtag, ["retention", "sweep", "--json", *options])
    assert said.exit_code == 0, said.output
    told = json.loads(said.stdout)
    assert (told["seen"], told["deleted"]) == (seen, 1)
    assert datetime.fromisoformat(told["oldest_left"]) <= now
    assert told["days_not_checked"] == (0 if options else 1)
    assert [path.exists() for path in (old, undated, new)] == [False, True, True]
