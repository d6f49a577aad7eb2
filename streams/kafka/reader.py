"""Reads topics for people and tools: from a time or the start, to the end or for ever. Commits nothing."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from schemas.codec import Headers
from streams.config.settings import Settings
from streams.kafka.clients import ELECTION_AGAIN_S, ELECTION_S, LEADERLESS, Admin, NoKafkaError, reader
from streams.kafka.foreign_headers import ForeignHeaders, headers_of
from streams.kafka.within import Within

#: Seconds without a response after which a read to the end is given up.
_SILENCE_S = 15

#: By topic and partition, the offset of the oldest message and the offset after the newest.
Edges = dict[tuple[str, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Seen:
    """A message in a topic."""

    topic: str
    partition: int
    offset: int
    #: Broker or producer time, seconds since the epoch.
    timestamp: float
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def place(self) -> str:
        """Return `topic:partition:offset`."""
        return f"{self.topic}:{self.partition}:{self.offset}"

    @property
    def upload_id(self) -> str:
        """The upload's id from the headers; empty if they do not have it."""
        return next((value.decode(errors="replace") for name, value in self.headers if name == "ce_id" and value), "")


class BadTimeError(ValueError):
    """A point in time is not valid."""


class UnreadableTopicError(Exception):
    """A topic is missing or Kafka does not respond. Check `hangtag topics list`."""


def follow(
    settings: Settings,
    names: list[str],
    *,
    since: float | None = None,
    within: Within | None = None,
    from_end: bool = False,
    forever: bool = False,
    going: Callable[[], bool] = lambda: True,
    caught_up: Callable[[], object] = lambda: None,
) -> Iterator[Seen]:
    """
    Yield the messages of topics, in order within each partition.

    Args:
        settings: Address of Kafka.
        names: The topics.
        since: Skip older messages, seconds since the epoch; None starts at the beginning.
        within: Read only this part; replaces `since`.
        from_end: Start after the newest message instead.
        forever: Wait for new messages too, until `going` returns false; else stop at the newest as of now.
        going: Called at least twice a second.
        caught_up: Called when everything that existed at first has been read, and maybe again later.

    Raises:
        UnreadableTopicError: A topic is missing, or no broker responds.

    """
    part = within or Within(since)
    consumer, read_foreign = reader(settings, few=part.is_narrow), ForeignHeaders(settings)
    try:
        partitions = partitions_of(settings, names, part)
        edges = edges_of(consumer, partitions)
        starts = _starts(consumer, edges, part, from_end=from_end)
        ends = {} if forever else _ends(consumer, edges, part.until)
        left = {_at(start) for start in starts if forever or start.offset < ends[_at(start)]}
        if not left:
            return
        consumer.assign([start for start in starts if _at(start) in left])
        for message in polled(consumer, going, patient=forever):
            place = (message.topic(), message.partition())
            if message.error() is not None:
                left.discard(place)
                if not left:
                    caught_up()
            elif forever or place in left:
                if not forever and message.offset() + 1 >= ends[place]:
                    left.discard(place)
                if part.has_time(message.timestamp()[1]):
                    yield seen_of(message, read_foreign)
            if not forever and not left:
                return
    except KafkaException as error:
        raise UnreadableTopicError(f"cannot read {', '.join(names)}: {error.args[0].str()}") from None
    finally:
        consumer.close()
        read_foreign.close()


def newest(settings: Settings, name: str, per_partition: int) -> tuple[list[Seen], int]:
    """
    Read the newest `per_partition` records of each partition of a topic. Also return the number of partitions.

    Raises:
        UnreadableTopicError: The topic is missing, or no broker responds.

    """
    return _few(settings, name, lambda low, high: (max(low, high - per_partition), high))


def oldest(settings: Settings, name: str, per_partition: int) -> tuple[list[Seen], int]:
    """Read the oldest few records of each partition, as `newest` does."""
    return _few(settings, name, lambda low, high: (low, min(high, low + per_partition)))


def _few(settings: Settings, name: str, chosen: Callable[[int, int], tuple[int, int]]) -> tuple[list[Seen], int]:
    """Read a part of each partition: `chosen` maps the log's first and end offset to those of the part."""
    consumer, read_foreign = reader(settings, few=True), ForeignHeaders(settings)
    try:
        edges = edges_of(consumer, partitions_of(settings, [name], Within()))
        wanted = {number: chosen(*edge) for (_, number), edge in edges.items()}
        left = {number for number, (start, end) in wanted.items() if end > start}
        consumer.assign([TopicPartition(name, number, wanted[number][0]) for number in left])
        found = []
        for message in polled(consumer, lambda: bool(left), patient=False):
            number, end = message.partition(), wanted[message.partition()][1]
            if message.error() is not None or message.offset() >= end - 1:
                left.discard(number)
            if message.error() is None and message.offset() < end:
                found.append(seen_of(message, read_foreign))
    except KafkaException as error:
        raise UnreadableTopicError(f"cannot read {name}: {error.args[0].str()}") from None
    finally:
        consumer.close()
        read_foreign.close()
    return found, len(edges)


def ends(settings: Settings, names: list[str]) -> dict[tuple[str, int], int]:
    """Return the offset after the newest message, by topic and partition. Raises as `follow`."""
    consumer = reader(settings)
    try:
        return _ends(consumer, edges_of(consumer, partitions_of(settings, names, Within())), None)
    except KafkaException as error:
        raise UnreadableTopicError(f"cannot read {', '.join(names)}: {error.args[0].str()}") from None
    finally:
        consumer.close()


