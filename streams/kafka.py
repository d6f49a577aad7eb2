"""What confluent-kafka clients need, from settings; and questions to the cluster that several parts ask."""

import time

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.settings import Settings

log = structlog.get_logger()

ClientConfig = dict[str, str | int | float | bool]


def client_config(settings: Settings) -> ClientConfig:
    """Give the settings that every confluent-kafka client shares."""
    return {
        "bootstrap.servers": settings.bootstrap_servers,
        "client.id": "hangtag",
        # librdkafka prints to stderr by itself otherwise; errors reach us as values.
        "log_level": 2,
    }


def reader(settings: Settings, *, group: str = "hangtag-reader") -> Consumer:
    """Make a consumer that reads where it is told, and commits nothing."""
    return Consumer(
        client_config(settings)
        | {
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "allow.auto.create.topics": False,
            "enable.partition.eof": True,
            # What Faust reads, we must see too.
            "isolation.level": "read_uncommitted",
        }
    )


def wait_for_topics(settings: Settings, names: set[str], *, tell_every_s: float = 5) -> None:
    """Block until the cluster answers and has these topics, saying what is missing meanwhile."""
    admin = AdminClient(client_config(settings))
    told = 0.0
    while True:
        try:
            missing = names - set(admin.list_topics(timeout=5).topics)
            trouble = f"topics missing: {', '.join(sorted(missing))}. Create them with `hangtag topics apply`"
        except KafkaException:
            missing = names
            trouble = f"no Kafka at {settings.bootstrap_servers}. Start it, or set HANGTAG_BOOTSTRAP_SERVERS"
        if not missing:
            return
        if time.monotonic() - told > tell_every_s:
            log.warning("waiting for Kafka", message=trouble)
            told = time.monotonic()
        time.sleep(0.5)


def first_readable(settings: Settings, topic: str, partition: int, offset: int, *, timeout_s: float = 15) -> int | None:
    """Tell the offset of the first record at or after `offset`, by an independent client; None when there is none."""
    consumer = reader(settings)
    try:
        consumer.assign([TopicPartition(topic, partition, offset)])
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            message = consumer.poll(0.5)
            if message is None:
                continue
            if message.error() is None:
                found: int = message.offset()
                return found
            if message.error().code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's local code
                return None
        return None
    finally:
        consumer.close()
