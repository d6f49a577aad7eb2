"""A member whose group membership is dead leaves, and its supervisor puts another in its place."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from traffic import HERE, Upload, hear, publish, uploads

from streams.settings import Settings, child_environment
from streams.supervisor import Child, keep_running

DEAF = {"fault": "errors", "api": "JoinGroup", "error": "GROUP_AUTHORIZATION_FAILED", "count": 1}


class FaultyBroker:
    """The embedded broker as a process of its own, told its faults over stdin."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "streams", "broker", "--port", "0", "--faults"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self.address = self._out.readline().split()[-1]

    def strike(self, fault: dict) -> None:
        self._in.write(json.dumps(fault) + "\n")
        self._in.flush()
        assert json.loads(self._out.readline()) == {"ok": True}

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        self._in.close()
        self._out.close()


@pytest.fixture
def broker() -> Iterator[FaultyBroker]:
    running = FaultyBroker()
    yield running
    running.close()


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
            broker.strike(DEAF)
        keepers.append(asyncio.create_task(keep_running([first], stopping, grace_s=10)))
        await publish(settings, uploads(20))
        began = time.monotonic()
        await asyncio.to_thread(hear, settings, lambda heard: len(heard) == 20)
        if when == "in the middle of its work":
            broker.strike(DEAF)
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
