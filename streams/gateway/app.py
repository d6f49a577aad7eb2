"""
Uploads over HTTP, for apps that have no Kafka: takes a photo, stores and publishes it, tells what became of it.

Handed what publishes and what remembers; knows no settings and no Kafka client. Logs no shopper and no photo.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse, StreamingResponse
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder
from pydantic import SecretStr

from ocr_worker.http.auth import authorize
from ocr_worker.http.openapi import problem_answer
from ocr_worker.http.problems import BadRequestError, problem
from ocr_worker.http.service import new_service
from schemas.events import Identity, Photo, PhotoUploaded
from schemas.outcomes import Never
from schemas.producer import AlreadyPublished, Published, UploadProducer
from schemas.steady_clock import now as steady_now
from streams.gateway.answers import LAST, as_event, as_json, away, key_reused
from streams.gateway.forgotten import ForgottenUploads
from streams.gateway.memory import Memory
from streams.gateway.middleware import IN_FLIGHT, REMEMBERED, STREAMS, EveryAnswer
from streams.gateway.openapi import complete, needs, post_answers, post_operation, problems, stream_answers
from streams.gateway.request import Posted, check_head, receive
from streams.index.status import Status

log = structlog.get_logger()

#: A stream says something at least this often, so that nothing between takes it for dead.
_HEARTBEAT_S = 15.0
#: A stream lasts so many silences at most; who still wants to know asks again, as browsers do by themselves.
_HEARTBEATS = 40
#: Seconds to come back after: when every place is taken, and when something of ours is away.
_SOON, _LATER = 1, 5
#: Seconds in which a published event reaches every gateway.
_TOPIC_S = 2
#: Most uploads that are noted as stored and not published.
_UNPUBLISHED = 10_000


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """The values a gateway runs on; `token` None leaves it open."""

    token: SecretStr | None
    photo_max_bytes: int
    in_flight: int
    streams: int
    remember_s: float
    #: Take the field `email`: whoever may send one writes that person's profile at Klaviyo.
    allow_email: bool = False
    #: Longest another gateway may take to publish an upload.
    publish_s: float = 10


def create_app(
    config: GatewayConfig,
    producer: UploadProducer,
    memory: Memory,
    *,
    ready: Callable[[], bool],
    beside: Callable[[], AbstractAsyncContextManager[object]],
    forgotten: ForgottenUploads | None = None,
) -> EveryAnswer:
    """
    Build the app.

    `producer` is closed with it. `ready` tells whether `memory` knows all it should; `beside` runs as long as the app.
    `forgotten` knows the shoppers of whom nothing is told or taken; None where nobody can be forgotten.
    """
    gateway = _Gateway(config, producer, memory, ready, forgotten or ForgottenUploads(memory, None))
    token = config.token is not None

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with beside(), producer:
            yield

    app = new_service("Hangtag gateway", lifespan)
    one = "/uploads/{upload_id}"
    app.add_api_route(
        "/uploads",
        gateway.post,
        methods=["POST"],
        status_code=202,
        response_model=Status,
        responses=post_answers(),
        openapi_extra=post_operation(token=token),
    )
    app.add_api_route(
        one, gateway.get, response_model=Status, responses=problems(401, 404), openapi_extra=needs(token=token)
    )
    app.add_api_route(
        f"{one}/events",
        gateway.events,
        response_class=StreamingResponse,
        responses=stream_answers(),
        openapi_extra=needs(token=token),
    )
    unready: dict[int | str, dict[str, Any]] = {
        503: problem_answer(503, "What lies in the topics has not been read yet.")
    }
    app.add_api_route("/healthz", _healthz, response_class=PlainTextResponse)
    app.add_api_route("/readyz", gateway.readyz, response_class=PlainTextResponse, responses=unready)
    app.add_api_route("/metrics", _metrics, response_class=PlainTextResponse)
    describe = app.openapi
    app.openapi = lambda: complete(describe(), token=token)  # type: ignore[method-assign] # FastAPI's documented way
    # Outside the app, which answers a bug outside its own middleware.
    return EveryAnswer(app)


class _Gateway:
    """What the routes share."""

    def __init__(
        self,
        config: GatewayConfig,
        producer: UploadProducer,
        memory: Memory,
        ready: Callable[[], bool],
        forgotten: ForgottenUploads,
    ) -> None:
        self._config, self._producer, self._memory, self._ready = config, producer, memory, ready
        self._forgotten = forgotten
        #: Uploads whose photo this gateway stored and whose event nobody took: the next try need not wait for another.
        self._unpublished: set[str] = set()
        self._in_flight = self._streams = 0
        self._under_way: set[str] = set()
        IN_FLIGHT.set_function(lambda: self._in_flight)
        STREAMS.set_function(lambda: self._streams)
        REMEMBERED.set_function(lambda: len(memory))

    async def post(self, request: Request) -> Response:
        """Take one photo of a shopper: 202 once it is stored and its event is published."""
        authorize(request, self._config.token)
        check_head(request, self._config.photo_max_bytes)
        if not self._ready():
            # An upload of before could be published a second time.
            raise away("not-ready", "what lies in the topics has not been read yet", _SOON)
        if self._in_flight >= self._config.in_flight:
            raise away("busy", "every place of this gateway is taken", _SOON)
        self._in_flight += 1
        try:
            posted = await receive(request, self._config.photo_max_bytes, allow_email=self._config.allow_email)
            if await self._forgotten.includes(posted.upload.shopper_id):
                raise BadRequestError(403, "forgotten", "this shopper was forgotten; the photo was not kept")
            status = await self._publish_once(posted)
        finally:
            self._in_flight -= 1
        return as_json(status, 202, {"Location": f"/uploads/{status.upload_id}"})

    async def _publish_once(self, posted: Posted) -> Status:
        upload_id = posted.upload.upload_id
        known = self._memory.get(upload_id)
        if known is not None:
            if known.sha256 not in {None, posted.sha256}:
                raise key_reused(upload_id)
            return known
        if upload_id in self._under_way:
            raise BadRequestError(409, "under-way", "this upload is being published", {"Retry-After": str(_SOON)})
        self._under_way.add(upload_id)
        try:
            return await self._publish(posted)
        finally:
            self._under_way.discard(upload_id)

    async def _publish(self, posted: Posted) -> Status:
        upload = posted.upload
        answer = await self._producer.publish_once(upload, self._is_published)
        if isinstance(answer, Never):
            if answer.reason == "other-photo":
                raise key_reused(upload.upload_id)
            raise BadRequestError(422, answer.reason, answer.message)
        if isinstance(answer, AlreadyPublished):
            return self._known(answer.upload_id)
        if not isinstance(answer, Published):
            if len(self._unpublished) >= _UNPUBLISHED:
                self._unpublished.clear()
            self._unpublished.add(upload.upload_id)
            log.warning("not published", reason=answer.reason, message=answer.message)
            raise away(answer.reason, answer.message, _LATER)
        self._unpublished.discard(upload.upload_id)
        self._forgotten.note_owners(upload.upload_id, {upload.shopper_id})
        # The topic tells the same in a moment; who asks at once is answered too.
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
        return await self._memory.known(upload_id, limit_s=self._config.publish_s + _TOPIC_S)

    async def get(self, request: Request, upload_id: str) -> Response:
        """Tell what became of an upload."""
        authorize(request, self._config.token)
        await self._forgotten.hides(upload_id)
        return as_json(self._known(upload_id), 200)

    async def events(self, request: Request, upload_id: str) -> Response:
        """Tell what becomes of an upload, as it happens: Server-Sent Events."""
        authorize(request, self._config.token)
        await self._forgotten.hides(upload_id)
        status = self._known(upload_id)
        if status.final and request.headers.get("last-event-id") == LAST:
            # Browsers connect again by themselves when a stream ends, unless told so (HTML, "Server-sent events").
            return Response(status_code=204)
        if self._streams >= self._config.streams:
            raise away("busy", "every stream of this gateway is taken", _LATER)
        return StreamingResponse(
            self._told(status), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
        )

    async def _told(self, status: Status) -> AsyncGenerator[str, None]:
        self._streams += 1
        try:
            yield as_event(status)
            for _ in range(_HEARTBEATS):
                if status.final:
                    return
                newer = await self._memory.other_than(status, limit_s=_HEARTBEAT_S)
                if newer is None:
                    return
                yield ": still here\n\n" if newer == status else as_event(newer)
                status = newer
        finally:
            self._streams -= 1

    async def readyz(self) -> Response:
        """Answer 200 once all that lies in the topics has been read."""
        if not self._ready():
            return problem(
                503, "not-ready", "what lies in the topics has not been read yet", {"Retry-After": str(_SOON)}
            )
        return Response("ready\n", media_type="text/plain")

    def _known(self, upload_id: str) -> Status:
        status = self._memory.get(upload_id)
        if status is None:
            raise BadRequestError(
                404,
                "unknown-upload",
                f"nothing is known of this upload; uploads are remembered for {self._config.remember_s:g} s",
            )
        return status


async def _healthz() -> Response:
    """Answer 200: the process lives."""
    return Response("ok\n", media_type="text/plain")


async def _metrics(request: Request) -> Response:
    """Give the metrics in Prometheus' text format."""
    write, content_type = choose_encoder(request.headers.get("Accept", ""))
    return Response(write(REGISTRY), headers={"Content-Type": content_type})
