"""Servers and settings for the tests of `hangtag doctor`."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from doctor_world import KEY, TOKEN, Around, serving
from pydantic import SecretStr

from klaviyo_sink.sandbox.app import create_app as create_sandbox
from klaviyo_sink.state.database import open_database
from ocr_worker.config import OcrConfig
from ocr_worker.engines.scripted import ScriptedEngine
from ocr_worker.server.app import create_app as create_ocr_worker
from schemas.topics import topics
from streams.config.settings import Settings
from streams.kafka.embedded.broker import EmbeddedBroker


@pytest.fixture(scope="module")
def around() -> Iterator[Around]:
    with (
        EmbeddedBroker({topic.name: topic.partitions for topic in topics().all()}) as kafka,
        serving(create_ocr_worker(OcrConfig(token=SecretStr(TOKEN)), ScriptedEngine())) as ocr,
        serving(create_ocr_worker(OcrConfig(token=SecretStr(TOKEN)), ScriptedEngine(gate=asyncio.Event()))) as cold,
        serving(create_sandbox(KEY, speed=1000)) as klaviyo,
        serving(create_sandbox(KEY, scopes=frozenset({"events:write", "profiles:write"}), speed=1000)) as stingy,
    ):
        yield Around(kafka, ocr, cold, klaviyo, stingy)


@pytest.fixture
def settings(around: Around, tmp_path: Path) -> Settings:
    state = f"sqlite:///{tmp_path}/state.db"
    open_database(state).dispose()
    return Settings(
        bootstrap_servers=around.kafka.bootstrap_servers,
        store_url=f"file:{tmp_path}/photos",
        ocr_urls=(around.ocr,),
        ocr_token=SecretStr(TOKEN),
        klaviyo_url=around.klaviyo,
        klaviyo_key=SecretStr(KEY),
        state_url=state,
    )


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A loopback port that accepts connections and sends nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield int(silent.getsockname()[1])


@pytest.fixture
def unused_port() -> int:
    """A loopback port on which no server listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
