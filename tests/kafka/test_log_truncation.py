"""A power cut that shortens a partition's log, as one broker without replicas can suffer, loses no upload after it."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest
from cluster import KafkaCluster
from confluent_kafka.admin import AdminClient, NewTopic
from power_cut import keep, newest_log, power_cut
from traffic import StageProcess, Upload, committed, hear, publish, stage

from schemas.topics import topics
from streams.config.settings import Settings
from streams.wiring.kafka import make_topics

OLD, CUT_TO = 60, 40


@pytest.fixture(scope="module")
def fragile(kafka_libraries, tmp_path_factory) -> Iterator[KafkaCluster]:
    """Provide a one-broker cluster whose files a test may damage."""
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


def cut_power(cluster: KafkaCluster, *settings: Settings) -> None:
    """Cut each topic of uploads to two thirds."""
    with power_cut(cluster) as folder:
        for one in settings:
            keep(newest_log(folder, make_topics(one).uploads.name, 0), CUT_TO)


async def publish_one_by_one(settings: Settings, these: list[Upload]) -> None:
    """One upload a batch, so that a log can be cut between any two."""
    for upload in these:
        await publish(settings, [upload])


@dataclass(frozen=True)
class Cut:
    """A log of 60 records, all done and committed, that a power cut shortens to 40."""

    kind: str
    #: Uploads published after the cut: the log then ends beyond the commit, or stays shorter.
    new: int
    #: Whether the stage runs through the cut; else it is stopped before and started after.
    through: bool
    session_s: float

    @property
    def name(self) -> str:
        return f"{self.kind}{self.session_s}"


CUTS = [
    Cut(*kind, session_s)
    for kind in (("grown", 30, False), ("running", 30, True), ("shorter", 10, False), ("down", 10, True))
    for session_s in (6, 20)
]


async def until_the_cut(cut: Cut, settings: Settings, running: StageProcess) -> None:
    await publish_one_by_one(settings, [Upload(number, "old") for number in range(OLD)])
    await asyncio.to_thread(hear, settings, lambda heard: len(heard) == OLD)
    async with asyncio.timeout(60):
        while (await asyncio.to_thread(committed, settings))[0][0] != OLD:
            await asyncio.sleep(0.3)
    if not cut.through:
        assert await asyncio.to_thread(running.stop) == 0


async def after_the_cut(cut: Cut, settings: Settings, before: StageProcess, folder: Path) -> None:
    fresh = {f"new-{number}" for number in range(cut.new)}
    await publish_one_by_one(settings, [Upload(number, "new") for number in range(cut.new)])
    with nullcontext(before) if cut.through else stage(settings, folder) as running:
        heard = await asyncio.to_thread(
            hear, settings, lambda heard: fresh <= set(heard), limit_s=80 + 2 * cut.session_s
        )
        assert running.process.poll() is None, cut
        assert running.said("the log was cut"), cut
        assert running.said(f"continues_at={CUT_TO}"), cut
    assert heard.duplicates == 0, cut


async def test_every_upload_after_a_cut_is_worked_on(fragile, tmp_path):
    """One power cut meets the stages of all `CUTS` at once, each with topics and a group of its own."""
    worlds = {cut: prepare(fragile, cut.name, cut.session_s) for cut in CUTS}
    folders = {cut: tmp_path / cut.name for cut in CUTS}
    with ExitStack() as stages:
        running = {}
        for cut, settings in worlds.items():
            folders[cut].mkdir()
            running[cut] = stages.enter_context(stage(settings, folders[cut]))
        async with asyncio.TaskGroup() as each:
            for cut, settings in worlds.items():
                each.create_task(until_the_cut(cut, settings, running[cut]))
        await asyncio.to_thread(cut_power, fragile, *worlds.values())
        async with asyncio.TaskGroup() as each:
            for cut, settings in worlds.items():
                each.create_task(after_the_cut(cut, settings, running[cut], folders[cut]))


async def test_an_unfinished_upload_below_a_cut_is_worked_on_again(fragile, tmp_path):
    """The stage has read to the end of the log, stays a member, and waits with one upload until an outage ends."""
    settings = prepare(fragile, "unfinished", 120)
    waiting = CUT_TO - 10
    old = [Upload(number, f"old{number}", "later" if number == waiting else None) for number in range(OLD)]
    (tmp_path / "outage").touch()
    await publish_one_by_one(settings, old)
    with stage(settings, tmp_path) as running:
        await asyncio.to_thread(hear, settings, lambda heard: len(heard) == OLD - 1)
        await asyncio.to_thread(cut_power, fragile, settings)
        await asyncio.to_thread(running.await_said, f"continues_at={waiting}")
        (tmp_path / "outage").unlink()
        await publish_one_by_one(settings, [Upload(0, "new")])
        await asyncio.to_thread(hear, settings, lambda heard: {"new-0", old[waiting].id} <= set(heard))
