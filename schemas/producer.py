"""
Publishes uploads: stores the photo first, then publishes the event, so that every event points at a stored photo.

Used by `hangtag upload`, the demo and every Python program that posts photos (docs/producers.md). Knows no settings:
the caller passes the Kafka client and the photo store.
"""

import asyncio
import hashlib
import re
import threading
import uuid
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePath
from types import TracebackType
from typing import Final, Protocol, Self

from pydantic import ValidationError

from schemas.codec import encode
from schemas.emitter import Delivered, Emitter
from schemas.entry import UNFIT, unfit_field
from schemas.events import Identity, PhotoUploaded
from schemas.outcomes import Later, Misconfigured, Never
from schemas.spans import NO_SPANS, Span, Spans, TraceHeaders
from schemas.steady_clock import now as steady_now

#: Seconds that closing waits for publishes that have begun.
_GOODBYE_S = 10.0
_CLOSED: Final = Later("closed", "the producer was closed before it published this upload; use another producer")
#: File name endings that are kept in the photo's address. Other endings may contain anything and are dropped.
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")


@dataclass(frozen=True, slots=True)
class AlreadyStored:
    """The store already has the same bytes: an earlier try, or another process, stored them."""

    uri: str


class Photos(Protocol):
    """Stores photos: `streams.photos.store.PhotoStore`, or a producer's own store."""

    async def put(
        self, *, shopper_id: str, upload_id: str, suffix: str, photo: bytes
    ) -> str | AlreadyStored | Later | Never | Misconfigured:
        """
        Store a photo durably and return its URI, or why it was not stored. Never overwrites a photo.

        Returns `AlreadyStored` if this upload's photo is stored with the same bytes, and `Never` with reason
        `other-photo` if it is stored with other bytes.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """
    One photo that a shopper posted. Publishing the same `Upload` again is safe: it counts once.

    `photo` is the bytes, or the path of the file. `name` is the file name, of which only the ending is used.
    Without `identity` Klaviyo knows the shopper by `shopper_id`. For the other fields see
    `schemas.events.PhotoUploaded`.
    """

    photo: bytes | Path = field(repr=False)
    shopper_id: str
    name: str = field(default="", repr=False)
    identity: Identity | Mapping[str, str] | None = field(default=None, repr=False)
    content_type: str | None = None
    locale: str | None = None
    backfill: bool = False
    upload_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    uploaded_at: datetime = field(default_factory=steady_now)
    #: Headers of the cause. If they contain a W3C trace context, the upload continues that trace.
    trace: TraceHeaders = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Published:
    """Every in-sync replica has the event. Says which upload, where its photo is, and where the event is."""

    upload_id: str
    uri: str
    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class AlreadyPublished:
    """Another caller published this upload while this one stored it, so it was not published a second time."""

    upload_id: str


#: The result of publishing an upload.
Outcome = Published | AlreadyPublished | Later | Never | Misconfigured
#: Returns whether an upload has been published by another caller; may wait until that is known.
IsPublished = Callable[[str], Awaitable[bool]]


class UploadProducer:
    """Publishes uploads from asyncio code, many at the same time if wanted. An async context manager."""

    def __init__(
        self, emitter: Emitter, photos: Photos, *, topic: str = "outfit.uploads", spans: Spans = NO_SPANS
    ) -> None:
        """Create a producer from the Kafka client (`aclose` closes it), the photo store, and the topic of uploads."""
        self._emitter, self._photos, self._topic, self._spans = emitter, photos, topic, spans
        self._publishing: set[asyncio.Task[Outcome]] = set()
        self._closed = False

    async def __aenter__(self) -> Self:
        """Return the producer itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the producer, as `aclose`."""
        await self.aclose()

    async def aclose(self) -> None:
        """Wait up to 10 seconds for publishes in flight; those that take longer return `Later`."""
        self._closed = True
        if self._publishing:
            _, late = await asyncio.wait(set(self._publishing), timeout=_GOODBYE_S)
            for one in late:
                one.cancel()
        await self._emitter.aclose()

    async def publish(self, upload: Upload) -> Published | Later | Never | Misconfigured:
        """
        Store the photo, publish its event and wait for the broker's acknowledgement.

        Failures are returned, not raised. `Never` (`unreadable-photo`, `invalid-upload`, `other-photo`,
        `refused-by-kafka`): this upload cannot be published as it is. `Later` (`undelivered`, `topic-missing`,
        `store-unreachable`, `closed`): try the same upload again. `Misconfigured` (`store-refused`): fix the store's
        credentials first. A stored photo whose event was not delivered does no harm: the next try reuses it, and
        retention deletes it like any other.
        """
        answer = await self.publish_once(upload, _never_published)
        assert not isinstance(answer, AlreadyPublished)  # noqa: S101 - nobody said so
        return answer

    async def publish_once(self, upload: Upload, is_published: IsPublished) -> Outcome:
        """
        Publish as `publish` does, for callers that may race: of several calls for one upload, one publishes it.

        A call that finds the photo already stored awaits `is_published(upload_id)`, and publishes only if that
        returns False.
        """
        if self._closed:
            return _CLOSED
        # A separate task: `aclose` can cancel it without cancelling the caller.
        publishing = asyncio.ensure_future(self._watched(upload, is_published))
        self._publishing.add(publishing)
        publishing.add_done_callback(self._publishing.discard)
        try:
            return await publishing
        except asyncio.CancelledError:
            asking = asyncio.current_task()
            if asking is not None and asking.cancelling():
                raise
            return _CLOSED

    async def _watched(self, upload: Upload, is_published: IsPublished) -> Outcome:
        with self._spans.begin("publish", "producer", upload.trace) as span:
            answer = await self._publish(upload, is_published, span)
            if not isinstance(answer, Published | AlreadyPublished):
                span.fail(answer.reason)
            return answer

    async def _publish(self, upload: Upload, is_published: IsPublished, span: Span) -> Outcome:
        span.note(topic=self._topic)
        # Validate the upload before storing anything.
        draft = _event(upload, {"uri": "pending"})
        if isinstance(draft, Never):
            return draft
        span.note(upload_id=draft.upload_id)
        photo = await asyncio.to_thread(_read, upload.photo)
        if isinstance(photo, Never):
            return photo
        stored = await self._photos.put(
            shopper_id=draft.shopper_id, upload_id=draft.upload_id, suffix=_suffix(upload), photo=photo
        )
        if isinstance(stored, AlreadyStored) and await is_published(draft.upload_id):
            return AlreadyPublished(draft.upload_id)
        uri = stored.uri if isinstance(stored, AlreadyStored) else stored
        if not isinstance(uri, str):
            return uri
        event = _event(upload, {"uri": uri, "sha256": hashlib.sha256(photo).hexdigest()})
        return event if isinstance(event, Never) else await self._deliver(event, span)

    async def _deliver(self, event: PhotoUploaded, span: Span) -> Outcome:
        value, headers = encode(event, source="hangtag/upload", trace=span.carried)
        answer = await self._emitter.deliver(self._topic, key=event.shopper_id.encode(), value=value, headers=headers)
        if not isinstance(answer, Delivered):
            return answer
        return Published(event.upload_id, event.photo.uri, answer.topic, answer.partition, answer.offset)


class BlockingUploadProducer:
    """
    `UploadProducer` for code without an event loop: `publish` blocks until the broker acknowledges. Thread-safe.

    A context manager. Runs the event loop in a thread of its own.
    """

    def __init__(self, producer: UploadProducer) -> None:
        """Wrap a producer, which the caller must not use itself any more."""
        self._producer = producer
        self._closing, self._closed = threading.Lock(), False
        self._asked: set[Future[Published | Later | Never | Misconfigured]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="uploads", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Return the producer itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the producer, as `close`."""
        self.close()

    def publish(self, upload: Upload) -> Published | Later | Never | Misconfigured:
        """Publish an upload, as `UploadProducer.publish`."""
        with self._closing:
            if self._closed:
                return _CLOSED
            asked = asyncio.run_coroutine_threadsafe(self._producer.publish(upload), self._loop)
            self._asked.add(asked)
        asked.add_done_callback(self._asked.discard)
        return asked.result()

    def close(self) -> None:
        """Wait for publishes in flight, as `UploadProducer.aclose`, and end the thread. Can be called twice."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            asked = set(self._asked)
        asyncio.run_coroutine_threadsafe(self._producer.aclose(), self._loop).result()
        # Threads that wait in `publish` must get their results before the loop stops.
        wait(asked)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


async def _never_published(_upload_id: str) -> bool:
    return False


def _event(upload: Upload, photo: Mapping[str, str]) -> PhotoUploaded | Never:
    try:
        event = PhotoUploaded.model_validate(
            {
                "upload_id": upload.upload_id,
                "shopper_id": upload.shopper_id,
                "uploaded_at": upload.uploaded_at,
                "backfill": upload.backfill,
                "photo": {**photo, "content_type": upload.content_type},
                "identity": upload.identity,
                "locale": upload.locale,
            }
        )
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        return Never("invalid-upload", f"not a valid upload: {wrong}")
    unfit = unfit_field(event)
    return Never("invalid-upload", f"not a valid upload: {unfit}: {UNFIT}") if unfit else event


def _read(photo: bytes | Path) -> bytes | Never:
    # Do not validate the bytes: the flow does, and sends the shopper feedback.
    try:
        return photo.read_bytes() if isinstance(photo, Path) else photo
    except OSError as error:
        return Never("unreadable-photo", f"the photo's file cannot be read: {error.strerror or type(error).__name__}")


def _suffix(upload: Upload) -> str:
    name = upload.name or (upload.photo.name if isinstance(upload.photo, Path) else "")
    suffix = PurePath(name).suffix
    return suffix if _SUFFIX.fullmatch(suffix) else ".bin"
