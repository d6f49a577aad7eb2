"""
Reads for a gateway, from the state database, the status of uploads and which idempotency keys were published.

So a gateway knows every upload as soon as it starts, and an idempotency key works across gateways and restarts.
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from klaviyo_sink.state import keyed
from klaviyo_sink.state.database import StateUnavailableError, is_missing, open_database
from klaviyo_sink.state.keyed import Try
from klaviyo_sink.state.uploads import Log
from schemas.codec import UndecodableError, decode
from schemas.events import PhotoUploaded
from schemas.steady_clock import now
from schemas.topics import topics
from streams.config.settings import Settings
from streams.gateway.request import Posted
from streams.index.lookup import UploadIndex, open_index
from streams.index.pruning import prune_old
from streams.index.status import Status
from streams.kafka.reader import UnreadableTopicError, follow
from streams.kafka.within import Within

log = structlog.get_logger()

#: Seconds until the next look for an index that is absent, and for one that failed to open.
_LOOK_S: Final = 30.0
_AGAIN_S: Final = 1.0
#: Seconds between two checks whether another gateway still publishes a key.
_POLL_S: Final = 0.2
#: Seconds that a try may take in addition to its delivery: to search for earlier tries, and to store the photo.
_SEARCH_S: Final = 30.0
_STORE_S: Final = 30.0
#: Seconds between two searches for old rows, and before the next one after a failure.
_PRUNE_EVERY_S: Final = 3600.0
_PRUNE_AGAIN_S: Final = 60.0

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Known:
    """An upload in the index: its status and its shoppers."""

    status: Status
    shopper_ids: frozenset[str]


class Recorded:
    """The state database as a gateway uses it. Methods that are not coroutines block."""

    def __init__(self, settings: Settings) -> None:
        """Do not connect yet: connections open at first use."""
        self._settings = settings
        self._patience = timedelta(seconds=settings.gateway_publish_s + _STORE_S + _SEARCH_S)
        self._index_lock = threading.Lock()
        self._index: UploadIndex | None = None
        #: Why the index could not be opened the last time; None if it could, or if there is none.
        self._trouble: StateUnavailableError | UnreadableTopicError | None = None
        self._next_look = 0.0
        # Use a separate lock: the first use of this engine migrates the database, and statuses must not wait for that.
        self._engine_lock = threading.Lock()
        self._engine: Engine | None = None
        # One search at a time: without an index each reads a whole partition, and retries come together.
        self._searching = asyncio.Lock()

    def positions(self) -> Mapping[Log, int] | None:
        """
        Open the index again, and return the offsets up to which it has read; None if there is no index.

        Raises:
            StateUnavailableError: The state database failed.
            UnreadableTopicError: No broker responds.

        """
        with self._index_lock:
            index = self._open()
        return None if index is None else index.positions

    def known(self, upload_id: str) -> Known | None:
        """
        Return the upload as in the index; None if it is unknown.

        Raises: as `positions`.

        """
        # An open index serves statuses without the lock, also while it is opened anew or while Kafka is away.
        index = self._index
        if index is None:
            with self._index_lock:
                index = self._index or self._look_again()
        if index is None:
            return None
        try:
            entries = index.entries(upload_id)
        except SQLAlchemyError as error:
            # Class only: the message of a driver may name the server.
            raise StateUnavailableError(f"the index of uploads cannot be read ({type(error).__name__})") from None
        return Known(entries[0].status, frozenset(one.shopper_id for one in entries)) if entries else None

    async def begin(self, posted: Posted) -> Try:
        """
        Begin to publish an upload under its key. If another gateway is publishing it, wait until that ends.

        Raises:
            SQLAlchemyError, StateUnavailableError: The state database failed.

        """
        give_up = time.monotonic() + self._patience.total_seconds()
        while True:
            found = await asyncio.to_thread(self._begin, posted)
            if found.turn != "under way" or found.sha256 != posted.sha256 or time.monotonic() > give_up:
                return found
            await asyncio.sleep(_POLL_S)

    async def end(self, upload_id: str, mine: Try, *, published: bool) -> None:
        """Record how a try that `begin` returned ended. Raises as `begin`."""
        await asyncio.to_thread(
            lambda: keyed.end(self._database(), upload_id, mine, published=published, patience=self._patience)
        )

    async def was_published(self, posted: Posted, mine: Try) -> bool:
        """
        Return whether an earlier try than `mine` published the event, according to the topic of uploads.

        Without an index, it reads all that the topic keeps in the shopper's partition: the try may be as old as that.

        Raises:
            SQLAlchemyError, StateUnavailableError: The state database failed, or the search took too long: another
                gateway may have begun a try meanwhile.
            UnreadableTopicError: No broker responds.

        """
        async with self._searching:
            _check_age(mine)
            found = await asyncio.to_thread(self._was_published, posted)
        _check_age(mine)
        return found

    async def keep_pruning(self, *, sleep: Sleep = asyncio.sleep) -> None:
        """
        Delete old rows every hour, because this gateway writes keys even where no sync stage indexes uploads.

        Never ends. If the database fails, it tries again after a minute.
        """
        while True:
            try:
                began = time.monotonic()
                while await asyncio.to_thread(self._prune):
                    # Keys are written to the same table: they get at least half of the time.
                    await sleep(time.monotonic() - began)
                    began = time.monotonic()
            except (SQLAlchemyError, StateUnavailableError) as error:
                # Class only: the message of a driver may name the server.
                log.warning("old uploads and keys not deleted; trying again", error=type(error).__name__)
                await sleep(_PRUNE_AGAIN_S)
            else:
                await sleep(_PRUNE_EVERY_S)

    def close(self) -> None:
        """Close the database."""
        if self._index is not None:
            self._index.close()
        if self._engine is not None:
            self._engine.dispose()

    def _prune(self) -> bool:
        """Delete some old rows; return whether there may be more. Creates no database."""
        if is_missing(self._settings.state_url.get_secret_value()):
            return False
        return prune_old(self._database(), now())

    def _begin(self, posted: Posted) -> Try:
        upload = posted.upload
        return keyed.begin(
            self._database(),
            upload_id=upload.upload_id,
            shopper_id=upload.shopper_id,
            sha256=posted.sha256,
            at=now(),
            patience=self._patience,
        )

    def _look_again(self) -> UploadIndex | None:
        """Open the index unless the last look was a moment ago; then that look counts. Call it under the lock."""
        if time.monotonic() >= self._next_look:
            return self._open()
        if self._trouble is not None:
            raise type(self._trouble)(str(self._trouble))
        return None

    def _open(self) -> UploadIndex | None:
        """Open the index anew. Call it under the lock."""
        old, self._trouble, pause = self._index, None, _LOOK_S
        try:
            self._index = open_index(self._settings, strict=True)
        except (StateUnavailableError, UnreadableTopicError) as error:
            self._trouble, pause = error, _AGAIN_S
            raise
        finally:
            self._next_look = time.monotonic() + pause
        if old is not None:
            # It may be in use; its connections close when they are returned.
            old.close()
        return self._index

    def _was_published(self, posted: Posted) -> bool:
        name, upload_id = topics(self._settings.topic_prefix).uploads.name, posted.upload.upload_id
        index = open_index(self._settings, strict=True)
        if index is None:
            part = Within(key=posted.upload.shopper_id)
        else:
            with index:
                if any(entry.places_in(name) for entry in index.entries(upload_id)):
                    return True
            part = Within(key=posted.upload.shopper_id, starts=index.positions)
        for seen in follow(self._settings, [name], within=part):
            try:
                if decode(PhotoUploaded, seen.value).upload_id == upload_id:
                    return True
            except UndecodableError:
                continue
        return False

    def _database(self) -> Engine:
        with self._engine_lock:
            if self._engine is None:
                self._engine = open_database(self._settings.state_url.get_secret_value())
            return self._engine


def _check_age(mine: Try) -> None:
    """Raise StateUnavailableError for a try that another gateway may have taken over by the time it publishes."""
    if mine.began is None or now() - mine.began > timedelta(seconds=_SEARCH_S):
        raise StateUnavailableError("the search for an earlier try took too long")
