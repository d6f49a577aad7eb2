"""Lag on a real Kafka, against Kafka's own tool and against the times at which records were published."""

import time

import pytest
from cluster import KafkaCluster
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic
from traffic import publish, stage, uploads

from streams.config.settings import Settings
from streams.lag.evaluate import GroupPartition, LagMemory, PartitionLag
from streams.lag.reader import LagReader, stage_groups
from streams.wiring.kafka import make_topics

THE_TOOL = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"lag_stalled_s": 4})


@pytest.fixture
def uploads_log(settings: Settings) -> str:
    return make_topics(settings).uploads.name


def group_of(settings: Settings) -> str:
    return f"{settings.group_prefix}.recognize"


def commit(settings: Settings, log: str, offsets: dict[int, int]) -> None:
    consumer = Consumer({"bootstrap.servers": settings.bootstrap_servers, "group.id": group_of(settings)})
    consumer.commit(offsets=[TopicPartition(log, at, to) for at, to in offsets.items()], asynchronous=False)
    consumer.close()


def write(settings: Settings, log: str, count: int, *, partition: int = 0, **config: object) -> Producer:
    producer = Producer({"bootstrap.servers": settings.bootstrap_servers} | config)
    if "transactional.id" in config:
        producer.init_transactions(30)
        producer.begin_transaction()
    for _ in range(count):
        producer.produce(log, b"x", partition=partition)
    producer.flush(30)
    return producer


def look(settings: Settings) -> dict[int, PartitionLag]:
    """Look once; give the verdicts on uploads by partition."""
    with LagReader(settings) as reader:
        seen = reader.look()
    assert seen.troubles == ()
    return {
        told.place.partition: told
        for told in LagMemory(settings.lag_stalled_s).judge(seen.readings)
        if told.place.group == group_of(settings)
    }


def written(told: PartitionLag) -> float:
    """Tell when the oldest uncommitted record was written, by its age."""
    assert told.seconds is not None
    return told.at - told.seconds


def the_tool(settings: Settings) -> dict[int, int | None]:
    """Ask kafka-consumer-groups for the lag of each partition."""
    said = KafkaCluster.tool(
        THE_TOOL, "--bootstrap-server", settings.bootstrap_servers, "--describe", "--group", group_of(settings)
    )
    rows = [line.split() for line in said.splitlines() if line.startswith(group_of(settings))]
    return {int(row[2]): None if row[5] == "-" else int(row[5]) for row in rows}


def test_offsets_equal_the_tools_and_seconds_the_times_of_publishing(settings, uploads_log, kafka_libraries):
    published = []
    for _ in range(10):
        published.append(time.time())
        write(settings, uploads_log, 1)
        time.sleep(0.25)
    write(settings, uploads_log, 5, partition=1)
    commit(settings, uploads_log, {0: 4, 1: 5})
    earliest = time.time()
    told = look(settings)
    assert earliest <= told[0].at <= time.time()
    assert written(told[0]) == pytest.approx(published[4], abs=1)
    assert not told[0].estimated
    assert {at: one.lag for at, one in told.items()} == the_tool(settings) | {2: 0} == {0: 6, 1: 0, 2: 0}
    assert (told[1].seconds, told[2].seconds) == (0, 0)
    assert {at: one.state for at, one in told.items()} == dict.fromkeys(told, "unassigned")


def test_partitions_without_a_commit_count_as_lag_everywhere(settings, uploads_log):
    for partition, count in enumerate((20, 80, 90)):
        write(settings, uploads_log, count, partition=partition)
    commit(settings, uploads_log, {0: 0})
    told = look(settings)
    assert {at: (one.lag, one.state) for at, one in told.items()} == {
        0: (20, "unassigned"),
        1: (80, "no-commit"),
        2: (90, "no-commit"),
    }
    assert all(0 <= one.seconds < 30 for one in told.values())


