"""
The current task's span, and the choice of a tracing backend.

OpenTelemetry (`otel.py`) is loaded only if a setting names an endpoint.
"""

from contextvars import ContextVar

from schemas.spans import NO_SPAN, NO_SPANS, Span, Spans
from streams.config.settings import Settings, UnusableError

#: The span of the current event. A stage sets it for each event, together with `logs.UPLOAD_ID`.
SPAN: ContextVar[Span] = ContextVar("span", default=NO_SPAN)


def make_spans(settings: Settings, process: str) -> Spans:
    """
    Return the span factory of a process: OpenTelemetry if an endpoint is set, else no-op spans.

    Raises:
        UnusableError: The endpoint is not a URL, or the extra is not installed.

    """
    if settings.traces_endpoint is None:
        return NO_SPANS
    try:
        from streams.telemetry.otel import OtelSpans, otlp_exporter
    except ModuleNotFoundError as error:
        raise UnusableError(
            f"HANGTAG_TRACES_ENDPOINT needs {error.name}: pip install 'hangtag[otel]', or unset it"
        ) from None
    try:
        return OtelSpans(otlp_exporter(settings.traces_endpoint), f"hangtag.{process}")
    except ValueError as error:
        raise UnusableError(f"HANGTAG_TRACES_ENDPOINT: {error}") from None
