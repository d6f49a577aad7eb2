"""
Finds and deletes the photos and marks that the store received before a time.

Keys of Hangtag's own photos have the day on which they were stored. So a sweep lists only the days that may contain
something due. Keys without a day (`streams/photos/keys.py`) it lists completely.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from streams.photos.answers import StoreError
from streams.photos.folders import Folder
from streams.photos.keys import DATED, day_of, possible_day_folders
from streams.photos.local_folder import Stored
from streams.photos.store import PhotoStore

#: How far the clock that dates a key may be from the store's clock.
_DAY_OFF: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Swept:
    """Progress of a sweep: objects checked, and how many of them were too old (and deleted, unless it only counts)."""

    seen: int = 0
    due: int = 0
    due_bytes: int = 0
    #: No checked object that remains was stored before this time; None if none remains.
    oldest: datetime | None = None
    #: Folders of younger days, which were not listed.
    days_not_checked: int = 0

    def and_then(self, other: "Swept") -> "Swept":
        """Return the sum of two parts of a sweep."""
        times = [one for one in (self.oldest, other.oldest) if one is not None]
        return Swept(
            self.seen + other.seen,
            self.due + other.due,
            self.due_bytes + other.due_bytes,
            min(times, default=None),
            self.days_not_checked + other.days_not_checked,
        )


async def sweep(
    store: PhotoStore, folders: tuple[Folder, ...], *, before: datetime, remove: bool = True
) -> AsyncIterator[Swept]:
    """
    Delete everything that was stored before a time; yields the progress after every thousand objects.

    It passes over the folders of days that are younger, and does not look whether a key has a wrong day. A folder that
    cannot be listed because of one odd key does not stop the sweep of the others.

    Raises:
        StoreError: The store did not respond, or refused, or a folder has an odd key. The next sweep finds the rest.

    """
    rest = _sweep(store, folders, lambda one: one.stored_at < before, without_days=True, remove=remove)
    async for done in _all_of(sweep_days(store, before=before, remove=remove), rest):
        yield done


async def sweep_days(store: PhotoStore, *, before: datetime, remove: bool = True) -> AsyncIterator[Swept]:
    """
    Do the part of `sweep` that concerns keys with a day. Raises as `sweep`.

    It lists every photo of the days that may contain something due: after an earlier sweep these are the day of
    `before` and the next one. Younger photos cost nothing. If the folders of days cannot be listed, it lists those of
    the days before `before` that may exist.
    """
    listed: list[Folder] = []
    younger = 0
    odd: StoreError | None = None
    for dated in DATED:
        try:
            days = await store.folders(dated)
        except StoreError as error:
            if not error.is_odd_key:
                raise
            odd, days = error, possible_day_folders(dated, before)
        for folder in days:
            day = day_of(f"{folder}/")
            if day is None:
                continue
            if _begin(day) < before:
                listed.append(Folder(f"{folder}/"))
            else:
                younger += 1
    passed_over = Swept(days_not_checked=younger)
    yield passed_over
    async for done in _sweep(store, listed, lambda one: one.stored_at < before, remove=remove):
        yield passed_over.and_then(done)
    if odd is not None:
        raise odd


async def sweep_everything(
    store: PhotoStore,
    folders: tuple[Folder, ...],
    *,
    before: datetime,
    rest_before: datetime,
    remove: bool = True,
) -> AsyncIterator[Swept]:
    """
    Check every object, whatever its key says; yields the progress as `sweep` does.

    Args:
        store: The photo store.
        folders: The parts of the store to check.
        before: Objects under the right day that were stored before this time are deleted.
        rest_before: The same for objects whose key has no day, or a day that is later than the store's own time.
        remove: Delete them, and not only count.

    Raises:
        StoreError: As `sweep`.

    """

    def is_due(one: Stored) -> bool:
        day = day_of(one.key)
        return one.stored_at < (rest_before if day is None or one.stored_at < _begin(day) else before)

    async for done in _sweep(store, folders, is_due, remove=remove):
        yield done


async def _sweep(
    store: PhotoStore,
    folders: Sequence[Folder],
    is_due: Callable[[Stored], bool],
    *,
    without_days: bool = False,
    remove: bool = True,
) -> AsyncIterator[Swept]:
    parts = (_sweep_one(store, folder, is_due, without_days=without_days, remove=remove) for folder in folders)
    async for done in _all_of(*parts):
        yield done


async def _sweep_one(
    store: PhotoStore, folder: Folder, is_due: Callable[[Stored], bool], *, without_days: bool, remove: bool
) -> AsyncIterator[Swept]:
    so_far = Swept()
    async for found in store.find(folder.name, without_days=without_days or folder.template is not None):
        some = [one for one in found if folder.holds(one.key)]
        due = [one for one in some if is_due(one)]
        if remove:
            await store.remove_all(due)
        left = (one.stored_at for one in some if not is_due(one))
        so_far = so_far.and_then(Swept(len(some), len(due), sum(one.size for one in due), min(left, default=None)))
        yield so_far


async def _all_of(*parts: AsyncIterator[Swept]) -> AsyncIterator[Swept]:
    """Do one part after the other, and yield the sum. An odd key ends its part, and is raised after the last one."""
    done = Swept()
    odd: StoreError | None = None
    for part in parts:
        before, so_far = done, Swept()
        try:
            async for so_far in part:
                done = before.and_then(so_far)
                yield done
        except StoreError as error:
            if not error.is_odd_key:
                raise
            odd = odd or error
    yield done
    if odd is not None:
        raise odd


def _begin(day: date) -> datetime:
    """Return the earliest time at which an object under a day may have been stored."""
    return datetime.combine(day, time.min, UTC) - _DAY_OFF
