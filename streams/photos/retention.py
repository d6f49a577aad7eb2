"""
Deletes photos a number of days after the store received them.

Goes by the store's own times; knows neither Kafka nor events. The bucket's own rule (`bucket/rules.py`) is a backup for
days on which no stage runs.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from schemas.steady_clock import SteadyClock
from schemas.steady_clock import now as steady_now
from streams.config.settings import Settings, UnusableError
from streams.photos.answers import StoreError
from streams.photos.bucket.events import KeyTemplate
from streams.photos.bucket.rules import Bucket, rule_days
from streams.photos.keys import READ, UPLOADS
from streams.photos.store import MISSING, PhotoStore
from streams.telemetry import metrics

log = structlog.get_logger()

#: Time between two sweeps of the recognize stage.
SWEEP_EVERY: Final = timedelta(hours=1)
#: A sweep deletes photos that would expire before the next sweep has finished (a sweep may take an hour).
AHEAD: Final = 2 * SWEEP_EVERY
_LOOK_S: Final = 5.0
_TRY_AGAIN: Final = timedelta(minutes=1)
#: Folders of the store that belong to Hangtag with everything in them.
_WHOLE: Final = (f"{READ}/", f"{UPLOADS}/")


@dataclass(frozen=True, slots=True)
class Swept:
    """Progress of a sweep: objects checked, and how many of them were too old (and deleted, unless it only counts)."""

    seen: int = 0
    due: int = 0
    due_bytes: int = 0
    #: When the oldest remaining photo was stored.
    oldest: datetime | None = None


@dataclass(frozen=True, slots=True)
class Folder:
    """A part of the store with photos or marks: a whole folder, or the keys in it that match a template."""

    #: Beginning of each key: `uploads/`, or `photos-`; empty if it may be any.
    start: str
    template: KeyTemplate | None = None
    #: The store's prefix in its bucket, because templates describe whole keys.
    prefix: str = ""

    @property
    def name(self) -> str:
        """The folder to list; empty for the whole store."""
        return self.start.rpartition("/")[0]

    def holds(self, key: str) -> bool:
        """Return whether a key is a photo or a mark, as opposed to a file of others."""
        if self.template is None:
            return True
        return self.template.matches(f"{self.prefix}{key}") and not key.startswith(_WHOLE)


def swept_folders(settings: Settings) -> tuple[Folder, ...]:
    """
    Return the parts of the store with photos or marks; nothing that belongs to others.

    Raises:
        UnusableError: Notifications are on, and HANGTAG_NOTIFICATIONS_KEY is not a template.

    """
    whole = tuple(Folder(start) for start in _WHOLE)
    if settings.notifications_topic is None:
        return whole
    try:
        template = KeyTemplate(settings.notifications_key)
    except ValueError as error:
        raise UnusableError(f"HANGTAG_NOTIFICATIONS_KEY: {error}") from None
    bucket = Bucket.of(settings.store_url)
    prefix = bucket.prefix if bucket is not None else ""
    if not (template.start.startswith(prefix) or prefix.startswith(template.start)):
        # Photos elsewhere in the bucket do not belong to this store: no stage reads them either.
        return whole
    start = template.start[len(prefix) :]
    return whole if start.startswith(_WHOLE) else (*whole, Folder(start, template, prefix))


def may_be_gone_after(kept_for: timedelta) -> timedelta:
    """Return the age from which a photo may be deleted: the sweep deletes early, and a bucket's rule has whole days."""
    return min(kept_for - AHEAD, timedelta(days=rule_days(kept_for.days)))


async def is_gone_for_good(
    failure: object,
    store: PhotoStore,
    uri: str,
    *,
    upload_id: str,
    uploaded_at: datetime | None,
    now: datetime,
    kept_for: timedelta,
) -> bool:
    """
    Return whether the store failed because the photo was read and deleted, or expired.

    Args:
        failure: What the store returned instead of the photo. Only a missing photo can be gone for good.
        store: The photo store.
        uri: The photo's address in it.
        upload_id: The photo's upload, which the mark of a read photo names.
        uploaded_at: When it was uploaded; None if its age is unknown, so that it cannot have expired.
        now: The current time.
        kept_for: How long photos are kept.

    """
    if failure != MISSING:
        return False
    if await store.was_read(uri, upload_id=upload_id):
        log.info("photo was read and deleted before")
        return True
    if uploaded_at is None or now - uploaded_at < may_be_gone_after(kept_for):
        return False
    metrics.PHOTOS_EXPIRED.inc()
    log.warning("photo expired: it was deleted by age before this stage read it")
    return True


async def sweep(
    store: PhotoStore, folders: tuple[Folder, ...], *, before: datetime, remove: bool = True
) -> AsyncIterator[Swept]:
    """
    Delete everything that was stored before a time; yields the progress after every thousand objects.

    Raises:
        StoreError: The store did not respond, or refused. The next sweep finds the rest.

    """
    so_far = Swept()
    for folder in folders:
        async for found in store.find(folder.name):
            some = [one for one in found if folder.holds(one.key)]
            due = [one for one in some if one.stored_at < before]
            if remove:
                await store.remove_all(due)
            times = [one.stored_at for one in some if one.stored_at >= before]
            times += [so_far.oldest] if so_far.oldest is not None else []
            so_far = Swept(
                so_far.seen + len(some),
                so_far.due + len(due),
                so_far.due_bytes + sum(one.size for one in due),
                min(times, default=None),
            )
            yield so_far
    yield so_far


async def keep_sweeping(
    leads: Callable[[], bool],
    store: PhotoStore,
    folders: tuple[Folder, ...],
    *,
    kept_for: timedelta,
    now: Callable[[], datetime],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """
    Sweep every hour while this process leads; runs for ever.

    It deletes photos `AHEAD` of their time, so that nothing is ever older than `kept_for`. A new leader sweeps at once.
    If the store fails, the sweep is retried soon, and nothing else stops.

    A jump of `now` between two sweeps changes nothing, because the interval is counted in sleeps and a bucket's own
    time decides what is old.
    """
    passed_s = 0.0
    steady = SteadyClock(now, lambda: passed_s, believed_after_s=None)
    due: datetime | None = None
    while True:
        if not leads():
            due = None
        elif due is None or steady() >= due:
            began, counted = steady(), time.monotonic()
            swept = await _sweep_once(store, folders, before=(await store.time() or began) - kept_for + AHEAD)
            due = began + (SWEEP_EVERY if swept else _TRY_AGAIN)
            passed_s += time.monotonic() - counted
        await sleep(_LOOK_S)
        passed_s += _LOOK_S


async def _sweep_once(store: PhotoStore, folders: tuple[Folder, ...], *, before: datetime) -> bool:
    done = Swept()
    try:
        async for so_far in sweep(store, folders, before=before):
            done = so_far
    except StoreError as error:
        log.warning("photos not swept, trying again", reason=error.failure.reason, message=error.failure.message)
        return False
    metrics.PHOTOS_SWEPT.inc(done.due)
    metrics.SWEEP_ENDED.set(steady_now().timestamp())
    log.info("photos swept", seen=done.seen, deleted=done.due)
    return True
