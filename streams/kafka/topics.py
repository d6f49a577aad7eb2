"""Creates and checks topics through the AdminClient. `schemas.topics` defines them."""

import time
from datetime import timedelta
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType
from pydantic import BaseModel, ConfigDict

from schemas.topics import TIMESTAMPS, Topic, notifications, topics, uploads_to_rekey
from streams.config.settings import Settings
from streams.kafka.clients import Admin, NoKafkaError

#: Kafka deletes whole segments, when the newest record in them is too old. So a record lives up to a segment's time
#: longer. Kafka's default is a week (kafka.apache.org, topic configs), which would keep recognized text for two weeks.
SEGMENT: Final = timedelta(hours=6)


class FixedTopicsError(Exception):
    """The embedded broker creates topics when it starts, not on request. Use `hangtag broker --partitions N`."""

    def __init__(self) -> None:
        super().__init__(type(self).__doc__)


class TopicState(BaseModel):
    """The state of one topic in the cluster, and how it differs from the design."""

    model_config = ConfigDict(frozen=True)

    name: str
    #: 0 if the topic is missing.
    partitions: int
    #: None if the broker does not report it (the embedded one).
    retention_ms: int | None
    drift: tuple[str, ...]


def designed(settings: Settings) -> tuple[Topic, ...]:
    """Return the topics of the design: the flow's, and those of `notifications` and `rekey` if settings name them."""
    flow = topics(settings.topic_prefix).all()
    if settings.notifications_topic is not None:
        flow += notifications(settings.notifications_topic)
    if settings.rekey_topic is not None:
        flow += uploads_to_rekey(settings.rekey_topic)
    return flow


def create_missing(settings: Settings) -> list[str]:
    """
    Create the missing topics and return their names.

    Raises:
        FixedTopicsError: The broker is the embedded one, which does not support it.
        NoKafkaError: No broker responded.

    """
    admin = Admin(settings)
    there = _partitions(admin)
    if _is_embedded(admin):
        raise FixedTopicsError
    missing = [topic for topic in designed(settings) if topic.name not in there]
    new = [
        NewTopic(
            topic.name,
            num_partitions=topic.partitions,
            replication_factor=settings.replication,
            config={name: str(value) for name, value in wanted(topic).items()},
        )
        for topic in missing
    ]
    for name, future in admin.create_topics(new, operation_timeout=30).items() if new else ():
        try:
            future.result(timeout=40)
        except TimeoutError:
            raise NoKafkaError(f"{name} was not created in time", "Check the cluster, then try again") from None
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise NoKafkaError(f"{name} was not created: {error.args[0].str()}", "Check the cluster") from None
    # Other brokers may learn of a topic a little after its creation was confirmed.
    deadline = time.monotonic() + 10
    while not {topic.name for topic in missing} <= _partitions(admin).keys() and time.monotonic() < deadline:
        time.sleep(0.1)
    return [topic.name for topic in missing]


def compare(settings: Settings) -> list[TopicState]:
    """
    Compare the cluster's topics with the design.

    Raises:
        NoKafkaError: No broker responded.

    """
    admin = Admin(settings)
    there = _partitions(admin)
    wanted_topics = designed(settings)
    # The embedded broker does not describe configurations.
    configs = (
        {} if _is_embedded(admin) else _configs(admin, [topic.name for topic in wanted_topics if topic.name in there])
    )
    found = []
    for topic in wanted_topics:
        partitions, config = there.get(topic.name, 0), configs.get(topic.name, {})
        drift = ["missing: run `hangtag topics apply`"] if not partitions else []
        if partitions and partitions < topic.partitions:
            drift.append(
                f"{partitions} partitions, {topic.partitions} designed (adding some moves shoppers between them)"
            )
        drift += [
            f"{name} is {config[name]}, {value} designed"
            for name, value in wanted(topic).items()
            if name in config and config[name] != str(value)
        ]
        retention = config.get("retention.ms")
        found.append(
            TopicState(
                name=topic.name,
                partitions=partitions,
                retention_ms=None if retention is None else int(retention),
                drift=tuple(drift),
            )
        )
    return found


def wanted(topic: Topic) -> dict[str, str | int]:
    """Return the topic's configuration in the design."""
    return {
        "retention.ms": int(topic.retention.total_seconds() * 1000),
        "segment.ms": int(SEGMENT.total_seconds() * 1000),
        "cleanup.policy": "delete",
        "max.message.bytes": topic.max_message_bytes,
        "message.timestamp.type": TIMESTAMPS,
    }


def _partitions(admin: Admin) -> dict[str, int]:
    return {name: len(topic.partitions) for name, topic in admin.cluster().topics.items()}


def _is_embedded(admin: AdminClient) -> bool:
    # librdkafka's mock cluster has this name. It does not respond to requests to create topics.
    return str(admin.list_topics(timeout=10).cluster_id).startswith("mockCluster")


def _configs(admin: AdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    configs: dict[str, dict[str, str]] = {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    for resource, future in admin.describe_configs(resources, request_timeout=5).items() if resources else ():
        try:
            configs[resource.name] = {entry.name: entry.value for entry in future.result(timeout=6).values()}
        except (KafkaException, TimeoutError):
            # Without permission to read the configuration there is nothing to compare.
            break
    return configs
