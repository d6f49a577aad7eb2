"""
Adds and removes Confluent's wire format: a zero byte and a schema id before an event's JSON. Knows no registry.

Format: https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
"""

from typing import Final

#: JSON text never begins with this byte, so it tells a framed value from a plain one.
_MAGIC: Final = b"\0"
_ID_BYTES: Final = 4
LARGEST_ID: Final = 2 ** (8 * _ID_BYTES) - 1


def frame(schema_id: int) -> bytes:
    """Return the bytes that come before the JSON of an event with this schema id."""
    return _MAGIC + schema_id.to_bytes(_ID_BYTES, "big")


def unframed(value: bytes) -> bytes:
    """Return the JSON of a value, framed or not. The schema id is ignored; the reader's models validate the JSON."""
    return value[len(_MAGIC) + _ID_BYTES :] if value.startswith(_MAGIC) else value
