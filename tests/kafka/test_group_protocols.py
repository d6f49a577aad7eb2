"""Both group protocols: work moves between members without loss, and a stranger in the group is named in the log."""

import asyncio
import time

import pytest
from confluent_kafka import Consumer
from traffic import committed, hear, hear_all, publish, stage, uploads

from streams.config.settings import Settings
from streams.wiring.kafka import make_topics


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
async def test_members_come_and_go_and_nothing_is_lost_or_doubled(settings, tmp_path, protocol):
    settings = settings.model_copy(update={"kafka_group_protocol": protocol})
    these = uploads(300)
    feeding = asyncio.create_task(publish(settings, these, per_s=20))
    with stage(settings, tmp_path, mean_ms=20) as first:
        await asyncio.to_thread(first.await_said, "assigned")
        with stage(settings, tmp_path, mean_ms=20) as second:
            await asyncio.to_thread(second.await_said, "assigned")
            await asyncio.sleep(4)
            assert await asyncio.to_thread(second.stop) == 0
        await feeding
        await asyncio.to_thread(hear, settings, lambda heard: len(heard) == len(these))
        assert await asyncio.to_thread(first.stop) == 0
    assert hear_all(settings).duplicates == 0
    assert sum(max(done, 0) for done, _end in committed(settings).values()) == len(these)


def test_a_change_of_the_protocol_needs_no_more_than_a_stopped_group(settings, tmp_path):
    for protocol in ("classic", "consumer", "classic"):
        with stage(settings.model_copy(update={"kafka_group_protocol": protocol}), tmp_path) as running:
            running.await_said("assigned")
            assert running.stop() == 0


async def test_a_stage_names_a_stranger_in_its_group_within_a_minute(settings: Settings, tmp_path):
    group = f"{settings.group_prefix}.recognize"
    with stage(settings, tmp_path) as running:
        await asyncio.to_thread(running.await_said, "assigned")
        stranger = Consumer(
            {
                "bootstrap.servers": settings.bootstrap_servers,
                "group.id": group,
                "partition.assignment.strategy": "cooperative-sticky",
            }
        )
        stranger.subscribe([make_topics(settings).uploads.name])
        deadline = time.monotonic() + 60
        while not running.said("rdkafka at 127.0.0.1 is in the group"):
            assert time.monotonic() < deadline
            await asyncio.to_thread(stranger.poll, 0.5)
        stranger.close()


async def test_commits_that_passed_uploads_before_a_stage_started_are_named(settings: Settings, tmp_path):
    await publish(settings, uploads(50))
    stranger = Consumer(
        {
            "bootstrap.servers": settings.bootstrap_servers,
            "group.id": f"{settings.group_prefix}.recognize",
            "auto.offset.reset": "earliest",
        }
    )
    stranger.subscribe([make_topics(settings).uploads.name])
    seen = 0
    while seen < 50:
        seen += await asyncio.to_thread(stranger.poll, 1) is not None
    stranger.close()
    with stage(settings, tmp_path) as running:
        await asyncio.to_thread(running.await_said, "another program, an offset reset", limit_s=60)
