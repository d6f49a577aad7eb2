"""
Creates OpenTelemetry spans and sends them by OTLP over HTTP. The only module that imports it; loaded only for traces.

A thread sends spans in batches; nothing waits for it, and spans that the backend does not accept are dropped. The
library's own variables apply (`OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_TRACES_SAMPLER`, `OTEL_BSP_MAX_QUEUE_SIZE`, …).
"""

import logging
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Final
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Span as OtelSpan
from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from schemas.spans import NO_SPAN, Fact, Kind, Span, Spans, TraceHeaders, trace_headers

#: The standard logger, because the command line sends traces too and its stdout is for output.
log = logging.getLogger(__name__)

#: Longest wait for the backend when a process ends, in seconds.
_GOODBYE_S: Final = 3.0
#: Attribute names of OpenTelemetry's conventions (semconv 1.37, messaging and http); others begin with `hangtag.`.
_NAMES: Final = {
    "topic": "messaging.destination.name",
    "partition": "messaging.destination.partition.id",
    "offset": "messaging.kafka.offset",
    "status": "http.response.status_code",
    "error": "error.type",
    "exception": "exception.type",
}
_KINDS: Final = {
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
}
_W3C: Final = TraceContextTextMapPropagator()


class OtelSpans(Spans):
    """Creates spans and exports them. Not set as the global tracer, because libraries would then export theirs too."""

    def __init__(self, exporter: SpanExporter, service: str) -> None:
        """Create spans for an exporter, such as `otlp_exporter`'s; `service` is the process's name in the backend."""
        # OpenTelemetry logs an error per batch. SaysOnce logs instead.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._provider = TracerProvider(resource=Resource.create({"service.name": service}), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("hangtag")

    def begin(self, name: str, kind: Kind, *traces: TraceHeaders) -> Span:
        """Start a span below each trace."""
        watched = [_Watched(self._tracer.start_span(name, _context(trace), _KINDS[kind]), trace) for trace in traces]
        if len(watched) == 1:
            return watched[0]
        return _Together(watched) if watched else NO_SPAN

    def close(self) -> None:
        """Export the remaining spans, for a few seconds at most."""
        # Export in a daemon thread, which ends with the process, because the library would wait 30 s.
        last = threading.Thread(target=self._provider.shutdown, daemon=True, name="spans-goodbye")
        last.start()
        last.join(_GOODBYE_S)


class _Watched(Span):
    """An OpenTelemetry span."""

    __slots__ = ("_facts", "_span")

    def __init__(self, span: OtelSpan, trace: TraceHeaders) -> None:
        super().__init__(trace)
        self._span = span
        self._facts: dict[str, Fact] = {}

    @property
    def carried(self) -> TraceHeaders:
        headers: dict[str, str] = {}
        _W3C.inject(headers, set_span_in_context(self._span))
        # With OTEL_SDK_DISABLED nothing is injected; pass on the incoming trace.
        return [(name, value.encode("ascii")) for name, value in headers.items()] or self._trace

    def note(self, **facts: Fact) -> None:
        # Collect attributes, and set them at the end in one call: one by one they cost as much as the span itself.
        self._facts |= facts

    def fail(self, code: str) -> None:
        self.note(error=code)
        self._span.set_status(StatusCode.ERROR, code)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            # Record the class only, because the message of an unknown exception may quote an event.
            self.fail(kind.__name__)
        self._span.set_attributes({_NAMES.get(name) or f"hangtag.{name}": fact for name, fact in self._facts.items()})
        self._span.end()


class _Together(Span):
    """Spans that begin and end together. Their messages carry no trace, because there is no single one."""

    __slots__ = ("_spans",)

    def __init__(self, spans: Sequence[Span]) -> None:
        super().__init__()
        self._spans = spans

    def note(self, **facts: Fact) -> None:
        for span in self._spans:
            span.note(**facts)

    def fail(self, code: str) -> None:
        for span in self._spans:
            span.fail(code)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for span in self._spans:
            span.__exit__(kind, error, trace)


class SaysOnce(SpanExporter):
    """An exporter that logs once when the backend stops accepting spans, and once when it accepts them again."""

    def __init__(self, exporter: SpanExporter, place: str) -> None:
        """Wrap the exporter; `place` is the address that it sends to."""
        self._exporter, self._place = exporter, place
        self._failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export the spans."""
        result = self._exporter.export(spans)
        failing = result is not SpanExportResult.SUCCESS
        if failing and not self._failing:
            log.warning("traces are not accepted at %s: they are dropped until they are", self._place)
        elif self._failing and not failing:
            log.warning("traces are accepted again at %s", self._place)
        self._failing = failing
        return result

    def shutdown(self) -> None:
        """Close the connection."""
        self._exporter.shutdown()


def otlp_exporter(endpoint: str) -> SpanExporter:
    """
    Return an exporter to an OTLP/HTTP endpoint: `http://collector:4318`, or a URL with its path.

    Raises:
        ValueError: The endpoint is not an http(s) address.

    """
    parts = urlsplit(endpoint)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("not an http(s) address, such as http://127.0.0.1:4318")
    url = endpoint if parts.path.strip("/") else f"{endpoint.rstrip('/')}/v1/traces"
    return SaysOnce(OTLPSpanExporter(endpoint=url), parts.netloc.rpartition("@")[2])


def _context(trace: TraceHeaders) -> Context:
    # Below the given trace or at the root, whatever span this task is in.
    return _W3C.extract(trace_headers(trace), Context())
