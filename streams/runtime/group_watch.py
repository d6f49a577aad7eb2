"""Looks for foreign members and foreign commits in a stage's consumer group; the stage logs each finding once."""

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition

from streams.config.settings import Settings
from streams.kafka.clients import Admin, NoKafkaError
from streams.kafka.strangers import OURS, Member, foreign_commits, strangers

_PATIENCE_S = 10


def findings(settings: Settings, group: str, topic: str, partitions: list[int]) -> tuple[str, ...]:
    """
    Ask the cluster about the group; blocks.

    Returns:
        One sentence per finding; empty if the cluster does not respond or cannot say (the embedded broker).

    """
    # A new client for each look, because a client may crash after a time-out (librdkafka issue 4605).
    admin = Admin(settings)
    try:
        return strangers(group, topic, _members(admin, group)) + _foreign_commits(admin, group, topic, partitions)
    except KafkaException:
        return ()


def partition_count(settings: Settings, topic: str) -> int | None:
    """Return the number of partitions of a topic; None if the cluster does not respond."""
    try:
        found = Admin(settings).cluster(timeout_s=_PATIENCE_S).topics.get(topic)
    except NoKafkaError:
        return None
    return len(found.partitions) if found else None


def _members(admin: Admin, group: str) -> list[Member]:
    described = admin.describe_consumer_groups([group], request_timeout=_PATIENCE_S)[group].result()
    return [
        Member(
            one.client_id,
            one.host.removeprefix("/"),
            frozenset(place.topic for place in one.assignment.topic_partitions),
        )
        for one in described.members
    ]


def _foreign_commits(admin: Admin, group: str, topic: str, partitions: list[int]) -> tuple[str, ...]:
    asked = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, number) for number in partitions])
    if not partitions:
        return ()
    found = admin.list_consumer_group_offsets([asked], request_timeout=_PATIENCE_S)[group].result()
    return foreign_commits(
        group,
        [
            place.partition
            for place in found.topic_partitions
            if place.error is None and place.offset >= 0 and place.metadata != OURS
        ],
    )
