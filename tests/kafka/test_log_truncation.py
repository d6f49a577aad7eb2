"""A power cut that shortens a partition's log, as one broker without replicas can suffer, loses no upload after it."""

import asyncio
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from cluster import KafkaCluster
from confluent_kafka.admin import AdminClient, NewTopic
from power_cut import keep, newest_log, power_cut
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
    """Cut the topic's log to two thirds."""
    with power_cut(cluster) as folder:
        keep(newest_log(folder, topic, 0), CUT_TO)


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
            assert running.said(f"continues_at={CUT_TO}")
    assert heard.duplicates == 0


async def test_an_unfinished_upload_below_a_cut_is_worked_on_again(fragile, tmp_path):
    """The stage has read to the end of the log, stays a member, and waits with one upload until an outage ends."""
    settings = prepare(fragile, "unfinished", 120)
    waiting = CUT_TO - 10
    old = [Upload(number, f"old{number}", "later" if number == waiting else None) for number in range(OLD)]
    (tmp_path / "outage").touch()
    await publish_one_by_one(settings, old)
    with stage(settings, tmp_path) as running:
        await asyncio.to_thread(hear, settings, lambda heard: len(heard) == OLD - 1)
        await asyncio.to_thread(cut_power, fragile, make_topics(settings).uploads.name)
        await asyncio.to_thread(running.await_said, f"continues_at={waiting}")
        (tmp_path / "outage").unlink()
        await publish_one_by_one(settings, [Upload(0, "new")])
        await asyncio.to_thread(hear, settings, lambda heard: {"new-0", old[waiting].id} <= set(heard))
