"""A real Apache Kafka for the tests of this folder. docs/kafka.md says how to use it, and another cluster instead."""

import os
import time
import uuid
from collections.abc import Iterator
from functools import cache

import pytest
from class_archive import ensure_class_archive
from cluster import KafkaCluster, libraries
from confluent_kafka.admin import AdminClient, NewTopic
from fetch import ServerMissingError

from schemas.topics import topics
from streams.config.settings import Settings

ELSEWHERE = os.environ.get("HANGTAG_TEST_BOOTSTRAP")  # noqa: TID251 - a switch of the tests, not a setting
REQUIRED = os.environ.get("HANGTAG_REQUIRE_KAFKA") == "1"  # noqa: TID251 - a switch of the tests, not a setting
#: Fixtures that start a Kafka of our own.
OWN = {"kafka_libraries", "three_brokers"} | (set() if ELSEWHERE else {"kafka"})
#: Few, so that tests are quick; several, so that they are honest.
PARTITIONS = 3


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what needs a real Kafka, so that `-m 'not kafka'` leaves it out."""
    if (OWN | {"kafka"}) & set(getattr(item, "fixturenames", ())):
        item.add_marker("kafka")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip here, not in the fixtures: so all skips share one line of the summary."""
    if not OWN & set(getattr(item, "fixturenames", ())):
        return
    if missing := _missing():
        if REQUIRED:
            pytest.fail(f"real Kafka is required (HANGTAG_REQUIRE_KAFKA=1): {missing}", pytrace=False)
        # Java is no dependency of ours; CI has it, and sets HANGTAG_REQUIRE_KAFKA.
        pytest.skip(f"real Kafka tests skipped: {missing}")
    ensure_class_archive()


@cache
def _missing() -> str | None:
    try:
        libraries()
    except ServerMissingError as error:
        return str(error)
    return None


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """Provide the bootstrap servers of a one-broker cluster, or of the one HANGTAG_TEST_BOOTSTRAP names."""
    if ELSEWHERE:
        yield ELSEWHERE
        return
    with KafkaCluster() as cluster:
        yield cluster.bootstrap_servers


@pytest.fixture(scope="session")
def kafka_libraries() -> str:
    """Mark a test that starts its own Kafka; return the class path."""
    return str(libraries())


@pytest.fixture(scope="module")
def three_brokers() -> Iterator[KafkaCluster]:
    """Provide a three-broker cluster of this module's own, to stop, kill and freeze brokers of."""
    with KafkaCluster(3) as cluster:
        yield cluster


@pytest.fixture
def topic_prefix(kafka: str) -> Iterator[str]:
    """Provide a prefix whose topics, all of schemas.topics, exist and are empty; they are deleted afterwards."""
    prefix = f"test-{uuid.uuid4().hex[:12]}"
    admin = AdminClient({"bootstrap.servers": kafka})
    wanted = [
        NewTopic(topic.name, PARTITIONS, config={"max.message.bytes": str(topic.max_message_bytes)})
        for topic in topics(prefix).all()
    ]
    names = [topic.topic for topic in wanted]
    for done in admin.create_topics(wanted, operation_timeout=30).values():
        done.result()
    # A broker may hear of a topic a little after its creation was confirmed.
    while not set(names) <= set(admin.list_topics(timeout=10).topics):
        time.sleep(0.02)
    yield prefix
    for done in admin.delete_topics(names).values():
        done.result()


@pytest.fixture
def settings(kafka: str, topic_prefix: str) -> Settings:
    """Return a stage's settings on these topics, quick to notice and to commit. A module may change some of them."""
    return Settings(
        bootstrap_servers=kafka,
        topic_prefix=topic_prefix,
        group_prefix=topic_prefix,
        session_timeout_s=6,
        commit_interval_s=0.3,
    )
