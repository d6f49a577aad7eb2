"""
Photos are deleted at most so many days after the store took them: the sweep, and who does it when.

Works by the store's own times and knows neither Kafka nor events. A bucket's own rule (`lifecycle.py`) stands behind
it, for the days on which no stage runs.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from streams import metrics
from streams.settings import Settings
from streams.store import READ, UPLOADS, PhotoStore, StoreError

log = structlog.get_logger()

#: Between two sweeps of the recognize stage, and between looks at who leads it.
SWEEP_EVERY: Final = timedelta(hours=1)
#: What would become too old so soon goes now: before the end of the next sweep, that is, which may itself take an hour.
AHEAD: Final = 2 * SWEEP_EVERY
_LOOK_S: Final = 5.0
_TRY_AGAIN: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Swept:
    """How far a sweep is: what it looked at, and what of that was due (and removed, unless only looking)."""

    seen: int = 0
    due: int = 0
    due_bytes: int = 0
    #: When the oldest photo that stays was stored.
    oldest: datetime | None = None


def swept_folders(settings: Settings) -> tuple[str, ...]:
    """Name the folders of the store that hold photos, or marks of them: never more than is ours."""
    folders = {UPLOADS, READ}
    if settings.notifications_topic is not None:
        # A bucket's notifications may tell of photos elsewhere in it. A template without a folder has photos anywhere.
        folders.add(settings.notifications_key.split("{")[0].rpartition("/")[0])
    # What lies in another one is swept with that.
    return tuple(sorted(one for one in folders if not any(_within(one, other) for other in folders - {one})))


async def sweep(
    store: PhotoStore, folders: tuple[str, ...], *, before: datetime, remove: bool = True
) -> AsyncIterator[Swept]:
    """
    Remove what was stored before a moment, and tell how far it is after every thousand objects.

    Raises:
        StoreError: the store did not answer, or refused us. What is left is found the next time.

    """
    so_far = Swept()
    for folder in folders:
        async for some in store.find(folder):
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
    folders: tuple[str, ...],
    *,
    kept_for: timedelta,
    now: Callable[[], datetime],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """
    Sweep every hour while this process leads; never ends.

    It sweeps `AHEAD`, so that nothing is ever older than `kept_for`. A new leader sweeps at once. A store that fails is
    tried again soon, and stops nothing.
    """
    due: datetime | None = None
    while True:
        if not leads():
            due = None
        elif due is None or now() >= due:
            began = now()
            swept = await _sweep_once(store, folders, before=began - kept_for + AHEAD)
            due = began + (SWEEP_EVERY if swept else _TRY_AGAIN)
        await sleep(_LOOK_S)


async def _sweep_once(store: PhotoStore, folders: tuple[str, ...], *, before: datetime) -> bool:
    done = Swept()
    try:
        async for so_far in sweep(store, folders, before=before):
            done = so_far
    except StoreError as error:
        log.warning("photos not swept, trying again", reason=error.failure.reason, message=error.failure.message)
        return False
    metrics.PHOTOS_SWEPT.inc(done.due)
    metrics.SWEEP_ENDED.set_to_current_time()
    log.info("photos swept", seen=done.seen, deleted=done.due)
    return True


def _within(folder: str, other: str) -> bool:
    return not other or folder.startswith(f"{other}/")
