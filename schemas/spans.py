"""
What watches over a step: the seam for a tracing backend, and the watcher that does nothing.

A step is told what led to it, by headers with a W3C trace context (https://www.w3.org/TR/trace-context/), and hands on
what whatever it causes is to carry. Knows no backend.
"""

import re
from collections.abc import Iterable
from types import TracebackType
from typing import Final, Literal, Self

from schemas.codec import TRACE_HEADERS

#: Headers of what led to a step; a W3C trace context may be among them.
Cause = Iterable[tuple[str, bytes | None]]
Kind = Literal["producer", "consumer", "server", "client"]
#: What may be said of a step: ids, codes, counts and times. Never text, addresses or secrets.
Fact = str | int | float | bool

#: Versions to come may append fields, and say so by another version (section 3.2.4).
_TRACEPARENT: Final = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]*)?"
)
_TRACESTATE: Final = re.compile(rb"[ -~]{1,512}")


class Span:
    """One step while it lasts, to be used as a context manager. This one is watched by nobody."""

    __slots__ = ("_cause",)

    def __init__(self, cause: Cause = ()) -> None:
        self._cause = cause

    @property
    def carried(self) -> Cause:
        """Headers that whatever this step causes is to carry; others may be among them."""
        return self._cause

    def note(self, **facts: Fact) -> None:
        """Say something of the step."""

    def fail(self, code: str) -> None:
        """Say that the step went wrong, by a short code."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""


class Spans:
    """Makes spans. This one watches over nothing."""

    def begin(self, name: str, kind: Kind, *causes: Cause) -> Span:
        """
        Begin a step, once for each cause: a request may carry the work of many. No cause, nobody watches.

        `name` is one of a few words or an operation; `()` is a cause that is not known.
        """
        del name, kind
        return Span(causes[0]) if len(causes) == 1 else NO_SPAN

    def close(self) -> None:
        """Send what is left, within seconds. Blocks."""


NO_SPAN: Final = Span()
UNWATCHED: Final = Spans()


def trace_headers(cause: Cause) -> dict[str, str]:
    """Give the W3C trace context of a cause as HTTP headers: none where it is missing or no valid one."""
    found = {name: value for name, value in cause if name in TRACE_HEADERS and value is not None}
    parent, state = found.get("traceparent", b""), found.get("tracestate", b"")
    if not _TRACEPARENT.fullmatch(parent):
        return {}
    headers = {"traceparent": parent.decode("ascii")}
    return headers | {"tracestate": state.decode("ascii")} if _TRACESTATE.fullmatch(state) else headers


def trace_id(cause: Cause) -> str | None:
    """Give the id of the trace that a cause belongs to: 32 hexadecimal digits."""
    parent = trace_headers(cause).get("traceparent")
    return parent.split("-")[1] if parent else None