def polled(consumer: Consumer, going: Callable[[], bool], *, patient: bool) -> Iterator[Message]:
    """Yield messages and ends of partitions as they come; raises on anything else."""
    silent_since = time.monotonic()
    while going():
        message = consumer.poll(0.5)
        if message is not None:
            silent_since = time.monotonic()
            error = message.error()
            if error is not None and error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
                # The reader joins no group and commits nothing, so it needs no permission on the group.
                continue
            if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's local code
                raise KafkaException(error)
            yield message
        elif not patient and time.monotonic() - silent_since > _SILENCE_S:
            raise UnreadableTopicError("Kafka stopped responding before the end")


def parse_since(text: str | None, *, now: float) -> float | None:
    """
    Parse `90s`, `15m`, `2h`, `7d` (ago) or an RFC 3339 time to seconds since the epoch.

    Raises:
        ValueError: The text is neither.

    """
    if text is None:
        return None
    units = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
    if text[-1:] in units and text[:-1].isdigit():
        return now - int(text[:-1]) * units[text[-1]]
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise BadTimeError(f"{text} has no time zone: write 2026-01-31T08:00:00Z, or an age such as 15m, 2h, 7d")
    return moment.timestamp()


def partitions_of(settings: Settings, names: list[str], part: Within) -> list[TopicPartition]:
    """Return the partitions of topics that belong to a part. Raises UnreadableTopicError."""
    try:
        metadata = Admin(settings).cluster()
    except NoKafkaError as error:
        raise UnreadableTopicError(str(error)) from None
    missing = [name for name in names if name not in metadata.topics]
    if missing:
        raise UnreadableTopicError(f"no topic {', '.join(missing)}. Create it with `hangtag topics apply`")
    there = {name: metadata.topics[name].partitions for name in names}
    places = [TopicPartition(name, number) for name, numbers in there.items() for number in numbers]
    return [place for place in places if part.has(place, len(there[place.topic]))]


def edges_of(consumer: Consumer, partitions: list[TopicPartition]) -> Edges:
    """Return the edges of partitions. Waits a second for a partition without a leader: an election, a new topic."""
    return {_at(at): _edge_of(consumer, at, time.monotonic() + ELECTION_S) for at in partitions}


def _edge_of(consumer: Consumer, at: TopicPartition, give_up: float) -> tuple[int, int]:
    while True:
        try:
            low, high = consumer.get_watermark_offsets(at, timeout=10)
        except KafkaException as error:
            if error.args[0].code() not in LEADERLESS or time.monotonic() > give_up:
                raise
            time.sleep(ELECTION_AGAIN_S)
        else:
            return low, high


def _starts(consumer: Consumer, edges: Edges, part: Within, *, from_end: bool) -> list[TopicPartition]:
    if part.start is not None:
        return [TopicPartition(topic, *part.start) for topic, _ in edges]
    known = {at: _within(edges[at], offset) for at, offset in (part.starts or {}).items() if at in edges}
    rest = {at: edge for at, edge in edges.items() if at not in known}
    if part.since is not None and rest:
        known |= offsets_at(consumer, rest, part.since)
    else:
        known |= {at: edge[from_end] for at, edge in rest.items()}
    return [TopicPartition(*at, known[at]) for at in edges]


def offsets_at(consumer: Consumer, edges: Edges, since: float) -> dict[tuple[str, int], int]:
    """Return the offset from which messages since a time are read, by topic and partition."""
    found = _found(consumer, edges, since)
    if all(offset < 0 for offset in found.values()) and all(
        offset < 0 for offset in _found(consumer, edges, 0).values()
    ):
        # The embedded broker does not find offsets by time. Read everything and skip old messages.
        return {at: low for at, (low, _) in edges.items()}
    return {at: found[at] if found[at] >= 0 else high for at, (_, high) in edges.items()}


def _within(edge: tuple[int, int], offset: int) -> int:
    low, high = edge
    # If the offset is after the end, the log was truncated or the topic was made again: start at its beginning.
    return low if offset > high else max(low, offset)


def _found(consumer: Consumer, edges: Edges, since: float) -> dict[tuple[str, int], int]:
    """Return the offset of the first message since a time, by topic and partition; negative without one."""
    times = [TopicPartition(*at, int(since * 1000)) for at in edges]
    return {_at(at): at.offset for at in consumer.offsets_for_times(times, timeout=10)}


def _ends(consumer: Consumer, edges: Edges, until: float | None) -> dict[tuple[str, int], int]:
    ends = {at: high for at, (_, high) in edges.items()}
    if until is None:
        return ends
    # The first message after `until`; none (-1) if the log ends before it, and on the embedded broker.
    behind = _found(consumer, edges, until + 0.001)
    return {at: end if behind[at] < 0 else min(end, behind[at]) for at, end in ends.items()}


def _at(place: TopicPartition) -> tuple[str, int]:
    return place.topic, place.partition


def seen_of(message: Message, read_foreign: ForeignHeaders) -> Seen:
    """Copy the needed fields of a client's message."""
    return Seen(
        topic=message.topic(),
        partition=message.partition(),
        offset=message.offset(),
        timestamp=message.timestamp()[1] / 1000,
        key=message.key(),
        value=message.value(),
        headers=headers_of(message, read_foreign),
    )
