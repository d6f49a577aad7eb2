"""
Which step the current task is in, for whoever logs, notes or calls on its behalf; and who watches over steps.

Nobody, unless a setting names where spans go: only then is OpenTelemetry (`otel.py`) loaded.
"""

from contextvars import ContextVar

from schemas.spans import NO_SPAN, NO_SPANS, Span, Spans
from streams.config.settings import Settings, UnusableError

#: Set for each event by its stage, beside `logs.UPLOAD_ID`.
SPAN: ContextVar[Span] = ContextVar("span", default=NO_SPAN)


def make_spans(settings: Settings, process: str) -> Spans:
    """
    Have spans sent in the name of a kind of process, where settings say where to; else none are made.

    Raises:
        UnusableError: the endpoint is no address, or the extra is not installed.

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
