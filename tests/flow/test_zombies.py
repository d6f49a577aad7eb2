"""A member whose group membership is dead leaves, and its supervisor puts another in its place."""

import asyncio
import sys
import time

import pytest
from traffic import HERE, Upload, hear, publish, uploads

from streams.config.settings import Settings, child_environment
from streams.runtime.supervisor import Child, keep_running

DEAF = {"fault": "errors", "api": "JoinGroup", "error": "GROUP_AUTHORIZATION_FAILED", "count": 1}


@pytest.mark.parametrize("when", ["before it was alive", "in the middle of its work"])
async def test_a_zombie_is_gone_and_replaced_within_thirty_seconds(broker, tmp_path, when):
    """On a coordinator error aiokafka parks, and Faust never looks: without the watchdog the process would live on."""
    settings = Settings(bootstrap_servers=broker.address, session_timeout_s=6, commit_interval_s=0.3)
    command = [sys.executable, str(HERE / "stage_process.py"), str(tmp_path), "0"]
    environment = child_environment(**settings.model_dump(exclude_unset=True))
    first, second = (Child(name, command, environment, log=tmp_path / f"{name}.log") for name in ("first", "second"))
    stopping = asyncio.Event()
    keepers = []
    try:
        if when == "before it was alive":
            broker.strike(**DEAF)
        keepers.append(asyncio.create_task(keep_running([first], stopping, grace_s=10)))
        await publish(settings, uploads(20))
        began = time.monotonic()
        await asyncio.to_thread(hear, settings, lambda heard: len(heard) == 20)
        if when == "in the middle of its work":
            broker.strike(**DEAF)
            # A second member joins, so the first must join again: one of them hears the error.
            keepers.append(asyncio.create_task(keep_running([second], stopping, grace_s=10)))
            began = time.monotonic()
            logs = [tmp_path / "first.log", tmp_path / "second.log"]
            async with asyncio.timeout(30):
                while not any("zombie: leaving" in log.read_text() for log in logs if log.exists()):
                    await asyncio.sleep(0.2)
            await publish(settings, [Upload(number, f"late{number}") for number in range(20)])
            await asyncio.to_thread(hear, settings, lambda heard: len(heard) == 40)
        assert time.monotonic() - began < 30
        said = "".join(log.read_text() for log in tmp_path.glob("*.log"))
        assert "zombie: leaving" in said
        assert "GroupAuthorizationFailed" in said
    finally:
        stopping.set()
        await asyncio.gather(*keepers)
