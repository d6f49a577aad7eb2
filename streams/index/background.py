"""Runs the projector next to a stage, in one process of the group, and restarts it after every failure."""

import asyncio
import threading
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from klaviyo_sink.state.database import StateUnavailableError
from streams.config.settings import Settings
from streams.index.projector import Projector
from streams.kafka.reader import UnreadableTopicError

log = structlog.get_logger()

#: Seconds between two checks whether this process leads, and before a retry after a failure.
_LOOK_S: Final = 1.0
_AGAIN_S: Final = 15.0


async def keep_indexing(leads: Callable[[], bool], *, settings: Settings, now: Callable[[], datetime]) -> None:
    """Index uploads while this process leads. Never ends: it retries after a failure, while the stage continues."""
    stop = threading.Event()
    try:
        while True:
            failed = False
            if leads():
                going = partial(_is_going, leads, stop)
                failed = await asyncio.to_thread(_project, settings, going, now)
            await asyncio.sleep(_AGAIN_S if failed else _LOOK_S)
    finally:
        stop.set()


def _is_going(leads: Callable[[], bool], stop: threading.Event) -> bool:
    return leads() and not stop.is_set()


def _project(settings: Settings, going: Callable[[], bool], now: Callable[[], datetime]) -> bool:
    """Run the projector; return whether it failed."""
    try:
        Projector(settings, now=now).run(going)
    except UnreadableTopicError as error:
        log.warning("uploads are not indexed: the topics cannot be read", message=str(error))
    except (StateUnavailableError, SQLAlchemyError) as error:
        log.warning("uploads are not indexed: the state database failed", error=type(error).__name__)
    except Exception as error:  # noqa: BLE001 - the stage beside it must not end with it
        # Class only: the message of an unknown exception may quote an event.
        log.error("uploads are not indexed: unexpected exception", error=type(error).__name__)  # noqa: TRY400
    else:
        return False
    return True
