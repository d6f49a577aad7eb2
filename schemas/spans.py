"""
The seam for a tracing backend, and a no-op implementation of it.

A span starts from the W3C trace headers of its cause (https://www.w3.org/TR/trace-context/) and exposes the headers to
propagate. Knows no backend.
"""

import re
from collections.abc import Iterable
from types import TracebackType
from typing import Final, Literal, Self

from schemas.codec import TRACE_HEADERS

#: Headers of a message or request; a W3C trace context may be among them.
TraceHeaders = Iterable[tuple[str, bytes | None]]
Kind = Literal["producer", "consumer", "server", "client"]
#: Value of a span attribute: ids, codes, counts and times. Never text, addresses or secrets.
Fact = str | int | float | bool

#: Later versions may append fields; they then have another version number (section 3.2.4).
_TRACEPARENT: Final = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]*)?"
)
_TRACESTATE: Final = re.compile(rb"[ -~]{1,512}")


class Span:
    """One operation while it runs, as a context manager. This class records nothing."""

    __slots__ = ("_trace",)

    def __init__(self, trace: TraceHeaders = ()) -> None:
        self._trace = trace

    @property
    def carried(self) -> TraceHeaders:
        """Headers to send with every message and request of this operation."""
        return self._trace

    def note(self, **facts: Fact) -> None:
        """Add attributes to the span."""

    def fail(self, code: str) -> None:
        """Mark the span as failed, with a short code."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the span."""


class Spans:
    """Starts spans. This class starts no-op spans."""

    def begin(self, name: str, kind: Kind, *traces: TraceHeaders) -> Span:
        """
        Start one span per trace (a bulk request has many). Without a trace, return a no-op span.

        Args:
            name: One of a few words, or the name of an operation.
            kind: Role of this process in the operation.
            traces: Trace headers of each message or request that caused it; `()` where they are not known.

        """
        del name, kind
        return Span(traces[0]) if len(traces) == 1 else NO_SPAN

    def close(self) -> None:
        """Export the remaining spans; blocks for some seconds at most."""


NO_SPAN: Final = Span()
NO_SPANS: Final = Spans()


def trace_headers(trace: TraceHeaders) -> dict[str, str]:
    """Return the W3C trace context among the headers as HTTP headers; empty if missing or invalid."""
    found = {name: value for name, value in trace if name in TRACE_HEADERS and value is not None}
    parent, state = found.get("traceparent", b""), found.get("tracestate", b"")
    if not _TRACEPARENT.fullmatch(parent):
        return {}
    headers = {"traceparent": parent.decode("ascii")}
    return headers | {"tracestate": state.decode("ascii")} if _TRACESTATE.fullmatch(state) else headers


def trace_id(trace: TraceHeaders) -> str | None:
    """Return the trace id, 32 hexadecimal digits; None without a valid trace context."""
    parent = trace_headers(trace).get("traceparent")
    return parent.split("-")[1] if parent else None
