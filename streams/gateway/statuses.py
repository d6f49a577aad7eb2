"""
Finds the status of an upload in the gateway's memory, else in the index of uploads.

Hides the uploads of forgotten shoppers. Knows nothing of HTTP except its error responses.
"""

import asyncio
from collections.abc import Callable

import structlog

from klaviyo_sink.state.database import StateUnavailableError
from ocr_worker.http.problems import BadRequestError
from streams.gateway.answers import SOON, away, not_ready
from streams.gateway.forgotten import ForgottenUploads
from streams.gateway.memory import Memory
from streams.gateway.recorded import Recorded
from streams.index.status import Status
from streams.kafka.reader import UnreadableTopicError

log = structlog.get_logger()


class Statuses:
    """Finds statuses."""

    def __init__(
        self,
        memory: Memory,
        forgotten: ForgottenUploads,
        recorded: Recorded | None,
        *,
        is_whole: Callable[[], bool],
        remembered: str,
    ) -> None:
        """
        Create it from the places to search.

        Args:
            memory: The statuses of recent uploads.
            forgotten: Knows the forgotten shoppers.
            recorded: The state database; None if there is none.
            is_whole: Returns whether `memory` has every upload that `recorded` lacks.
            remembered: How long a status is kept, for error messages.

        """
        self._memory, self._forgotten, self._recorded = memory, forgotten, recorded
        self._is_whole, self._remembered = is_whole, remembered

    async def known(self, upload_id: str) -> Status:
        """
        Return the status of an upload.

        Raises:
            BadRequestError: 404 if the upload is unknown, 503 if the gateway cannot find out now.

        """
        status = await self.find(upload_id)
        if status is not None:
            return status
        if not self._is_whole():
            raise not_ready()
        raise BadRequestError(404, "unknown-upload", f"unknown upload; uploads are remembered for {self._remembered}")

    async def find(self, upload_id: str) -> Status | None:
        """
        Return the status of an upload; None if it is unknown.

        Raises:
            BadRequestError: 503 if the index cannot be read.

        """
        await self._forgotten.hides(upload_id)
        status = self._memory.get(upload_id)
        if status is not None or self._recorded is None:
            return status
        try:
            known = await asyncio.to_thread(self._recorded.known, upload_id)
        except (StateUnavailableError, UnreadableTopicError) as error:
            log.warning("the index of uploads cannot be read", error=type(error).__name__)
            raise away("state-away", "the index of uploads cannot be read now", SOON) from None
        if known is None:
            return None
        # Note the owners, so that the upload's stream ends when its shopper is forgotten.
        self._forgotten.note_owners(upload_id, known.shopper_ids)
        return None if await self._forgotten.hides(upload_id) else known.status
