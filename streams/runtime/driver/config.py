"""The settings of a stage's librdkafka consumer. Knows no thread and no Faust."""

import socket

from streams.config.settings import Settings
from streams.kafka.clients import ClientConfig, client_config
from streams.kafka.strangers import OURS

#: A fetch returns at most this much compressed data from all partitions together.
_FETCH_BYTES = 1_048_576
#: librdkafka stops fetching while this much waits to be polled.
_QUEUED_KBYTES = 8_192
#: The largest zstd batch that librdkafka inflates, and the largest response that it reads.
_INFLATED_BYTES = 33_554_432
#: Seconds added to `drain_s`, because a drain may take longer.
_SLACK_S = 10


def client_id(group: str, host: str) -> str:
    """Return the client id of a stage's process. Its prefix tells `streams.kafka.strangers` that it is ours."""
    return f"{OURS}-{group.rpartition('.')[2]}@{host}"


def consumer_config(settings: Settings, group: str) -> ClientConfig:
    """Build the configuration of a group member that commits nothing by itself."""
    config: ClientConfig = client_config(settings) | {
        "group.id": group,
        # `hangtag lag` shows it as the member: the stage, and the host on which it runs.
        "client.id": client_id(group, socket.gethostname()),
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "allow.auto.create.topics": False,
        # The stage itself decides where to continue, so that it never skips records (see `recovery.py`).
        "auto.offset.reset": "error",
        # Skip records of aborted transactions.
        "isolation.level": "read_committed",
        "check.crcs": True,
        "fetch.max.bytes": _FETCH_BYTES,
        "fetch.message.max.bytes": _FETCH_BYTES,
        "queued.max.messages.kbytes": _QUEUED_KBYTES,
        "receive.message.max.bytes": _INFLATED_BYTES,
        # Find partitions added to a topic within this time (librdkafka's default is five minutes).
        "topic.metadata.refresh.interval.ms": int(settings.metadata_max_age_s * 1000),
        # In a rebalance Kafka waits this long for a member. The thread also polls while the window is full.
        "max.poll.interval.ms": int(
            1000 * max(settings.rebalance_timeout_s, settings.session_timeout_s, settings.drain_s + _SLACK_S)
        ),
        # Longer than librdkafka needs to find a new coordinator (0.5 s). A commit that is retried sooner fails, because
        # the connection is not up yet. librdkafka then searches again, without heartbeats, until the session ends.
        "retry.backoff.ms": 1000,
        "retry.backoff.max.ms": 2000,
    }
    if settings.kafka_group_protocol == "consumer":
        # The broker sets the time-outs and assigns the partitions (KIP-848).
        return config | {"group.protocol": "consumer", "group.remote.assignor": "uniform"}
    return config | {
        "session.timeout.ms": int(settings.session_timeout_s * 1000),
        # A member learns of a rebalance from the response to its heartbeat. Up to this long, a partition has no owner.
        "heartbeat.interval.ms": int(min(1.0, settings.session_timeout_s / 5) * 1000),
        # Only partitions that change hands stop during a rebalance.
        "partition.assignment.strategy": "cooperative-sticky",
    }
