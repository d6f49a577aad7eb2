"""
Encodes events to Kafka values and headers, and decodes them. No other module parses event JSON.

Events travel as JSON values with CloudEvents 1.0 binary-mode headers
(https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md).
"""

from collections.abc import Iterable
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import from_json

from schemas.events import SCHEMA_VERSION, Event, FrozenModel
from schemas.framing import unframed

N = TypeVar("N", bound=FrozenModel)
Headers = list[tuple[str, bytes | None]]

#: W3C trace context headers, copied from each message to the messages it causes.
TRACE_HEADERS = ("traceparent", "tracestate")


class UndecodableError(ValueError):
    """The bytes are not an event that this version can read. `reason` is a short code, the message a sentence."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def encode(event: Event, *, source: str, trace: Iterable[tuple[str, bytes | None]] = ()) -> tuple[bytes, Headers]:
    """
    Encode an event as a Kafka value and its headers.

    Args:
        event: The event.
        source: Name of the producing stage. `source` and the upload's id identify the event, so an event that is
            published twice can be recognized as a duplicate.
        trace: Headers of the message that caused the event; the W3C trace context is copied from them.

    """
    value = event.model_dump_json(exclude_none=True).encode()
    headers: Headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", event.upload_id.encode()),
        ("ce_type", event.ce_type.encode()),
        ("ce_source", source.encode()),
        ("ce_time", getattr(event, event.time_field).isoformat().encode()),
        ("content-type", b"application/json"),
    ]
    return value, headers + [(name, value) for name, value in trace if name in TRACE_HEADERS]


def decode(kind: type[N], value: bytes | None) -> N:
    """
    Decode an event of a known type, with or without the Schema Registry frame before its JSON.

    Raises:
        UndecodableError: `tombstone`, `not-json`, `unknown-version` or `invalid-event`.

    """
    if value is None:
        msg = "the message has no value (a tombstone), but events are never deleted that way"
        raise UndecodableError("tombstone", msg)
    text = unframed(value)
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise _undecodable(kind, text, error) from None


def _undecodable(kind: type[FrozenModel], value: bytes, error: ValidationError) -> UndecodableError:
    """Return the error that explains why `value` was rejected. Parses the bytes again, only after a failure."""
    try:
        data = from_json(value)
    except ValueError as broken:
        return UndecodableError("not-json", f"the value is not JSON: {_position(broken)}")
    if not isinstance(data, dict):
        return UndecodableError("not-json", f"the value is a JSON {type(data).__name__}, not an object")
    version = data.get("schema_version", SCHEMA_VERSION)
    if version != SCHEMA_VERSION:
        shown = version if isinstance(version, int) else type(version).__name__
        msg = (
            f"schema_version is {shown}, but this reader understands {SCHEMA_VERSION}. Upgrade the reader, then replay"
        )
        return UndecodableError("unknown-version", msg)
    problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'event'}: {e['msg']}" for e in error.errors())
    return UndecodableError("invalid-event", f"not a valid {kind.__name__}: {problems[:500]}")


def _position(error: ValueError) -> str:
    # Parser messages may quote the input. The position alone is safe to show.
    text = str(error)
    at = text.rfind("at line")
    return text[at:] if at >= 0 else "no position"
