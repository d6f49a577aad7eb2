"""
Deletes photos a number of days after the store received them: the sweeps of the recognize stage, and their timer.

Goes by the store's own times; knows neither Kafka nor events. The bucket's own rule (`bucket/rules.py`) is a backup for
days on which no stage runs.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from schemas.steady_clock import SteadyClock
from schemas.steady_clock import now as steady_now
from streams.photos.answers import StoreError
from streams.photos.bucket.rules import rule_days
from streams.photos.folders import Folder
from streams.photos.store import MISSING, PhotoStore
from streams.photos.sweep import Swept, sweep_days, sweep_everything
from streams.telemetry import metrics

log = structlog.get_logger()

#: Time between two sweeps of the recognize stage, which list the days that may contain something due.
SWEEP_EVERY: Final = timedelta(hours=1)
#: A sweep deletes photos that would expire before the next sweep has finished (a sweep may take an hour).
AHEAD: Final = 2 * SWEEP_EVERY
#: Time between two sweeps that check every object.
CHECK_EVERY: Final = timedelta(hours=22)
#: The same for objects that only such a sweep finds. It may take two hours.
CHECK_AHEAD: Final = timedelta(days=1)
_LOOK_S: Final = 5.0
_TRY_AGAIN: Final = timedelta(minutes=1)


def may_be_gone_after(kept_for: timedelta) -> timedelta:
    """Return the age from which a photo may be deleted: the sweep deletes early, and a bucket's rule has whole days."""
    return min(kept_for - AHEAD, timedelta(days=rule_days(kept_for.days)))


def check_times(kept_for: timedelta) -> tuple[timedelta, timedelta]:
    """
    Return the time between two sweeps of everything, and how long before its time such a sweep deletes a photo.

    Of photos that are kept for a day, a daily sweep would have to delete all, so everything is swept hourly.
    """
    return (CHECK_EVERY, CHECK_AHEAD) if kept_for >= 2 * CHECK_AHEAD else (SWEEP_EVERY, AHEAD)


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

    An hourly sweep lists only the days that may contain something due. Once a day everything is checked: photos whose
    key has no day, or a wrong one. Those are deleted up to `CHECK_AHEAD` of their time. Where photos are kept for a
    day, there is only the check of everything, which is hourly then.

    A jump of `now` between two sweeps changes nothing, because the interval is counted in sleeps and a bucket's own
    time decides what is old.
    """
    leading = _Leading(store, folders, kept_for=kept_for, now=now)
    while True:
        if leads():
            await leading.sweep_if_due()
        else:
            leading.start_anew()
        await sleep(_LOOK_S)
        leading.passed_s += _LOOK_S


class _Leading:
    """The sweeps of a leader, and when the next ones are due."""

    def __init__(
        self, store: PhotoStore, folders: tuple[Folder, ...], *, kept_for: timedelta, now: Callable[[], datetime]
    ) -> None:
        self._store, self._folders, self._kept_for = store, folders, kept_for
        self._check_every, self._check_ahead = check_times(kept_for)
        #: Seconds that this process slept and swept.
        self.passed_s = 0.0
        self._steady = SteadyClock(now, lambda: self.passed_s, believed_after_s=None)
        self._days_due: datetime | None = None
        self._check_due: datetime | None = None
        #: Why the last sweep of the days, and of everything, was not finished.
        self._days_trouble: StoreError | None = None
        self._check_trouble: StoreError | None = None

    def start_anew(self) -> None:
        """Sweep everything at once after the next election."""
        self._days_due = self._check_due = None

    async def sweep_if_due(self) -> None:
        await self._sweep_days_if_due()
        if self._is_due(self._check_due):
            began, before = await self._times()
            swept = sweep_everything(
                self._store, self._folders, before=before + AHEAD, rest_before=before + self._check_ahead
            )
            # A sweep of everything may take hours, and the hourly ones continue meanwhile.
            self._check_trouble = await self._run(swept, self._sweep_days_if_due)
            self._check_due = began + _time_to_next(self._check_every, self._check_trouble)
            self._tell_time()

    async def _sweep_days_if_due(self) -> None:
        if self._check_every > SWEEP_EVERY and self._is_due(self._days_due):
            began, before = await self._times()
            self._days_trouble = await self._run(sweep_days(self._store, before=before + AHEAD))
            self._days_due = began + _time_to_next(SWEEP_EVERY, self._days_trouble)
            self._tell_time()

    def _tell_time(self) -> None:
        if self._check_due is not None and self._days_trouble is None and self._check_trouble is None:
            metrics.SWEEP_ENDED.set(steady_now().timestamp())

    def _is_due(self, due: datetime | None) -> bool:
        return due is None or self._steady() >= due

    async def _times(self) -> tuple[datetime, datetime]:
        """Return the time of this clock, and the time by the store's clock before which photos have expired."""
        began = self._steady()
        return began, (await self._store.time() or began) - self._kept_for

    async def _run(
        self, sweeping: AsyncIterator[Swept], between: Callable[[], Awaitable[object]] | None = None
    ) -> StoreError | None:
        """Sweep, and count the seconds that it takes; return why the store did not let it finish, or None."""
        done, counted = Swept(), time.monotonic()
        trouble: StoreError | None = None
        try:
            async for so_far in sweeping:
                done = so_far
                self.passed_s += time.monotonic() - counted
                if between is not None:
                    await between()
                counted = time.monotonic()
        except StoreError as error:
            trouble = error
            log.warning("photos not swept, trying again", reason=error.failure.reason, message=error.failure.message)
        metrics.PHOTOS_SWEPT.inc(done.due)
        log.info("photos swept", seen=done.seen, deleted=done.due)
        return trouble


def _time_to_next(every: timedelta, trouble: StoreError | None) -> timedelta:
    """Return the time from one sweep to the next. An odd key stays until a person removes it, so that can wait."""
    if trouble is None:
        return every
    return SWEEP_EVERY if trouble.is_odd_key else _TRY_AGAIN
