"""A power cut that shortens a partition's log, as one broker without replicas can suffer, loses no upload after it."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from cluster import KafkaCluster
from confluent_kafka.admin import AdminClient, NewTopic
from traffic import Upload, committed, hear, publish, stage

from schemas.topics import topics
from streams.config.settings import Settings
from streams.wiring.kafka import make_topics

OLD, CUT_TO = 60, 40


@pytest.fixture(scope="module")
def fragile(kafka_libraries, tmp_path_factory) -> Iterator[KafkaCluster]:
    """Give a one-broker cluster whose files a test may damage."""
    assert kafka_libraries
    with KafkaCluster(1, data_dir=tmp_path_factory.mktemp("fragile")) as cluster:
        yield cluster


def prepare(cluster: KafkaCluster, prefix: str, session_s: float) -> Settings:
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
    for done in admin.create_topics([NewTopic(topic.name, 1) for topic in topics(prefix).all()]).values():
        done.result()
    return Settings(
        bootstrap_servers=cluster.bootstrap_servers,
        topic_prefix=prefix,
        group_prefix=prefix,
        session_timeout_s=session_s,
        commit_interval_s=0.3,
    )


def cut_power(cluster: KafkaCluster, topic: str) -> None:
    """Kill the broker, cut the topic's log to two thirds, and start the broker again."""
    cluster.kill(1)
    folder = cluster.data_dir / "broker-1"
    (log,) = (folder / f"{topic}-0").glob("*.log")
    os.truncate(log, _size_of(log, CUT_TO))
    for mark in folder.rglob(".kafka_cleanshutdown"):
        mark.unlink()
    cluster.start(1)


def _size_of(log: Path, batches: int) -> int:
    """Find where the first so many batches end: each says its length in bytes 8 to 12."""
    data, at = log.read_bytes(), 0
    for _ in range(batches):
        at += 12 + int.from_bytes(data[at + 8 : at + 12], "big")
    return at


async def publish_one_by_one(settings: Settings, these: list[Upload]) -> None:
    """One upload a batch, so that a log can be cut between any two."""
    for upload in these:
        await publish(settings, [upload])


@pytest.mark.parametrize("session_s", [6, 20])
@pytest.mark.parametrize(
    ("kind", "new", "through"),
    [("grown", 30, False), ("running", 30, True), ("shorter", 10, False), ("down", 10, True)],
)
async def test_every_upload_after_a_cut_is_worked_on(fragile, tmp_path, kind, new, through, session_s):
    """
    The log has 60 records, all done and committed, and is cut to 40.

    It then grows beyond the commit (`grown`, `running`) or stays shorter; the stage is stopped meanwhile, or runs on.
    """
    settings = prepare(fragile, f"{kind}{session_s}", session_s)
    await publish_one_by_one(settings, [Upload(number, "old") for number in range(OLD)])
    fresh = {f"new-{number}" for number in range(new)}
    with stage(settings, tmp_path) as first:
        await asyncio.to_thread(hear, settings, lambda heard: len(heard) == OLD)
        async with asyncio.timeout(30):
            while (await asyncio.to_thread(committed, settings))[0][0] != OLD:
                await asyncio.sleep(0.3)
        if not through:
            assert await asyncio.to_thread(first.stop) == 0
        await asyncio.to_thread(cut_power, fragile, make_topics(settings).uploads.name)
        await publish_one_by_one(settings, [Upload(number, "new") for number in range(new)])
        with nullcontext(first) if through else stage(settings, tmp_path) as running:
            heard = await asyncio.to_thread(
                hear, settings, lambda heard: fresh <= set(heard), limit_s=40 + 2 * session_s
            )
            assert running.process.poll() is None
            assert running.said("the log was cut")
            # Where librdkafka does not say how far the logs agree, the stage goes back to the log's beginning.
            assert running.said(f"continues_at={CUT_TO}") or running.said("continues_at=0")
    # At most once more: where the stage goes back further than the cut, downstream effects are idempotent.
    assert max(len(times) for times in heard.values()) <= 2
