"""A key revoked while uploads arrive: the stage reports it, loses nothing, and continues after the fix."""

import asyncio
import json
import time

import httpx
import pytest
from sync_process import publish, read, running, tagged

from schemas.events import Identity
from schemas.topics import dlq_name
from streams.config.settings import Settings
from streams.wiring.kafka import make_topics


@pytest.fixture
def settings(broker, tmp_path) -> Settings:
    return Settings(bootstrap_servers=broker.address, state_url=f"sqlite:///{tmp_path}/state.db")


def uploads(numbers: range) -> list:
    return [tagged(f"u{number}", Identity(external_id=f"s{number % 7}")) for number in numbers]


def until(condition, *, limit_s: float = 60) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_the_stage_waits_until_the_key_is_fixed_and_then_continues_by_itself(settings, tmp_path):
    topics, log = make_topics(settings), tmp_path / "sync.log"
    own = {
        "bootstrap_servers": settings.bootstrap_servers,
        "state_url": settings.state_url,
        "klaviyo_key": "pk_x",
        "session_timeout_s": 6,
        "retry_cap_s": 2,
        "log_format": "json",
    }

    def synced() -> int:
        return len(read(settings, topics.profiles.name))

    def loud() -> list[dict]:
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        return [line for line in lines if line["level"] == "error"]

    with running(tmp_path / "sandbox.log", "klaviyo", "sandbox", "--port", "0", "--key", "pk_x") as sandbox:
        url = sandbox.stdout.readline().split()[-1]
        with (
            httpx.Client(base_url=url, trust_env=False) as http,
            running(log, "worker", "sync", klaviyo_url=url, **own) as stage,
        ):
            asyncio.run(publish(settings, uploads(range(10))))
            until(lambda: synced() == 10)
            http.post("/sandbox/faults", json={"faults": [{"status": 401}]}).raise_for_status()
            asyncio.run(publish(settings, uploads(range(10, 40))))
            until(loud)
            # Long enough for every one to have been tried again.
            time.sleep(3)
            assert (synced(), stage.poll()) == (10, None)
            http.post("/sandbox/faults", json={}).raise_for_status()
            until(lambda: synced() == 40)
            state = http.get("/sandbox/state").json()
    assert sorted(one["properties"]["upload_id"] for one in state["events"]) == sorted(f"u{at}" for at in range(40))
    assert read(settings, dlq_name(topics.tags.name)) == []
    assert {line["event"] for line in loud()} == {"cannot go on until this is fixed"}
    assert {line["reason"] for line in loud()} == {"unauthorized"}
    assert len(loud()) <= 2
    assert "pk_x" not in log.read_text()
