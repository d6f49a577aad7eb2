"""A photo that never comes back ends the worker instead of keeping its slot for ever."""

import subprocess
import sys
import time

import httpx
import pytest

from ocr_worker.watchdog import Watchdog

SERVER = """
import socket, sys, time
from ocr_worker.config import OcrConfig
from ocr_worker.engines.scripted import ScriptedEngine
from ocr_worker.server.app import create_app
from ocr_worker.watchdog import WATCHDOG
from streams.cli.support.serve_http import serve_http

class Hangs:
    def __init__(self): self.engine = ScriptedEngine(); self.info = self.engine.info
    def prepare(self, photo):
        if photo.width == 333: time.sleep(600)
        return self.engine.prepare(photo)
    async def recognize(self, prepared): return await self.engine.recognize(prepared)
    def finish(self, raw, photo): return self.engine.finish(raw, photo)
    async def aclose(self): pass

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
config = OcrConfig(slots=2, threads=2, photo_limit_s=float(sys.argv[1]), stuck_s=0.5)
WATCHDOG.start(config.photo_limit_s)
app = create_app(config, Hangs(), lambda: print("ready", flush=True))
serve_http(app, listener, cert=None, key=None, drain_s=5)
"""


@pytest.fixture
def served():
    running = []

    def start(limit_s: float) -> tuple[subprocess.Popen, str]:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(limit_s)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        running.append(process)
        url = f"http://127.0.0.1:{process.stdout.readline().strip()}"
        assert process.stdout.readline() == "ready\n"
        return process, url

    yield start
    for process in running:
        process.kill()
        process.communicate()


def until(true, within_s: float = 20.0) -> None:
    end = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def hang(url: str, photo: bytes) -> None:
    with pytest.raises(httpx.HTTPError):
        httpx.post(f"{url}/ocr", files={"image": photo}, timeout=0.7)


def test_a_photo_that_never_comes_back_ends_the_process(served, draw):
    process, url = served(1.0)
    hang(url, draw(size=(333, 100)))
    assert process.wait(20) == 1
    stderr = process.stderr.read()
    assert "Timeout" in stderr
    assert "prepare" in stderr


def test_readiness_says_no_once_every_slot_is_stuck_and_yes_while_one_is_free(served, draw):
    _, url = served(600)
    ready = lambda: httpx.get(f"{url}/readyz").status_code  # noqa: E731 - called repeatedly
    hang(url, draw(size=(333, 100)))
    assert ready() == 200
    assert httpx.post(f"{url}/ocr", files={"image": draw(size=(50, 50))}).status_code == 200
    hang(url, draw(size=(333, 101)))
    until(lambda: ready() == 503)
    assert httpx.get(f"{url}/readyz").json()["type"] == "urn:hangtag:problem:no-slot"


def test_the_timer_runs_from_the_oldest_work_and_stops_with_the_last():
    now = [0.0]
    watchdog = Watchdog(lambda: now[0])
    seen = []

    def inner() -> None:
        now[0] = 7
        seen.append((watchdog.overdue(7), watchdog.overdue(3), watchdog.overdue(8)))

    def outer() -> None:
        now[0] = 4
        watchdog.watched(inner)()

    watchdog.watched(outer)()
    assert seen == [(1, 2, 0)]
    assert watchdog.overdue(0) == 0
