"""`hangtag doctor` in a sound world, and with one fault planted at a time: it is caught, and nothing else blamed."""

import asyncio
import json
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from confluent_kafka import Consumer, Producer, TopicPartition
from fastapi import FastAPI
from pydantic import SecretStr
from typer.testing import CliRunner

from klaviyo_sink.sandbox.app import create_app as create_sandbox
from klaviyo_sink.state.database import open_database
from ocr_worker.config import OcrConfig
from ocr_worker.engines.scripted import ScriptedEngine
from ocr_worker.server.app import create_app as create_ocr_worker
from schemas.topics import topics
from streams.cli.main import app
from streams.config.settings import Settings, child_environment
from streams.kafka.embedded.broker import EmbeddedBroker
from streams.operations.checks.answer import Checked, Machine
from streams.operations.checks.kafka import judge_brokers
from streams.operations.doctor import CHECKS, examine

KEY, TOKEN = "pk_planted_secret", "planted-token"


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serve on a free port, in a thread; gives the URL."""
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


@dataclass(frozen=True)
class Around:
    """What runs around a sound Hangtag."""

    kafka: EmbeddedBroker
    ocr: str
    cold_ocr: str
    klaviyo: str
    stingy_klaviyo: str


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


async def complaints(settings: Settings, machine: Machine | None = None, *only: str) -> dict[str, Checked]:
    """Give what is not in order, by the first word of its name; all is looked at, or `only` some."""
    found = [line async for line in examine(settings, machine, only)]
    assert KEY not in repr(found)
    assert TOKEN not in repr(found)
    assert {line.name.partition(" ")[0] for line in found} == (set(only) or CHECKS.keys())
    return {line.name.partition(" ")[0]: line for line in found if line.status != "ok"}


async def test_a_sound_world_gives_no_complaint_and_nothing_stays_behind_in_the_store(settings, tmp_path):
    assert await complaints(settings) == {}
    assert list((tmp_path / "photos").iterdir()) == []


@pytest.mark.parametrize("fault", ["nobody there", "packets dropped"])
async def test_fault_1_no_broker(settings, unused_port, silent_port, fault):
    port = unused_port if fault == "nobody there" else silent_port
    found = await complaints(
        settings.model_copy(update={"bootstrap_servers": f"127.0.0.1:{port}"}), None, "broker", "topics", "lag", "files"
    )
    assert {name: line.status for name, line in found.items()} == dict.fromkeys(("broker", "topics", "lag"), "fail")
    assert "HANGTAG_BOOTSTRAP_SERVERS" in found["broker"].advice


@pytest.mark.parametrize(
    ("versions", "status", "word"),
    [
        ({"kafka-1:9092": "4.3", "kafka-2:9092": None}, "ok", "2 brokers"),
        ({"kafka-1:9092": "4.3", "kafka-2:9092": "before 3.9"}, "warn", "before 3.9"),
        ({"kafka-1:9092": "4.3", "inside:9092": OSError()}, "fail", "inside:9092"),
    ],
)
def test_fault_1_a_broker_too_old_or_not_where_the_cluster_says(versions, status, word):
    judged = judge_brokers(versions)
    assert (judged.status, word in judged.finding) == (status, True)


async def test_fault_2_a_topic_that_is_missing(settings):
    found = await complaints(settings.model_copy(update={"topic_prefix": "unmade"}), None, "topics", "broker")
    assert {name: line.status for name, line in found.items()} == {"topics": "fail"}
    assert "unmade.uploads" in found["topics"].finding
    assert "hangtag topics apply" in found["topics"].advice


async def test_fault_2_a_topic_with_too_few_partitions(settings, around):
    names = topics("few").all()
    for topic in names:
        around.kafka.create_topic(topic.name, 1 if topic.name == "few.tags" else topic.partitions)
    found = await complaints(settings.model_copy(update={"topic_prefix": "few"}))
    assert found.keys() == {"topics"}
    assert "few.tags: 1 partitions, 12 designed" in found["topics"].finding


async def test_fault_3_records_that_wait_too_long(settings, around):
    late = settings.model_copy(update={"group_prefix": "late"})
    producer = Producer({"bootstrap.servers": late.bootstrap_servers})
    for _ in range(3):
        producer.produce("outfit.texts", b"x", partition=2, timestamp=int((time.time() - 3600) * 1000))
    producer.flush(10)
    # The tests that follow look as the other group, which is not late.
    for group, committed in (("late.tag", 1), ("hangtag.tag", 3)):
        consumer = Consumer({"bootstrap.servers": late.bootstrap_servers, "group.id": group})
        consumer.commit(offsets=[TopicPartition("outfit.texts", 2, committed)], asynchronous=False)
        consumer.close()
    found = await complaints(late)
    assert found.keys() == {"lag"}
    assert found["lag"].name == "lag late.tag"
    assert "2 ahead, the oldest for 360" in found["lag"].finding


async def test_fault_3_a_producer_with_a_partitioner_of_its_own(settings):
    prefix = "mixed"
    with EmbeddedBroker({f"{prefix}.uploads": 12}) as kafka:
        there = settings.model_copy(update={"bootstrap_servers": kafka.bootstrap_servers, "topic_prefix": prefix})
        producers = [
            Producer({"bootstrap.servers": there.bootstrap_servers, "partitioner": name})
            for name in ("murmur2_random", "consistent_random")
        ]
        producers[0].produce(f"{prefix}.uploads", b"x", "s-0")
        producers[0].flush(10)
        assert await complaints(there, None, "partitioner") == {}
        for producer in producers:
            for number in range(40):
                producer.produce(f"{prefix}.uploads", b"x", f"s-{number}")
            producer.flush(10)
        found = await complaints(there, None, "partitioner")
    assert found["partitioner"].status == "warn"
    assert "librdkafka's default" in found["partitioner"].finding
    assert "partitioner=murmur2_random" in found["partitioner"].advice


async def test_fault_4_a_store_that_cannot_be_written(settings, tmp_path):
    (tmp_path / "full").touch()
    found = await complaints(settings.model_copy(update={"store_url": f"file:{tmp_path}/full/photos"}))
    assert found.keys() == {"store"}
    assert "HANGTAG_STORE_URL" in found["store"].advice


async def test_fault_5_an_ocr_worker_that_is_not_there(settings, around, unused_port):
    gone = f"http://127.0.0.1:{unused_port}"
    found = await complaints(settings.model_copy(update={"ocr_urls": (around.ocr, gone)}))
    assert found.keys() == {"ocr"}
    assert found["ocr"].name == f"ocr {gone}"


async def test_fault_6_an_ocr_worker_that_does_not_know_us(settings):
    found = await complaints(settings.model_copy(update={"ocr_token": SecretStr("another")}))
    assert found.keys() == {"ocr"}
    assert "HANGTAG_OCR_TOKEN" in found["ocr"].advice


async def test_fault_6_an_ocr_worker_that_is_not_ready(settings, around):
    changed = {"ocr_urls": (around.ocr, around.cold_ocr), "ocr_timeout_s": 1.5}
    found = await complaints(settings.model_copy(update=changed), None, "ocr")
    assert (found["ocr"].name, found["ocr"].status) == (f"ocr {around.cold_ocr}", "fail")
    assert "not ready" in found["ocr"].finding


async def test_fault_6_an_ocr_worker_that_is_busy_is_not_told_to_be_started(settings, around):
    # Less than any answer takes over HTTP: a photo that was read before comes back at once.
    found = await complaints(settings.model_copy(update={"ocr_timeout_s": 0.0002}), None, "ocr")
    assert (found["ocr"].name, found["ocr"].status) == (f"ocr {around.ocr}", "warn")
    assert "it is busy, or its CPU is slow" in found["ocr"].finding
    assert "hangtag ocr serve" not in found["ocr"].advice


async def test_fault_7_a_key_that_klaviyo_does_not_know(settings):
    found = await complaints(settings.model_copy(update={"klaviyo_key": None}), None, "klaviyo")
    assert found["klaviyo"].status == "fail"
    found = await complaints(settings.model_copy(update={"klaviyo_key": SecretStr("pk_wrong")}))
    assert {name: line.status for name, line in found.items()} == {"klaviyo": "fail"}


async def test_fault_8_a_key_that_lacks_a_scope(settings, around):
    found = await complaints(settings.model_copy(update={"klaviyo_url": around.stingy_klaviyo}))
    assert found.keys() == {"klaviyo"}
    assert found["klaviyo"].finding == "the key lacks lists:write, lists:read and profiles:read"


@pytest.mark.parametrize(("skew", "status"), [(-30, "warn"), (600, "fail")])
async def test_fault_9_a_clock_that_is_off(settings, skew, status):
    found = await complaints(settings, Machine(clock=lambda: time.time() + skew), "clock", "klaviyo", "files")
    assert {name: line.status for name, line in found.items()} == {"clock": status}
    assert ("ahead of" if skew > 0 else "behind") in found["clock"].finding


async def test_fault_10_a_lexicon_with_a_mistake(settings, tmp_path):
    (tmp_path / "ours.toml").write_text("[[entries]\n")
    found = await complaints(settings.model_copy(update={"lexicon": tmp_path}))
    assert found.keys() == {"lexicon"}
    assert "hangtag rules check" in found["lexicon"].advice


@pytest.mark.parametrize("fault", ["newer", "no database", "no folder", "no url", "silent server"])
async def test_fault_11_a_state_database_that_cannot_be_used(settings, tmp_path, silent_port, fault):
    file = tmp_path / "other.db"
    url = f"sqlite:///{file}"
    if fault == "newer":
        open_database(url).dispose()
        with sqlite3.connect(file) as database:
            database.execute("UPDATE hangtag_sink_version SET version_num = 'v9999'")
        database.close()
    elif fault == "silent server":
        url = f"postgresql+psycopg://hangtag:{KEY}@127.0.0.1:{silent_port}/hangtag"
    elif fault == "no database":
        file.write_bytes(b"something else" * 100)
    elif fault == "no folder":
        (tmp_path / "file").touch()
        url = f"sqlite:///{tmp_path}/file/state.db"
    else:
        url = "somewhere"
    found = await complaints(settings.model_copy(update={"state_url": SecretStr(url)}), None, "state", "disk", "store")
    assert {name: line.status for name, line in found.items()} == {"state": "fail"}


async def test_a_state_database_that_a_sync_stage_is_writing_is_no_fault(settings, tmp_path):
    with sqlite3.connect(tmp_path / "state.db") as busy:
        busy.execute("BEGIN IMMEDIATE")
        hasty = SecretStr(f"{settings.state_url.get_secret_value()}?timeout=0.2")
        patient = settings.model_copy(update={"state_url": hasty})
        found = await complaints(patient, None, "state")
        busy.rollback()
    busy.close()
    assert {name: line.status for name, line in found.items()} == {"state": "warn"}
    assert "write lock" in found["state"].finding


async def test_fault_12_too_few_open_files(settings):
    found = await complaints(settings, Machine(open_files=lambda: 128), "files", "disk", "broker")
    assert found.keys() == {"files"}
    assert "ulimit -n" in found["files"].advice


@pytest.mark.parametrize(("free", "status"), [(1_000_000_000, "warn"), (10_000_000, "fail")])
async def test_fault_13_a_full_disk(settings, free, status):
    found = await complaints(settings, Machine(free_bytes=lambda _folder: free), "disk", "store", "state")
    assert {name: line.status for name, line in found.items()} == {"disk": status}


async def test_a_state_database_of_before_is_named_as_such_and_left_alone(settings, tmp_path):
    file = tmp_path / "old.db"
    file.touch()
    found = await complaints(settings.model_copy(update={"state_url": SecretStr(f"sqlite:///{file}")}), None, "state")
    assert {name: line.status for name, line in found.items()} == {"state": "warn"}
    assert file.stat().st_size == 0


async def test_a_check_that_hangs_does_not_hold_up_the_others(settings):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hanging = settings.model_copy(update={"klaviyo_url": f"http://127.0.0.1:{silent.getsockname()[1]}"})
        found = [line async for line in examine(hanging, only=("klaviyo", "broker", "store"), patience_s=1.5)]
    assert found[-1].name == "klaviyo", "the others' lines are told before"
    told = {line.name: (line.status, line.finding) for line in found}
    assert told["klaviyo"] == ("fail", "no result within 1.5 s")
    assert {told["broker"][0], told["store"][0]} == {"ok"}


def test_the_command_tells_a_machine_and_fails_when_something_does(settings):
    def doctor(*arguments: str, **changed: str) -> tuple[int, list[dict[str, str]]]:
        told = CliRunner().invoke(app, ["doctor", "--json", *arguments], env=child_environment(**changed))
        return told.exit_code, [json.loads(line) for line in told.stdout.splitlines()]

    code, lines = doctor("files", "store", store_url=settings.store_url)
    assert (code, [line["status"] for line in lines]) == (0, ["ok", "ok"])
    code, lines = doctor("lexicon", lexicon="/nowhere")
    assert (code, [(line["name"], line["status"]) for line in lines]) == (1, [("lexicon", "fail")])


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A loopback port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield int(silent.getsockname()[1])


@pytest.fixture
def unused_port() -> int:
    """A loopback port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
