"""Reads the committed offsets of one consumer group for one topic. Changes none."""

import time

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from streams.config.settings import Settings
from streams.kafka.clients import reader
from streams.kafka.reader import UnreadableTopicError

#: Errors of a group whose coordinator is being elected or is loading; they disappear within seconds.
_PASSING = {
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
}
_PAUSE_S = 0.5


def committed_offsets(settings: Settings, stage: str, topic: str, *, patience_s: float) -> dict[int, int]:
    """
    Return the next offset that a stage's group will read, by partition, without partitions that have no commit.

    Args:
        settings: Address of Kafka, and the prefix of groups.
        stage: Name of the stage.
        topic: Full name of the topic.
        patience_s: Seconds to wait for the group's coordinator.

    Raises:
        UnreadableTopicError: No response within `patience_s`, or the broker refused.

    """
    consumer = reader(settings, group=f"{settings.group_prefix}.{stage}")
    give_up = time.monotonic() + patience_s
    try:
        while True:
            try:
                found = consumer.list_topics(topic, timeout=10).topics.get(topic)
                numbers = found.partitions if found is not None else ()
                offsets = consumer.committed([TopicPartition(topic, number) for number in numbers], timeout=10)
                return {one.partition: one.offset for one in offsets if one.offset >= 0}
            except KafkaException as error:
                if time.monotonic() > give_up or error.args[0].code() not in _PASSING:
                    text = error.args[0].str()
                    raise UnreadableTopicError(f"cannot read the committed offsets of {stage}: {text}") from None
                time.sleep(_PAUSE_S)
    finally:
        consumer.close()
