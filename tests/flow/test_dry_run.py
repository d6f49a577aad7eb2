"""What would be sent can be looked at, by upload and by stage, and looking changes nothing."""

import asyncio
import json
import subprocess
import time

import httpx
import pytest
from sync_process import HANGTAG, publish, read, running, tagged

from schemas.events import Identity
from schemas.topics import dlq_name
from streams.config.settings import Settings, child_environment
from streams.wiring.kafka import make_topics

ADDRESS = "ada@shop.cn"


@pytest.fixture
def settings(broker, tmp_path) -> Settings:
    return Settings(bootstrap_servers=broker.address, state_url=f"sqlite:///{tmp_path}/state.db")


def preview(settings: Settings, upload_id: str, *more: str) -> subprocess.CompletedProcess[str]:
    environment = child_environment(bootstrap_servers=settings.bootstrap_servers, state_url=settings.state_url)
    command = [*HANGTAG, "klaviyo", "preview", upload_id, *more]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_a_dry_run_shows_everything_and_leaves_everything_to_the_real_run(settings, tmp_path):
    events = [tagged("u1", Identity(email=ADDRESS)), tagged("u2", Identity(external_id="s2"))]
    asyncio.run(publish(settings, events, b"no event"))
    topics = make_topics(settings)
    own = {"bootstrap_servers": settings.bootstrap_servers, "state_url": settings.state_url, "session_timeout_s": 6}
    with running(tmp_path / "dry.log", "worker", "sync", "--dry-run", **own) as stage:
        shown = [json.loads(stage.stdout.readline()) for _ in events]
        deadline = time.monotonic() + 30
        while "dead letter" not in (tmp_path / "dry.log").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.1)
    # The first left nothing behind, so the second has to begin where it did.
    with running(tmp_path / "again.log", "worker", "sync", "--dry-run", **own) as stage:
        again = [json.loads(stage.stdout.readline()) for _ in events]
    assert sorted(again, key=str) == sorted(shown, key=str)
    bodies = {one["body"]["data"]["attributes"]["properties"]["upload_id"]: one for one in shown}
    assert {one["request"] for one in shown} == {"POST /api/events"}
    assert set(bodies) == {"u1", "u2"}
    assert ADDRESS not in json.dumps(shown) + (tmp_path / "dry.log").read_text()
    assert not (tmp_path / "state.db").exists()
    assert read(settings, topics.profiles.name) == read(settings, dlq_name(topics.tags.name)) == []

    looked_at = preview(settings, "u1", "--json")
    body = json.loads(looked_at.stdout)["body"]
    profile = body["data"]["attributes"]["profile"]["data"]["attributes"]
    assert (looked_at.returncode, looked_at.stderr, profile["email"]) == (0, "", ADDRESS)
    assert profile["properties"]["outfit_materials"] == ["cotton"]
    assert not (tmp_path / "state.db").exists()
    unknown = preview(settings, "u-unknown")
    assert (unknown.returncode, "no tags of upload u-unknown" in unknown.stderr) == (1, True)

    with running(tmp_path / "sandbox.log", "klaviyo", "sandbox", "--port", "0", "--key", "pk_x") as sandbox:
        url = sandbox.stdout.readline().split()[-1]
        with running(tmp_path / "real.log", "worker", "sync", klaviyo_url=url, klaviyo_key="pk_x", **own):
            deadline = time.monotonic() + 40
            while len(read(settings, topics.profiles.name)) < 2 or not read(settings, dlq_name(topics.tags.name)):
                assert time.monotonic() < deadline, (tmp_path / "real.log").read_text()
                time.sleep(0.2)
        state = httpx.get(f"{url}/sandbox/state", trust_env=False).json()
    assert {one["properties"]["upload_id"] for one in state["events"]} == {"u1", "u2"}
    sent_already = preview(settings, "u2")
    assert "Klaviyo has this upload" in sent_already.stderr
    assert sent_already.stdout.startswith("POST /api/events\n{")
