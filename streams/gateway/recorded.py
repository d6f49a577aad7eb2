"""
Reads for a gateway, from the state database, the status of uploads and which idempotency keys were published.

So a gateway knows every upload as soon as it starts, and an idempotency key works across gateways and restarts.
"""

import asyncio
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import Engine

from klaviyo_sink.state import keyed
from klaviyo_sink.state.database import open_database
from klaviyo_sink.state.keyed import Try
from klaviyo_sink.state.uploads import Log
from schemas.codec import UndecodableError, decode
from schemas.events import PhotoUploaded
from schemas.steady_clock import now
from schemas.topics import topics
from streams.config.settings import Settings
from streams.gateway.request import Posted
from streams.index.lookup import UploadIndex, open_index
from streams.index.status import Status
from streams.kafka.reader import follow
from streams.kafka.within import Within

#: Seconds between two tries to open an absent index, and between two checks whether a key was published.
_LOOK_S: Final = 30.0
_POLL_S: Final = 0.2
#: Seconds that a try may take in addition to its delivery, to store the photo.
_STORE_S: Final = 30.0
#: How far the clocks of a gateway and of a broker may differ, in seconds.
_CLOCKS_S: Final = 60


@dataclass(frozen=True, slots=True)
class Known:
    """An upload in the index: its status and its shoppers."""

    status: Status
    shopper_ids: frozenset[str]


class Recorded:
    """The state database as a gateway uses it. Methods that are not coroutines block."""

    def __init__(self, settings: Settings) -> None:
        """Take the settings; connections open at first use."""
        self._settings = settings
        self._patience = timedelta(seconds=settings.gateway_publish_s + _STORE_S)
        self._opening = threading.Lock()
        self._index: UploadIndex | None = None
        self._looked_at: float | None = None
        self._engine: Engine | None = None

    def positions(self) -> Mapping[Log, int] | None:
        """
        Open the index again, and return the offsets up to which it has read; None if there is no index.

        Raises:
            UnreadableTopicError: No broker responds.

        """
        with self._opening:
            # The old index may be in use; its connections close when they are returned.
            old, self._index = self._index, open_index(self._settings)
            self._looked_at = time.monotonic()
            if old is not None:
                old.close()
            return None if self._index is None else self._index.positions

    def known(self, upload_id: str) -> Known | None:
        """
        Return the upload as in the index; None if it is unknown.

        Raises:
            SQLAlchemyError: The state database failed.
            UnreadableTopicError: No broker responds.

        """
        if self._index is None and (self._looked_at is None or time.monotonic() - self._looked_at > _LOOK_S):
            self.positions()
        entries = self._index.entries(upload_id) if self._index is not None else []
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

    async def was_published(self, posted: Posted, since: Try) -> bool:
        """
        Return whether an earlier try did publish the event, according to the topic of uploads.

        Raises:
            SQLAlchemyError: The state database failed.
            UnreadableTopicError: No broker responds.

        """
        return await asyncio.to_thread(self._was_published, posted, since.tried_at.timestamp() - _CLOCKS_S)

    def close(self) -> None:
        """Close the database."""
        if self._index is not None:
            self._index.close()
        if self._engine is not None:
            self._engine.dispose()

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

    def _was_published(self, posted: Posted, since: float) -> bool:
        name, upload_id = topics(self._settings.topic_prefix).uploads.name, posted.upload.upload_id
        index = open_index(self._settings)
        if index is None:
            part = Within(since, key=posted.upload.shopper_id)
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
        with self._opening:
            if self._engine is None:
                self._engine = open_database(self._settings.state_url.get_secret_value())
            return self._engine
