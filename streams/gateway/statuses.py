"""
The status of an upload, as a gateway finds it: in its memory, else in the index of uploads.

Tells nothing of a forgotten shopper's uploads. Knows no HTTP but its refusals.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from ocr_worker.http.problems import BadRequestError
from streams.gateway.answers import away
from streams.gateway.forgotten import ForgottenUploads
from streams.gateway.memory import Memory
from streams.gateway.recorded import Recorded
from streams.index.status import Status
from streams.kafka.reader import UnreadableTopicError

log = structlog.get_logger()

#: Seconds to come back after.
_SOON: Final = 1


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
        Take what knows statuses.

        `is_whole` tells whether `memory` has all that `recorded` has not; `remembered` says for how long both know.
        """
        self._memory, self._forgotten, self._recorded = memory, forgotten, recorded
        self._is_whole, self._remembered = is_whole, remembered

    async def known(self, upload_id: str) -> Status:
        """
        Return the status of an upload.

        Raises:
            BadRequestError: 404 where nothing is known of it, 503 where that cannot be told now.

        """
        status = await self.find(upload_id)
        if status is not None:
            return status
        if not self._is_whole():
            raise away("not-ready", "what came last has not been read yet", _SOON)
        raise BadRequestError(
            404, "unknown-upload", f"nothing is known of this upload; uploads are remembered for {self._remembered}"
        )

    async def find(self, upload_id: str) -> Status | None:
        """
        Return the status of an upload; None where nothing is known of it.

        Raises:
            BadRequestError: 503 where the index cannot be read.

        """
        await self._forgotten.hides(upload_id)
        status = self._memory.get(upload_id)
        if status is not None or self._recorded is None:
            return status
        try:
            known = await asyncio.to_thread(self._recorded.known, upload_id)
        except (SQLAlchemyError, UnreadableTopicError) as error:
            log.warning("the index of uploads cannot be read", error=type(error).__name__)
            raise away("state-away", "the index of uploads cannot be read now", _SOON) from None
        if known is None:
            return None
        # So that a stream of it ends, too, when its shopper is forgotten.
        self._forgotten.note_owners(upload_id, known.shopper_ids)
        return None if await self._forgotten.hides(upload_id) else known.status
