"""A sound Hangtag with everything around it, and the findings of `hangtag doctor` there."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from fastapi import FastAPI

from streams.config.settings import Settings
from streams.kafka.embedded.broker import EmbeddedBroker
from streams.operations.checks.answer import Checked, Machine
from streams.operations.doctor import CHECKS, examine

KEY, TOKEN = "pk_planted_secret", "planted-token"


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serve on a free port, in a thread; returns the URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive(), "the server does not end"


@dataclass(frozen=True)
class Around:
    """What runs around a sound Hangtag."""

    kafka: EmbeddedBroker
    ocr: str
    cold_ocr: str
    klaviyo: str
    stingy_klaviyo: str


async def complaints(settings: Settings, machine: Machine | None = None, *only: str) -> dict[str, Checked]:
    """Run all checks, or `only` some; return those that are not ok, by the first word of the name."""
    found = [line async for line in examine(settings, machine, only)]
    assert KEY not in repr(found)
    assert TOKEN not in repr(found)
    assert {line.name.partition(" ")[0] for line in found} == (set(only) or CHECKS.keys())
    return {line.name.partition(" ")[0]: line for line in found if line.status != "ok"}
