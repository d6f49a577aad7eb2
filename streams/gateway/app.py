"""
The gateway's HTTP API, for apps without a Kafka client: accepts photos, publishes uploads, reports their status.

The caller passes the producer and the memory; knows no settings and no Kafka client. Logs no shopper and no photo.
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
from ocr_worker.http.service import new_service
from schemas.producer import UploadProducer
from streams.gateway.answers import LAST, LATER, SOON, as_event, as_json, away, not_ready, shopper_forgotten
from streams.gateway.forgotten import ForgottenUploads
from streams.gateway.memory import Memory
from streams.gateway.middleware import IN_FLIGHT, REMEMBERED, STREAMS, EveryAnswer
from streams.gateway.openapi import complete, needs, post_answers, post_operation, problems, stream_answers
from streams.gateway.publishing import Publishing
from streams.gateway.recorded import Recorded
from streams.gateway.request import check_head, receive
from streams.gateway.statuses import Statuses
from streams.index.pruning import KEPT
from streams.index.status import Status

log = structlog.get_logger()

#: Seconds between two messages on a stream, so that no proxy closes it as idle.
_HEARTBEAT_S = 15.0
#: A stream ends after this many heartbeats; clients connect again, as browsers do by themselves.
_HEARTBEATS = 40


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """The configuration of a gateway. With `token` None every request is accepted."""

    token: SecretStr | None
    photo_max_bytes: int
    in_flight: int
    streams: int
    remember_s: float
    #: Accept the field `email`. A caller who may send it can write the profile of any person at Klaviyo.
    allow_email: bool = False
    #: Longest time in seconds that another gateway takes to publish an upload.
    publish_s: float = 10


def create_app(
    config: GatewayConfig,
    producer: UploadProducer,
    memory: Memory,
    *,
    ready: Callable[[], bool],
    beside: Callable[[], AbstractAsyncContextManager[object]],
    is_whole: Callable[[], bool] = lambda: True,
    forgotten: ForgottenUploads | None = None,
    recorded: Recorded | None = None,
) -> EveryAnswer:
    """
    Build the app.

    Args:
        config: Limits and token.
        producer: Publishes the uploads; closed with the app.
        memory: The statuses of recent uploads.
        ready: Returns whether the gateway can accept uploads.
        beside: Runs as long as the app.
        is_whole: Returns whether `memory` has every upload that `recorded` lacks.
        forgotten: Knows the forgotten shoppers, whose uploads are neither accepted nor shown; None: there are none.
        recorded: The state database; None if there is none.

    """
    gone = forgotten or ForgottenUploads(memory, None)
    kept = f"{KEPT.days} days" if recorded is not None else f"{config.remember_s:g} s"
    statuses = Statuses(memory, gone, recorded, is_whole=is_whole, remembered=kept)
    publishing = Publishing(
        producer, memory, statuses=statuses, forgotten=gone, recorded=recorded, publish_s=config.publish_s
    )
    gateway = _Gateway(config, memory, statuses=statuses, publishing=publishing, forgotten=gone, ready=ready)
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
        one, gateway.get, response_model=Status, responses=problems(401, 404, 503), openapi_extra=needs(token=token)
    )
    app.add_api_route(
        f"{one}/events",
        gateway.events,
        response_class=StreamingResponse,
        responses=stream_answers(),
        openapi_extra=needs(token=token),
    )
    unready: dict[int | str, dict[str, Any]] = {
        503: problem_answer(
            503,
            "Without an index, the gateway has not read all of the topics yet.",
        ),
    }
    app.add_api_route("/healthz", _healthz, response_class=PlainTextResponse)
    app.add_api_route("/readyz", gateway.readyz, response_class=PlainTextResponse, responses=unready)
    app.add_api_route("/metrics", _metrics, response_class=PlainTextResponse)
    describe = app.openapi
    app.openapi = lambda: complete(describe(), token=token)  # type: ignore[method-assign] # FastAPI's documented way
    # Wrap the whole app, because FastAPI responds to exceptions outside of its own middleware.
    return EveryAnswer(app)


class _Gateway:
    """State that the routes share."""

    def __init__(
        self,
        config: GatewayConfig,
        memory: Memory,
        *,
        statuses: Statuses,
        publishing: Publishing,
        forgotten: ForgottenUploads,
        ready: Callable[[], bool],
    ) -> None:
        self._config, self._memory, self._ready, self._forgotten = config, memory, ready, forgotten
        self._statuses, self._publishing = statuses, publishing
        self._in_flight = self._streams = 0
        IN_FLIGHT.set_function(lambda: self._in_flight)
        STREAMS.set_function(lambda: self._streams)
        REMEMBERED.set_function(lambda: len(memory))

    async def post(self, request: Request) -> Response:
        """Accept one photo of a shopper; return 202 when it is stored and its event is published."""
        authorize(request, self._config.token)
        check_head(request, self._config.photo_max_bytes)
        if not self._ready():
            # Without the whole memory, an earlier upload could be published a second time.
            raise not_ready()
        if self._in_flight >= self._config.in_flight:
            raise away("busy", "the gateway is full", SOON)
        self._in_flight += 1
        try:
            posted = await receive(request, self._config.photo_max_bytes, allow_email=self._config.allow_email)
            if await self._forgotten.includes(posted.upload.shopper_id):
                raise shopper_forgotten()
            status = await self._publishing.once(posted)
        finally:
            self._in_flight -= 1
        return as_json(status, 202, {"Location": f"/uploads/{status.upload_id}"})

    async def get(self, request: Request, upload_id: str) -> Response:
        """Return the status of an upload."""
        authorize(request, self._config.token)
        return as_json(await self._statuses.known(upload_id), 200)

    async def events(self, request: Request, upload_id: str) -> Response:
        """Stream the status of an upload as it changes, as Server-Sent Events."""
        authorize(request, self._config.token)
        status = await self._statuses.known(upload_id)
        if status.final and request.headers.get("last-event-id") == LAST:
            # A browser reconnects when a stream ends, unless it gets a 204 (HTML, "Server-sent events").
            return Response(status_code=204)
        if self._streams >= self._config.streams:
            raise away("busy", "the gateway serves as many streams as it may", LATER)
        return StreamingResponse(
            self._changes(status), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
        )

    async def _changes(self, status: Status) -> AsyncGenerator[str, None]:
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
        """Return 200 when the gateway finds earlier uploads (in an index, or it has read the topics), else 503."""
        if not self._ready():
            raise not_ready()
        return Response("ready\n", media_type="text/plain")


async def _healthz() -> Response:
    """Return 200: the process runs."""
    return Response("ok\n", media_type="text/plain")


async def _metrics(request: Request) -> Response:
    """Return the metrics in Prometheus' text format."""
    write, content_type = choose_encoder(request.headers.get("Accept", ""))
    return Response(write(REGISTRY), headers={"Content-Type": content_type})
