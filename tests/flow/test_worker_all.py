"""`hangtag worker all`: three stages as supervised children, with health pages, stopped in order."""

import json
import signal
import socket
import subprocess
import sys
import time

import httpx
import psutil

from streams.config.settings import child_environment


def free_ports(count: int) -> int:
    """Find the first of some free ports in a row."""
    for first in range(20_000, 60_000, 17):
        try:
            for port in range(first, first + count):
                socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return first
    raise AssertionError("no free ports")


def await_ready(urls: list[str], *, limit_s: float = 60) -> None:
    deadline = time.monotonic() + limit_s
    for url in urls:
        while True:
            try:
                if httpx.get(url).status_code == 200:
                    break
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline, f"{url} never became ready"
            time.sleep(0.1)


def test_three_stages_become_ready_and_a_killed_one_comes_back(broker, tmp_path):
    port = free_ports(3)
    settings = {
        "bootstrap_servers": broker.address,
        "health_port": port,
        "session_timeout_s": 6,
        "state_url": f"sqlite:///{tmp_path / 'state.db'}",
        "store_url": f"file:{tmp_path / 'photos'}",
        "klaviyo_key": "pk_planted_secret",
        "log_format": "json",
    }
    with (tmp_path / "log").open("wb") as log:
        workers = subprocess.Popen(
            [sys.executable, "-m", "streams", "worker", "all"], env=child_environment(**settings), stderr=log
        )
    try:
        ready = [f"http://127.0.0.1:{port + at}/readyz" for at in range(3)]
        await_ready(ready)
        metrics = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        assert 'hangtag_pending_events{stage="recognize"} 0.0' in metrics
        assert httpx.get(f"http://127.0.0.1:{port + 2}/healthz").text == "ok"
        children = psutil.Process(workers.pid).children()
        assert len(children) == 3
        children[0].kill()
        children[0].wait()
        deadline = time.monotonic() + 30
        while len(psutil.Process(workers.pid).children()) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        await_ready(ready)
        workers.send_signal(signal.SIGTERM)
        assert workers.wait(40) == 0
        assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    finally:
        workers.kill()
        workers.wait()
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert {"child ended, restarting it", "assigned", "stopped"} <= {line["event"] for line in lines}
    assert "planted_secret" not in (tmp_path / "log").read_text()
