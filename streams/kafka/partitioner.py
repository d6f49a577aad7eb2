"""
Computes the partition of a key, and detects records that another partitioner placed. Pure.

Our producers and Java's hash a key by murmur2. A producer with another library's default puts the same shopper on
another partition. Then two stage processes work on that shopper's uploads at once, in no order.
"""

import zlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

Place = Callable[[bytes, int], int]

_MASK: Final = 0xFFFF_FFFF
#: Share of the misplaced records that a partitioner must explain to be named as the cause.
_EXPLAINED: Final = 0.9
#: With fewer misplaced records than this, some wrong partitioner matches by chance.
_ENOUGH: Final = 3


@dataclass(frozen=True, slots=True)
class Placement:
    """The key and the partition of a record."""

    key: bytes | None
    partition: int


@dataclass(frozen=True, slots=True)
class Misplaced:
    """Records that are not on the partition of their key."""

    count: int
    #: Number of records in the sample.
    sampled: int
    #: Which client probably placed them.
    cause: str
    advice: str

    @property
    def finding(self) -> str:
        """The problem in one sentence."""
        return f"{self.count} of {self.sampled} sampled records are not on their key's partition, {self.cause}"


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key, as the Java client and librdkafka's `murmur2` compute it."""
    return (_murmur2(key) & 0x7FFF_FFFF) % partitions


def _crc32(key: bytes, partitions: int) -> int:
    return zlib.crc32(key) % partitions


def _fnv1a(key: bytes, partitions: int) -> int:
    """Return sarama's choice: the remainder of a signed number, without its sign."""
    hashed = 0x811C_9DC5
    for byte in key:
        hashed = (hashed ^ byte) * 0x0100_0193 & _MASK
    return abs(hashed - (1 << 32) if hashed >> 31 else hashed) % partitions


_OTHERS: Final[Mapping[str, tuple[Place, str]]] = {
    "by CRC-32: librdkafka's default (confluent-kafka for Python, Go, .NET; node-rdkafka, php-rdkafka, kcat)": (
        _crc32,
        "set `partitioner=murmur2_random` in that producer",
    ),
    "by FNV-1a: sarama's default": (
        _fnv1a,
        "set a murmur2 partitioner in that producer",
    ),
}
_MORE: Final = " (docs/producers.md), or let `hangtag worker rekey` publish its uploads again"

_ADDED: Final = "if partitions were added lately, wait until older records expire; else start that producer again"


def misplaced(placements: Sequence[Placement], partitions: int) -> Misplaced | None:
    """
    Judge a sample of a topic's records; None if every record is on the partition of its key.

    Args:
        placements: The sample.
        partitions: Number of partitions of the topic.

    """
    wrong = [one for one in placements if one.key is None or one.partition != partition_of(one.key, partitions)]
    if not wrong:
        return None
    cause, advice = _cause(wrong, partitions)
    return Misplaced(len(wrong), len(placements), cause, advice)


def _cause(wrong: Sequence[Placement], partitions: int) -> tuple[str, str]:
    keyed = [(one.key, one.partition) for one in wrong if one.key is not None]
    if len(keyed) < len(wrong) * (1 - _EXPLAINED) or not keyed:
        return "because they have no key", "publish each upload with the shopper's id as its key" + _MORE
    if len(keyed) < _ENOUGH:
        return "too few to detect the partitioner", "see docs/producers.md for each library's setting"
    for cause, (place, advice) in _OTHERS.items():
        if _share(keyed, place, partitions) >= _EXPLAINED:
            return cause, advice + _MORE
    for fewer in range(partitions - 1, 0, -1):
        if _share(keyed, partition_of, fewer) >= _EXPLAINED:
            return f"as when the topic had {fewer} partitions", _ADDED
    return (
        "by no known hash of the key (random, round robin, sticky, or the producer's own)",
        "set a murmur2 partitioner in that producer" + _MORE,
    )


def _share(keyed: Sequence[tuple[bytes, int]], place: Place, partitions: int) -> float:
    return sum(place(key, partitions) == partition for key, partition in keyed) / len(keyed)


class PartitionerSample:
    """A running sample of a stage's records: one in a thousand, and of these the newest few hundred."""

    def __init__(self, *, every: int = 1000, keep: int = 200) -> None:
        """Keep one record in `every`, and of those the newest `keep`."""
        self._every, self._passed = every, 0
        self._kept: deque[Placement] = deque(maxlen=keep)

    def note(self, key: bytes | None, partition: int) -> bool:
        """Count a record. Return whether it joined the sample, so that `judge` may find something new."""
        self._passed += 1
        if self._passed % self._every:
            return False
        self._kept.append(Placement(key, partition))
        return True

    def judge(self, partitions: int) -> Misplaced | None:
        """Judge the sample, as `misplaced`."""
        return misplaced(self._kept, partitions)


def _murmur2(key: bytes) -> int:
    """Hash a key as Kafka's own clients do (org.apache.kafka.common.utils.Utils.murmur2)."""
    mixer, length = 0x5BD1_E995, len(key)
    hashed = 0x9747_B28C ^ length
    whole = length & ~3
    for at in range(0, whole, 4):
        word = int.from_bytes(key[at : at + 4], "little") * mixer & _MASK
        word = (word ^ word >> 24) * mixer & _MASK
        hashed = hashed * mixer & _MASK ^ word
    if whole < length:
        hashed = (hashed ^ int.from_bytes(key[whole:], "little")) * mixer & _MASK
    hashed = (hashed ^ hashed >> 13) * mixer & _MASK
    return hashed ^ hashed >> 15
