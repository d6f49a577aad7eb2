"""
Background tasks of the sync stage: one process of its group, the leader, runs them.

They index uploads (`streams/index`), and prune the ledger of written events.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from klaviyo_sink.state.database import StateUnavailableError, open_database
from klaviyo_sink.state.pruning import AT_ONCE, prune_written
from streams.config.settings import Settings
from streams.index.background import keep_indexing
from streams.runtime.process import Background

log = structlog.get_logger()

#: Seconds between two rounds, before a retry after a failure, and between two checks whether this process leads.
_EVERY_S: Final = 3600.0
_AGAIN_S: Final = 60.0
_LOOK_S: Final = 5.0

Sleep = Callable[[float], Awaitable[None]]


def beside_sync(settings: Settings, *, now: Callable[[], datetime]) -> Background:
    """Build the background task; it never ends."""
    url, kept_for = settings.state_url.get_secret_value(), timedelta(days=settings.ledger_retention_days)
    chores: list[Background] = [partial(keep_pruning, url=url, kept_for=kept_for, now=now)]
    if settings.index_uploads:
        chores.append(partial(keep_indexing, settings=settings, now=now))

    async def beside(leads: Callable[[], bool]) -> None:
        async with asyncio.TaskGroup() as tasks:
            for chore in chores:
                tasks.create_task(chore(leads))

    return beside


async def keep_pruning(
    leads: Callable[[], bool],
    *,
    url: str,
    kept_for: timedelta,
    now: Callable[[], datetime],
    sleep: Sleep = asyncio.sleep,
) -> None:
    """
    Delete entries of events that Klaviyo accepted more than `kept_for` ago, every hour while this process leads.

    Never ends. If the database fails, it tries again after a minute. The stage continues meanwhile.
    """
    waited_s, due_s = 0.0, 0.0
    while True:
        if not leads():
            due_s = waited_s
        elif waited_s >= due_s:
            pruned = await _prune(leads, url, now() - kept_for, sleep)
            due_s = waited_s + (_EVERY_S if pruned else _AGAIN_S)
        await sleep(_LOOK_S)
        waited_s += _LOOK_S


async def _prune(leads: Callable[[], bool], url: str, before: datetime, sleep: Sleep) -> bool:
    """Delete batch after batch. Return False if the database failed."""
    dropped = 0
    try:
        engine = await asyncio.to_thread(open_database, url)
        try:
            while leads():
                began = time.monotonic()
                some = await asyncio.to_thread(prune_written, engine, before=before)
                dropped += some
                if some < AT_ONCE:
                    break
                # The stage writes to the same database. Leave it at least half of the time.
                await sleep(time.monotonic() - began)
        finally:
            await asyncio.to_thread(engine.dispose)
    except (StateUnavailableError, SQLAlchemyError) as error:
        # Log the class only, because the message of a driver may name the server.
        log.warning("ledger of written events not pruned, trying again", error=type(error).__name__)
        return False
    log.info("ledger of written events pruned", dropped=dropped)
    return True
