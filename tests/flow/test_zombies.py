"""A member that its group refuses logs it and joins again; one that never gets an assignment exits."""

import asyncio
import time

from traffic import Upload, hear, publish, stage, uploads

from streams.config.settings import Settings

REFUSED = {"fault": "errors", "api": "JoinGroup", "error": "GROUP_AUTHORIZATION_FAILED"}


def settings_for(address: str, **changed: float) -> Settings:
    return Settings(bootstrap_servers=address, session_timeout_s=6, commit_interval_s=0.3, **changed)


async def test_a_member_that_its_group_refuses_once_logs_it_and_joins_again(broker, tmp_path):
    """With Faust's own driver it would live on, silent and idle, for ever."""
    settings = settings_for(broker.address)
    broker.strike(**REFUSED, count=1)
    await publish(settings, uploads(20))
    with stage(settings, tmp_path) as running:
        await asyncio.to_thread(hear, settings, lambda heard: len(heard) == 20, limit_s=30)
        assert running.said("GROUP_AUTHORIZATION_FAILED")


async def test_members_continue_after_an_error_in_the_middle_of_a_rebalance(broker, tmp_path):
    settings = settings_for(broker.address)
    await publish(settings, uploads(20))
    with stage(settings, tmp_path) as first:
        await asyncio.to_thread(hear, settings, lambda heard: len(heard) == 20)
        broker.strike(**REFUSED, count=1)
        with stage(settings, tmp_path) as second:
            await asyncio.to_thread(second.await_said, "assigned")
            await publish(settings, [Upload(number, f"late{number}") for number in range(20)])
            await asyncio.to_thread(hear, settings, lambda heard: len(heard) == 40, limit_s=60)
            assert first.said("GROUP_AUTHORIZATION_FAILED") or second.said("GROUP_AUTHORIZATION_FAILED")


async def test_a_member_that_never_gets_an_assignment_leaves_with_code_71(broker, tmp_path):
    broker.strike(**REFUSED, count=1000)
    with stage(settings_for(broker.address, zombie_after_s=5), tmp_path) as running:
        began = time.monotonic()
        assert await asyncio.to_thread(running.process.wait, 30) == 71
        assert time.monotonic() - began < 20
        assert running.said("no assignment for 5 s (GROUP_AUTHORIZATION_FAILED)")
