"""A broker that refuses, stalls or goes away costs time, and nothing else."""

import asyncio

import pytest
from every_letter import letters
from traffic import Upload, hear, publish, stage, supervised, uploads

from streams.config.settings import Settings


@pytest.fixture
def settings(broker) -> Settings:
    return Settings(
        bootstrap_servers=broker.address, session_timeout_s=6, commit_interval_s=0.3, retry_base_s=0.1, retry_cap_s=1
    )


@pytest.mark.parametrize("error", ["KAFKA_STORAGE_ERROR", "NOT_ENOUGH_REPLICAS", "POLICY_VIOLATION"])
async def test_a_broker_that_refuses_messages_for_a_while_loses_none(broker, settings, tmp_path, error):
    """
    A full disk, too few replicas, a policy: the answer is not delivered, so the upload is not done.

    One upload only: the embedded broker keeps no sequence numbers, so that an idempotent producer
    would take the success of a later request for that of the refused one.
    """
    async with supervised(settings, tmp_path):
        await publish(settings, uploads(1))
        await asyncio.to_thread(hear, settings, lambda heard: len(heard) == 1)
        await publish(settings, [Upload(1, "refused")])
        broker.strike(fault="errors", api="Produce", error=error, count=4)
        await asyncio.to_thread(hear, settings, lambda heard: len(heard) == 2, limit_s=60)
    assert await asyncio.to_thread(letters, settings) == []


async def test_commits_that_are_refused_are_tried_again(broker, settings, tmp_path):
    with stage(settings, tmp_path) as running:
        await asyncio.to_thread(running.await_said, "assigned")
        broker.strike(fault="errors", api="OffsetCommit", error="NOT_COORDINATOR", count=3)
        await publish(settings, uploads(20))
        await asyncio.to_thread(hear, settings, lambda heard: len(heard) == 20)
        await asyncio.sleep(3)
        assert await asyncio.to_thread(running.stop) == 0
    with stage(settings, tmp_path) as running:
        await asyncio.to_thread(running.await_said, "assigned")
        await publish(settings, [Upload(99, "last")])
        heard = await asyncio.to_thread(hear, settings, lambda heard: "last-99" in heard)
    assert heard.duplicates == 0


async def test_a_broker_that_goes_away_and_comes_back_is_found_again(broker, settings, tmp_path):
    async with supervised(settings, tmp_path, mean_ms=20):
        await publish(settings, uploads(200))
        broker.strike(fault="down")
        await asyncio.sleep(8)
        broker.strike(fault="up")
        await asyncio.to_thread(hear, settings, lambda heard: len(heard) == 200, limit_s=120)


async def test_a_slow_broker_only_slows(broker, settings, tmp_path):
    broker.strike(fault="rtt", ms=150)
    with stage(settings, tmp_path):
        await publish(settings, uploads(40))
        heard = await asyncio.to_thread(hear, settings, lambda heard: len(heard) == 40)
    assert heard.duplicates == 0
