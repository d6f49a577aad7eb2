"""A stage that gets the signal to stop before its first event stops."""

import asyncio
import signal
import socket

import httpx
from sync_process import running
from traffic import stage

from streams.config.settings import Settings

NO_JOINING = {"fault": "errors", "api": "JoinGroup", "error": "COORDINATOR_LOAD_IN_PROGRESS", "count": 10_000}


async def test_a_stage_without_a_partition_stops_in_order(broker, tmp_path):
    """Tasks of aiokafka ignore cancellation while they join the group, and delayed the end of the process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = Settings(bootstrap_servers=broker.address, session_timeout_s=6, drain_s=1, health_port=port)
    broker.strike(**NO_JOINING)
    with stage(settings, tmp_path) as running:
        async with asyncio.timeout(30), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            while not await answers(client):
                await asyncio.sleep(0.1)
        # Nothing outside tells that it has begun to ask for a partition.
        await asyncio.sleep(2)
        running.send(signal.SIGTERM)
        assert await asyncio.to_thread(running.process.wait, 10) == 0
    assert not running.said("assigned ")


async def answers(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/healthz")).is_success
    except httpx.ConnectError:
        return False


def test_a_stage_whose_registry_never_answers_ends_at_once(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(30)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with running(tmp_path / "tag.log", "worker", "tag", schema_registry_url=url) as process:
            asked, _ = silent.accept()
            process.terminate()
            assert process.wait(5) == 0
            asked.close()