async def test_a_stage_is_followed_under_load_and_seen_to_stall_when_killed(settings, tmp_path, kafka_libraries):
    await publish(settings, uploads(2000, shoppers=60))
    memory = LagMemory(settings.lag_stalled_s)
    group = group_of(settings)

    def states(reader: LagReader) -> dict[int, PartitionLag]:
        told = memory.judge(reader.look().readings)
        return {one.place.partition: one for one in told if one.place.group == group}

    def lag(told: dict[int, PartitionLag]) -> int:
        return sum(one.lag for one in told.values())

    # Two minutes of work: no partition may be finished before the stage is killed, however slow the machine is.
    with LagReader(settings) as reader, stage(settings, tmp_path, mean_ms=1000, in_flight=16) as running:
        while any(one.owner is None or one.state != "ok" for one in states(reader).values()):
            time.sleep(0.2)  # noqa: ASYNC251 - nothing else runs in this loop
        before = lag(states(reader))
        theirs = the_tool(settings)
        after = lag(states(reader))
        # Nothing is published meanwhile, so that lag only falls.
        assert after * 0.99 <= sum(one or 0 for one in theirs.values()) <= before * 1.01
        assert 0 < after <= before
        # One slow photo at its head keeps a partition where it is for some seconds.
        while lag(states(reader)) == before:
            time.sleep(0.2)  # noqa: ASYNC251 - nothing else runs in this loop
        running.kill()
        killed = time.monotonic()
        told = states(reader)
        while {one.state for one in told.values()} != {"stalled"}:
            assert time.monotonic() - killed < settings.lag_stalled_s + 10, told
            time.sleep(0.5)  # noqa: ASYNC251 - nothing else runs in this loop
            told = states(reader)
        assert {at: one.lag for at, one in told.items()} == the_tool(settings)


def test_markers_at_the_end_of_a_transaction_are_no_work(settings, uploads_log):
    write(settings, uploads_log, 3, **{"transactional.id": settings.group_prefix}).commit_transaction(30)
    commit(settings, uploads_log, {0: 3})
    told = look(settings)[0]
    assert (told.committed, told.high, told.lag, told.seconds) == (3, 4, 0, 0)


def test_records_of_an_aborted_transaction_are_no_lag(settings, uploads_log):
    write(settings, uploads_log, 3, **{"transactional.id": settings.group_prefix}).abort_transaction(30)
    commit(settings, uploads_log, {0: 1})
    told = look(settings)[0]
    assert (told.lag, told.seconds) == (0, 0)


def test_lag_reports_expired_records_and_estimates_their_age(settings, uploads_log):
    began = int(time.time()) - 100
    producer = Producer({"bootstrap.servers": settings.bootstrap_servers})
    for at in range(20):
        producer.produce(uploads_log, b"x", partition=0, timestamp=(began + at) * 1000)
    producer.flush(30)
    commit(settings, uploads_log, {0: 2})
    assert written(look(settings)[0]) == pytest.approx(began + 2, abs=0.1)
    admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers})
    for done in admin.delete_records([TopicPartition(uploads_log, 0, 10)]).values():
        done.result()
    told = look(settings)[0]
    assert (told.lag, told.expired, told.estimated) == (10, 8, True)
    # The records came a second apart, so the line through the remaining ones gives the age of the deleted one.
    assert written(told) == pytest.approx(began + 2, abs=1)


def test_lag_follows_added_partitions_and_a_deleted_topic(settings, uploads_log):
    admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers})
    wanted = {GroupPartition(group, log, at) for group, log in stage_groups(settings).items() for at in range(3)}
    added = {GroupPartition(group_of(settings), uploads_log, at) for at in (3, 4)}
    with LagReader(settings) as reader:
        deadline = time.monotonic() + 20
        while reader.look().readings.keys() != wanted:
            assert time.monotonic() < deadline
        admin.create_partitions([NewPartitions(uploads_log, 5)])[uploads_log].result()
        while (seen := reader.look()).readings.keys() != wanted | added:
            assert time.monotonic() < deadline, seen
            time.sleep(0.1)
        admin.delete_topics([uploads_log])[uploads_log].result()
        while not (seen := reader.look()).troubles or any(place.topic == uploads_log for place in seen.readings):
            assert time.monotonic() < deadline, seen
            time.sleep(0.1)
        assert len(seen.readings) == 6, "the other stages are read on"
    # For the fixture, which deletes the topics after the test.
    admin.create_topics([NewTopic(uploads_log, 1)], operation_timeout=30)[uploads_log].result()
