"""Reads single messages by their places, and nothing else of their topics. Commits nothing."""

from collections.abc import Iterable, Iterator

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.config.settings import Settings
from streams.kafka.clients import reader
from streams.kafka.foreign_headers import ForeignHeaders
from streams.kafka.reader import Seen, UnreadableTopicError, polled, seen_of

#: A place at most this many offsets after the previous one is read in the same pass, because one fetch returns both.
_NEAR = 20
#: Seconds that the brokers may take to name a topic's leaders.
_LEADERS_S = 10


def read_places(settings: Settings, places: Iterable[tuple[str, int, int]]) -> Iterator[Seen]:
    """
    Yield the messages at these places (topic, partition, offset), without expired ones.

    Raises:
        UnreadableTopicError: a topic is missing, or no broker answered.

    """
    wanted = sorted(set(places))
    if not wanted:
        return
    consumer, read_foreign = reader(settings, few=True), ForeignHeaders(settings)
    try:
        # Otherwise librdkafka takes a second to look for the leaders of each topic after the first.
        for topic in {topic for topic, _, _ in wanted}:
            consumer.list_topics(topic, timeout=_LEADERS_S)
        near: list[tuple[str, int, int]] = []
        for place in [*wanted, None]:
            if near and (place is None or place[:2] != near[-1][:2] or place[2] - near[-1][2] > _NEAR):
                yield from _read(consumer, near, read_foreign)
                near = []
            if place is not None:
                near.append(place)
    except KafkaException as error:
        raise UnreadableTopicError(f"cannot read single messages: {error.args[0].str()}") from None
    finally:
        consumer.close()
        read_foreign.close()


def _read(consumer: Consumer, places: list[tuple[str, int, int]], read_foreign: ForeignHeaders) -> Iterator[Seen]:
    """Read places that are near one another in one partition."""
    topic, partition, first = places[0]
    wanted = {offset for _, _, offset in places}
    last = max(wanted)
    consumer.assign([TopicPartition(topic, partition, first)])
    for message in polled(consumer, lambda: True, patient=False):
        if (message.topic(), message.partition()) != (topic, partition):
            continue
        if message.error() is not None:
            # The end of the partition: the remaining places do not exist any more.
            return
        if message.offset() in wanted:
            yield seen_of(message, read_foreign)
        if message.offset() >= last:
            return
