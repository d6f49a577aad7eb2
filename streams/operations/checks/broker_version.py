"""
Finds out the Kafka version of a broker. No client library reports it, so this asks for the broker's features itself.

ApiVersions, version 3 (https://kafka.apache.org/protocol#The_Messages_ApiVersions): the first tagged field of the
response lists the broker's features, and the highest supported `metadata.version` identifies its release.
"""

import socket
import struct
from typing import Final

_API_VERSIONS, _VERSION = 18, 3
_SUPPORTED_FEATURES = 0
_METADATA = "metadata.version"
#: The highest `metadata.version` of each release, by `kafka-features.sh version-mapping` of Kafka 4.3.1.
RELEASES: Final = {21: "3.9", 25: "4.0", 27: "4.1", 29: "4.2", 30: "4.3"}
_LONGEST = 1_000_000


def kafka_version(host: str, port: int, timeout_s: float = 5) -> str | None:
    """
    Return a broker's release, such as `4.3` or `after 4.3`; None if it does not report one (no KRaft, other brokers).

    Raises:
        OSError: The broker does not respond.

    """
    with socket.create_connection((host, port), timeout_s) as link:
        name = b"hangtag"
        head = struct.pack(">hhih", _API_VERSIONS, _VERSION, 1, len(name)) + name + b"\0"
        body = bytes([len(name) + 1]) + name + b"\x02" + b"1" + b"\0"
        link.sendall(struct.pack(">i", len(head) + len(body)) + head + body)
        (length,) = struct.unpack(">i", _exactly(link, 4))
        if not 0 < length < _LONGEST:
            return None
        answer = _exactly(link, length)
    try:
        return _release(_supported(answer))
    except (IndexError, struct.error, UnicodeDecodeError):
        return None


def _release(features: dict[str, int]) -> str | None:
    level = features.get(_METADATA)
    if level is None:
        return None
    if level < min(RELEASES):
        return f"before {RELEASES[min(RELEASES)]}"
    if level > max(RELEASES):
        return f"after {RELEASES[max(RELEASES)]}"
    return next(release for highest, release in sorted(RELEASES.items()) if level <= highest)


def _supported(answer: bytes) -> dict[str, int]:
    """Parse the broker's features, with the highest level of each."""
    # First come the correlation id (4 bytes) and the error (2), then a compact array of APIs: 6 bytes and tags each.
    count, at = _varint(answer, 6)
    for _ in range(count - 1):
        at = _skip_tags(answer, at + 6)
    fields, at = _varint(answer, at + 4)
    for _ in range(fields):
        tag, at = _varint(answer, at)
        size, at = _varint(answer, at)
        if tag == _SUPPORTED_FEATURES:
            return _features(answer, at)
        at += size
    return {}


def _features(answer: bytes, at: int) -> dict[str, int]:
    features = {}
    count, at = _varint(answer, at)
    for _ in range(count - 1):
        length, at = _varint(answer, at)
        end = at + length - 1
        features[answer[at:end].decode()] = struct.unpack_from(">h", answer, end + 2)[0]
        at = _skip_tags(answer, end + 4)
    return features


def _skip_tags(answer: bytes, at: int) -> int:
    count, at = _varint(answer, at)
    for _ in range(count):
        _, at = _varint(answer, at)
        size, at = _varint(answer, at)
        at += size
    return at


def _varint(answer: bytes, at: int) -> tuple[int, int]:
    """Read an unsigned varint; return it and the index after it."""
    number = shift = 0
    while True:
        byte = answer[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:  # noqa: PLR2004 - the continuation bit
            return number, at


def _exactly(link: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        if not (more := link.recv(count - len(received))):
            raise ConnectionError("the broker closed the connection")
        received += more
    return received
