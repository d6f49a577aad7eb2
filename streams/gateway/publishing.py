"""
Publishes each posted upload once, however many tries, gateways and restarts there are.

With a state database, a gateway writes a row for the idempotency key before it stores the photo
(`klaviyo_sink/state/keyed.py`), so only one gateway at a time publishes it. Without a state database, the photo store
and this gateway's memory show whether a key was published.
"""

from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from klaviyo_sink.state.database import StateUnavailableError
from ocr_worker.http.problems import BadRequestError
from schemas.events import Identity, Photo, PhotoUploaded
from schemas.outcomes import Never
from schemas.producer import AlreadyPublished, Outcome, Published, UploadProducer
from schemas.steady_clock import now as steady_now
from streams.gateway.answers import LATER, SOON, away, key_reused, shopper_forgotten
from streams.gateway.forgotten import ForgottenUploads
from streams.gateway.memory import Memory
from streams.gateway.recorded import Recorded
from streams.gateway.request import Posted
from streams.gateway.statuses import Statuses
from streams.index.status import Status
from streams.kafka.reader import UnreadableTopicError

log = structlog.get_logger()

#: Seconds in which a published event reaches every gateway.
_TOPIC_S: Final = 2
#: Most uploads remembered as stored but not published.
_UNPUBLISHED: Final = 10_000


class Publishing:
    """Publishes uploads."""

    def __init__(
        self,
        producer: UploadProducer,
        memory: Memory,
        *,
        statuses: Statuses,
        forgotten: ForgottenUploads,
        recorded: Recorded | None,
        publish_s: float,
    ) -> None:
        """
        Create it from the services that it uses.

        `publish_s` is the longest time, in seconds, that another gateway takes to publish an upload.
        """
        self._producer, self._memory, self._statuses = producer, memory, statuses
        self._forgotten, self._recorded, self._publish_s = forgotten, recorded, publish_s
        #: Uploads whose photo this gateway stored without publishing the event. A retry need not wait for others.
        self._unpublished: set[str] = set()
        self._under_way: set[str] = set()

    async def once(self, posted: Posted) -> Status:
        """
        Publish an upload unless it was published, and return its status.

        Raises:
            BadRequestError: The upload cannot be published, or not now.

        """
        upload_id = posted.upload.upload_id
        known = self._memory.get(upload_id)
        if known is not None:
            if known.sha256 not in {None, posted.sha256}:
                raise key_reused(upload_id)
            return known
        if upload_id in self._under_way:
            raise BadRequestError(409, "under-way", "this upload is being published", {"Retry-After": str(SOON)})
        self._under_way.add(upload_id)
        try:
            if self._recorded is not None and posted.keyed:
                return await self._keyed(posted, self._recorded)
            answer = await self._producer.publish_once(posted.upload, self._is_published)
            return await self._status_of(posted, answer)
        except (SQLAlchemyError, StateUnavailableError, UnreadableTopicError) as error:
            # The text of a driver's error may quote the row.
            reason = type(error).__name__ if isinstance(error, SQLAlchemyError) else str(error)
            log.warning("not published: cannot check whether its key was published before", reason=reason)
            raise away("state-away", "the gateway cannot check now whether this key was published", LATER) from None
        finally:
            self._under_way.discard(upload_id)

    async def _keyed(self, posted: Posted, recorded: Recorded) -> Status:
        upload_id = posted.upload.upload_id
        mine = await recorded.begin(posted)
        if mine.turn == "forgotten":
            raise shopper_forgotten()
        if mine.sha256 != posted.sha256:
            raise key_reused(upload_id)
        if mine.turn == "under way":
            raise away("under-way", "another gateway is publishing this upload", LATER)
        if mine.turn == "published":
            return await self._statuses.find(upload_id) or Status(upload_id=upload_id, changed_at=mine.tried_at)

        async def was_published(_upload_id: str) -> bool:
            # A later try has searched already.
            return mine.turn == "first" and await recorded.was_published(posted, mine)

        published = False
        try:
            answer: Outcome = AlreadyPublished(upload_id)
            # For a first try, `publish_once` checks only if the photo is stored already, as before keys were recorded.
            if mine.turn == "first" or not await recorded.was_published(posted, mine):
                answer = await self._producer.publish_once(posted.upload, was_published)
            published = isinstance(answer, Published | AlreadyPublished)
        finally:
            await recorded.end(upload_id, mine, published=published)
        if isinstance(answer, AlreadyPublished):
            return await self._statuses.find(upload_id) or Status(upload_id=upload_id, changed_at=mine.tried_at)
        return await self._status_of(posted, answer)

    async def _status_of(self, posted: Posted, answer: Outcome) -> Status:
        """Return the status of a published upload; raise BadRequestError if it was not published."""
        upload = posted.upload
        if isinstance(answer, Never):
            if answer.reason == "other-photo":
                raise key_reused(upload.upload_id)
            raise BadRequestError(422, answer.reason, answer.message)
        if isinstance(answer, AlreadyPublished):
            return await self._statuses.known(answer.upload_id)
        if not isinstance(answer, Published):
            if len(self._unpublished) >= _UNPUBLISHED:
                self._unpublished.clear()
            self._unpublished.add(upload.upload_id)
            log.warning("not published", reason=answer.reason, message=answer.message)
            raise away(answer.reason, answer.message, LATER)
        self._unpublished.discard(upload.upload_id)
        self._forgotten.note_owners(upload.upload_id, {upload.shopper_id})
        # The follower will note it again from the topic. Noting it now lets a caller read the status at once.
        event = PhotoUploaded(
            upload_id=upload.upload_id,
            shopper_id=upload.shopper_id,
            uploaded_at=upload.uploaded_at,
            photo=Photo(uri=answer.uri, sha256=posted.sha256),
            identity=Identity(external_id=upload.shopper_id),
        )
        return self._memory.note(event, steady_now())

    async def _is_published(self, upload_id: str) -> bool:
        """Wait for the event of an upload whose photo is in the store: another gateway may be publishing it."""
        if upload_id in self._unpublished:
            return False
        return await self._memory.known(upload_id, limit_s=self._publish_s + _TOPIC_S)
