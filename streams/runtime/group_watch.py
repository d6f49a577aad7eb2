"""Looks for foreign members and foreign commits in a stage's consumer group; the stage logs each finding once."""

from dataclasses import dataclass
from functools import partial

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition

from streams.config.settings import Settings
from streams.kafka.clients import Admin, NoKafkaError
from streams.kafka.isolated import Isolated
from streams.kafka.strangers import OURS, Member, foreign_commits, strangers

_PATIENCE_S = 10
#: Longest time in seconds for one look, which makes three requests.
_LIMIT_S = 40


@dataclass(frozen=True, slots=True)
class GroupLook:
    """The result of one look."""

    #: One sentence per finding. Empty if the cluster does not report its groups (the embedded broker).
    findings: tuple[str, ...]
    partitions: int


def isolated_looks(settings: Settings, group: str, topic: str) -> Isolated[GroupLook]:
    """
    Return an object whose `ask` looks at a group, in a child process. `ask` blocks.

    If a request of an AdminClient times out, it may abort its process (librdkafka issue 4605), which must not be the
    stage.
    """
    return Isolated(partial(_looks, settings, group, topic), limit_s=_LIMIT_S)


def _looks(settings: Settings, group: str, topic: str) -> partial[GroupLook]:
    return partial(_look, settings, group, topic)


def _look(settings: Settings, group: str, topic: str) -> GroupLook:
    # Create a client for each look, because a client may still crash after a time-out that it survived.
    admin = Admin(settings)
    found = admin.cluster(timeout_s=_PATIENCE_S).topics.get(topic)
    if found is None:
        raise NoKafkaError(f"topic {topic} is missing", "Run `hangtag topics apply`")
    try:
        findings = strangers(group, topic, _members(admin, group))
        findings += _foreign_commits(admin, group, topic, list(found.partitions))
    except KafkaException:
        findings = ()
    return GroupLook(findings, len(found.partitions))


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
    found = admin.list_consumer_group_offsets([asked], request_timeout=_PATIENCE_S)[group].result()
    return foreign_commits(
        group,
        [
            place.partition
            for place in found.topic_partitions
            if place.error is None and place.offset >= 0 and place.metadata != OURS
        ],
    )
