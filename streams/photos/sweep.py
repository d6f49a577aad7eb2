"""
Finds and deletes the photos and marks that the store received before a time.

Keys of Hangtag's own photos have the day on which they were stored. So a sweep lists only the days that may contain
something due. Keys without a day (`streams/photos/keys.py`) it lists completely.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from streams.photos.folders import Folder
from streams.photos.keys import DATED, day_of
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
    #: No remaining photo was stored before this time; None if none remains.
    oldest: datetime | None = None

    def and_then(self, other: "Swept") -> "Swept":
        """Return the sum of two parts of a sweep."""
        times = [one for one in (self.oldest, other.oldest) if one is not None]
        return Swept(
            self.seen + other.seen,
            self.due + other.due,
            self.due_bytes + other.due_bytes,
            min(times, default=None),
        )


async def sweep(
    store: PhotoStore, folders: tuple[Folder, ...], *, before: datetime, remove: bool = True
) -> AsyncIterator[Swept]:
    """
    Delete everything that was stored before a time; yields the progress after every thousand objects.

    It passes over the folders of days that are younger, and does not look whether a key has a wrong day.

    Raises:
        StoreError: The store did not respond, or refused. The next sweep finds the rest.

    """
    done = Swept()
    async for done in sweep_days(store, before=before, remove=remove):
        yield done
    async for rest in _sweep(store, folders, lambda one: one.stored_at < before, without_days=True, remove=remove):
        yield done.and_then(rest)


async def sweep_days(store: PhotoStore, *, before: datetime, remove: bool = True) -> AsyncIterator[Swept]:
    """Do the part of `sweep` that concerns keys with a day. Its cost depends on what is due. Raises as `sweep`."""
    listed: list[Folder] = []
    younger: list[date] = []
    for dated in DATED:
        for folder in await store.folders(dated):
            day = day_of(f"{folder}/")
            if day is None:
                continue
            if _begin(day) < before:
                listed.append(Folder(f"{folder}/"))
            else:
                younger.append(day)
    rest = Swept(oldest=min(map(_begin, younger), default=None))
    yield rest
    async for done in _sweep(store, tuple(listed), lambda one: one.stored_at < before, remove=remove):
        yield done.and_then(rest)


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
    so_far = Swept()
    for folder in folders:
        async for found in store.find(folder.name, without_days=without_days or folder.template is not None):
            some = [one for one in found if folder.holds(one.key)]
            due = [one for one in some if is_due(one)]
            if remove:
                await store.remove_all(due)
            left = (one.stored_at for one in some if not is_due(one))
            part = Swept(len(some), len(due), sum(one.size for one in due), min(left, default=None))
            so_far = so_far.and_then(part)
            yield so_far
    yield so_far


def _begin(day: date) -> datetime:
    """Return the earliest time at which an object under a day may have been stored."""
    return datetime.combine(day, time.min, UTC) - _DAY_OFF
