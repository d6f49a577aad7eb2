"""
The OCR worker's HTTP API: POST /ocr, /healthz, /readyz, /metrics. Stores nothing and logs no recognized text.

The caller passes the configuration and the engine; knows no engine by name.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse

from ocr_worker.config import OcrConfig
from ocr_worker.engines.protocol import AnyEngine
from ocr_worker.http.auth import authorize
from ocr_worker.http.forms import declared_size
from ocr_worker.http.openapi import problem_answer
from ocr_worker.http.problems import BadRequestError, problem
from ocr_worker.http.service import BUG, new_service
from ocr_worker.look.looker import AnyLooker
from ocr_worker.reader import Reader
from ocr_worker.result import ALONE, STATUS, Reading, Refused
from ocr_worker.server.admission import Admission
from ocr_worker.server.metrics import Meters
from ocr_worker.server.openapi import PROBLEMS, complete, ocr_operation
from ocr_worker.server.readings import Readings
from ocr_worker.server.request import Fetch, PhotoAt, check_head, receive
from ocr_worker.server.warm_up import warm_up
from ocr_worker.watchdog import WATCHDOG
from schemas.codec import TRACE_HEADERS
from schemas.outcomes import Later, Misconfigured, Never
from schemas.spans import NO_SPANS, Span, Spans, TraceHeaders

log = structlog.get_logger(__name__)

#: Retry-After in seconds if the engine is down and names no time.
_ENGINE_DOWN_S = 5.0

#: Status in the metrics for a caller who disconnected (nginx's "client closed request").
_GONE = 499
#: Statuses from here on are the worker's fault.
_OURS = 500


def create_app(
    config: OcrConfig,
    engine: AnyEngine,
    on_ready: Callable[[], None] | None = None,
    fetch: Fetch | None = None,
    *,
    spans: Spans = NO_SPANS,
    looker: AnyLooker | None = None,
) -> FastAPI:
    """
    Build the app. The caller closes the engine and the looker.

    Args:
        config: Limits, slots and token.
        engine: Reads the photos.
        on_ready: Called once, after the warm-up photo.
        fetch: Fetches photos by URI; None: photos must be sent.
        spans: Tracing.
        looker: Looks at the pictures; None: nothing does.

    """
    worker = _Worker(config, Reader(engine, config, looker=looker), fetch, spans)
    token = config.token is not None

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        warming = asyncio.create_task(worker.warm_up(on_ready))
        yield
        warming.cancel()
        with suppress(asyncio.CancelledError):
            await warming
        await worker.readings.aclose()
        await worker.reader.aclose()

    app = new_service("Hangtag OCR worker", lifespan, on_error=worker.on_error)
    app.add_api_route(
        "/ocr",
        worker.ocr,
        methods=["POST"],
        response_model=Reading,
        responses=dict(PROBLEMS),
        openapi_extra=ocr_operation(by_uri=fetch is not None, token=token),
    )
    # Describe it in full, because FastAPI would declare JSON responses.
    unwell = problem_answer(500, "The engine rejected the warm-up photo; restart the worker.")
    unready = problem_answer(503, "The engine has not read the warm-up photo yet, or every slot is stuck.")
    app.add_api_route("/healthz", worker.healthz, response_class=PlainTextResponse, responses={500: unwell})
    app.add_api_route("/readyz", worker.readyz, response_class=PlainTextResponse, responses={503: unready})
    app.add_api_route("/metrics", worker.metrics, response_class=PlainTextResponse)
    describe = app.openapi
    app.openapi = lambda: complete(describe(), token=token)  # type: ignore[method-assign] # FastAPI's documented way
    return app


class _Worker:
    """State that the routes share."""

    def __init__(self, config: OcrConfig, reader: Reader, fetch: Fetch | None, spans: Spans) -> None:
        self._config = config
        self._spans = spans
        self._fetch = fetch
        self._admission = Admission(config.slots, config.queue, idle=lambda: WATCHDOG.overdue(0) == 0)
        self._meters = Meters(lambda: self._admission.in_flight)
        self._ready = False
        self._broken: str | None = None
        self.reader = reader
        self.readings = Readings(self.reader.read)

    async def warm_up(self, on_ready: Callable[[], None] | None) -> None:
        try:
            await warm_up(self.reader)
        except Exception as error:
            self._broken = type(error).__name__
            log.exception("warm-up failed")
            return
        self._ready = True
        if on_ready is not None:
            on_ready()

    async def ocr(self, request: Request) -> Response:
        """Read the text in one photo."""
        with self._spans.begin("ocr", "server", _trace(request)) as span:
            try:
                return await self._answer(request, span)
            except BadRequestError as error:
                refused = error
                span.note(status=error.status, code=error.code)
                if error.status >= _OURS:
                    span.fail(error.code)
        # Raise it outside of the span, which would record it as an error.
        raise refused

    async def _answer(self, request: Request, span: Span) -> Response:
        authorize(request, self._config.token)
        check_head(request, self._config, self._fetch)
        size = declared_size(request, self._config.limits.max_bytes)
        with self._admission.place(size, alone=ALONE in request.headers) as full:
            if full is not None:
                raise _unavailable(full, self._admission)
            outcome = await self._read(request)
        if outcome is None:
            span.note(status=_GONE)
            self._meters.answered(_GONE)
            return Response(status_code=_GONE)
        if isinstance(outcome, Refused):
            raise BadRequestError(STATUS[outcome.code], outcome.code.replace("_", "-"), outcome.message)
        if isinstance(outcome, Never):
            raise BadRequestError(422, outcome.reason, outcome.message)
        if isinstance(outcome, Later | Misconfigured):
            raise _unavailable(outcome, self._admission)
        self._admission.took(outcome.timings_ms["engine"] / 1000)
        self._meters.answered(200)
        self._meters.read(outcome)
        steps = {f"{step}_ms": ms for step, ms in outcome.timings_ms.items()}
        span.note(status=200, verdict=outcome.quality.verdict, lines=len(outcome.texts), **steps)
        log.info("read", verdict=outcome.quality.verdict, lines=len(outcome.texts), ms=outcome.timings_ms["total"])
        return Response(outcome.model_dump_json(), media_type="application/json")

    async def _read(self, request: Request) -> Reading | Refused | Later | Never | Misconfigured | None:
        """Read the photo. Returns None if the caller disconnects first; its place is then free at once."""
        photo = await receive(request, self._config)
        reading = asyncio.create_task(self._outcome(photo))
        leaving = asyncio.create_task(_left(request))
        try:
            await asyncio.wait((reading, leaving), return_when=asyncio.FIRST_COMPLETED)
            return await reading if reading.done() else None
        finally:
            for task in (reading, leaving):
                task.cancel()
            await asyncio.gather(reading, leaving, return_exceptions=True)

    async def _outcome(self, photo: bytes | PhotoAt) -> Reading | Refused | Later | Never | Misconfigured:
        if isinstance(photo, PhotoAt):
            assert self._fetch is not None  # noqa: S101 - check_head lets no name pass without
            found = await self._fetch(photo.image_uri)
            if not isinstance(found, bytes):
                return found
            photo = found
        return await self.readings.get(photo)

    async def healthz(self) -> Response:
        """Return 200, or 500 if the engine rejected the warm-up photo: the process must then be restarted."""
        if self._broken is not None:
            return problem(500, "warm-up-failed", f"the engine rejected the warm-up photo: {self._broken}")
        return Response("ok\n", media_type="text/plain")

    async def readyz(self) -> Response:
        """Return 200 if the warm-up photo was read and at least one slot is not stuck, else 503."""
        if not self._ready:
            return problem(503, "not-ready", "the engine has not read the warm-up photo yet", {"Retry-After": "1"})
        if WATCHDOG.overdue(self._config.stuck_s) >= min(self._config.slots, self._config.threads):
            return problem(503, "no-slot", "every slot is stuck", {"Retry-After": "5"})
        return Response("ready\n", media_type="text/plain")

    def on_error(self, status: int, code: str) -> None:
        """Count a refusal or a bug, and log a refusal."""
        self._meters.answered(status)
        if code != BUG:
            log.info("refused", status=status, code=code)

    async def metrics(self) -> Response:
        """Return the metrics in Prometheus' text format."""
        return Response(self._meters.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _trace(request: Request) -> TraceHeaders:
    return [(name, value.encode("latin-1")) for name in TRACE_HEADERS for value in request.headers.getlist(name)]


async def _left(request: Request) -> None:
    """Wait until the caller disconnects. Its body has been received, so nothing else can arrive."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _unavailable(outcome: Later | Misconfigured, admission: Admission) -> BadRequestError:
    if isinstance(outcome, Later) and outcome.tries is not None:
        # The photo may be the cause. After a 503 it would be retried for ever.
        return BadRequestError(500, outcome.reason, outcome.message)
    wait = outcome.retry_after if isinstance(outcome, Later) else None
    seconds = max(_ENGINE_DOWN_S, admission.retry_after()) if wait is None else max(1.0, wait)
    return BadRequestError(503, outcome.reason, outcome.message, {"Retry-After": str(math.ceil(seconds))})
