"""
A producer that writes Kafka's wire format itself, so that it can send what no client library lets through.

One plaintext broker. Record batches are of version 2 with a valid CRC-32C (https://kafka.apache.org/documentation/#recordbatch).
"""

import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass

Header = tuple[bytes, bytes | None]


@dataclass(frozen=True)
class RawRecord:
    """A record of any bytes."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[Header] = ()


def _crc32c_table() -> list[int]:
    table = []
    for number in range(256):
        for _ in range(8):
            number = (number >> 1) ^ (0x82F63B78 if number & 1 else 0)  # noqa: PLW2901 - the algorithm as published
        table.append(number)
    return table


_TABLE = _crc32c_table()


def crc32c(data: bytes) -> int:
    """Compute the CRC-32C (Castagnoli) of some bytes."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def varint(number: int) -> bytes:
    """Encode a zigzag varint."""
    rest = (number << 1) ^ (number >> 63)
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes((*out, rest))


def _field(content: bytes | None) -> bytes:
    return varint(-1) if content is None else varint(len(content)) + content


def record_batch(records: Sequence[RawRecord], *, timestamp_ms: int) -> bytes:
    """Encode a batch as a producer sends it."""
    body = b""
    for at, record in enumerate(records):
        headers = b"".join(varint(len(name)) + name + _field(value) for name, value in record.headers)
        one = b"\0" + varint(0) + varint(at) + _field(record.key) + _field(record.value)
        one += varint(len(record.headers)) + headers
        body += varint(len(one)) + one
    last = len(records) - 1
    checked = struct.pack(">hiqqqhii", 0, last, timestamp_ms, timestamp_ms, -1, -1, -1, len(records)) + body
    return struct.pack(">qiibI", 0, len(checked) + 9, -1, 2, crc32c(checked)) + checked


def _text(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()


def produce(address: str, topic: str, partition: int, batch: bytes) -> int:
    """
    Send one batch (Produce, version 3) and wait for the broker.

    Returns:
        The broker's error code; 0 if it took the batch.

    """
    request = struct.pack(">hhi", 0, 3, 1) + _text("raw") + struct.pack(">hhi", -1, -1, 30_000)
    request += struct.pack(">i", 1) + _text(topic) + struct.pack(">iii", 1, partition, len(batch)) + batch
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        with connection.makefile("rb") as answers:
            (size,) = struct.unpack(">i", answers.read(4))
            answer = answers.read(size)
    at = 4 + 4 + 2 + len(topic) + 4 + 4
    (code,) = struct.unpack(">h", answer[at : at + 2])
    return int(code)
