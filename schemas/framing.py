"""
Confluent's wire format: a zero byte and the id of a registered schema before an event's JSON. Knows no registry.

https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
"""

from typing import Final

#: JSON text never begins with it, so that a frame is told from an event without one.
_MAGIC: Final = b"\0"
_ID_BYTES: Final = 4
LARGEST_ID: Final = 2 ** (8 * _ID_BYTES) - 1


def frame(schema_id: int) -> bytes:
    """Give what stands before the JSON of an event whose schema has this id."""
    return _MAGIC + schema_id.to_bytes(_ID_BYTES, "big")


def unframed(value: bytes) -> bytes:
    """Give the JSON of a value, framed or not. Which schema wrote it is for the reader's own models to judge."""
    return value[len(_MAGIC) + _ID_BYTES :] if value.startswith(_MAGIC) else value
