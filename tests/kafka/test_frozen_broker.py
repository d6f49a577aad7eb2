"""Lag and doctor survive a frozen broker: they report it, and continue afterwards."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cluster import KafkaCluster, free_port
from confluent_kafka import Producer

from streams.config.settings import Settings, child_environment
from streams.kafka.topics import create_missing

#: Seconds. librdkafka's AdminClient gives requests up after 5; ten in a row are the ones that crashed it most.
FREEZES_S = (6, 10, 10)


@pytest.fixture(scope="module")
def cluster(kafka_libraries) -> Iterator[KafkaCluster]:
    with KafkaCluster() as own:
        settings = Settings(bootstrap_servers=own.bootstrap_servers)
        create_missing(settings)
        producer = Producer({"bootstrap.servers": own.bootstrap_servers})
        for number in range(100):
            producer.produce("outfit.uploads", b"x", key=str(number))
        assert producer.flush(30) == 0
        yield own


WAITING = 'kafka_consumergroup_lag_sum{consumergroup="hangtag.recognize",topic="outfit.uploads"}'


def figures(port: int) -> dict[str, float]:
    try:
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    except httpx.TransportError:
        return {}
    lines = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in lines}


def await_figures(process: subprocess.Popen[str], port: int) -> dict[str, float]:
    deadline = time.monotonic() + 60
    while WAITING not in (found := figures(port)):
        assert process.poll() is None, f"the exporter ended with {process.returncode}"
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found


def test_the_exporter_lives_on_and_is_right_again(cluster: KafkaCluster, tmp_path: Path):
    port = free_port()
    command = [sys.executable, "-m", "streams", "lag", "exporter", "--port", str(port), "--every", "0.5"]
    environment = child_environment(bootstrap_servers=cluster.bootstrap_servers, lag_stalled_s=4)
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, text=True)
    try:
        assert await_figures(process, port)[WAITING] == 100
        for freeze_s in FREEZES_S:
            cluster.pause(1)
            time.sleep(freeze_s)
            cluster.resume(1)
            assert await_figures(process, port)[WAITING] == 100
            time.sleep(2)
        assert process.poll() is None
    finally:
        cluster.resume(1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_watch_continues_after_a_frozen_broker(cluster: KafkaCluster, tmp_path: Path):
    command = [sys.executable, "-m", "streams", "lag", "--watch", "--json", "--every", "0.5"]
    environment = child_environment(bootstrap_servers=cluster.bootstrap_servers)
    with (tmp_path / "out").open("w") as out, (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=log)

    def await_more(file: str, size: int) -> None:
        deadline = time.monotonic() + 60
        while (tmp_path / file).stat().st_size <= size:
            assert process.poll() is None, f"it ended with {process.returncode}"
            assert time.monotonic() < deadline
            time.sleep(0.2)

    try:
        await_more("out", 0)
        cluster.pause(1)
        await_more("log", 0)
        cluster.resume(1)
        await_more("out", (tmp_path / "out").stat().st_size)
        assert "no Kafka at" in (tmp_path / "log").read_text()
    finally:
        cluster.resume(1)
        process.terminate()
        process.wait(10)


@pytest.mark.parametrize("words", [("lag",), ("lag", "--over", "3"), ("doctor", "broker", "topics", "lag")])
def test_a_command_reports_a_frozen_broker_in_words(cluster: KafkaCluster, words):
    cluster.pause(1)
    try:
        told = subprocess.run(
            [sys.executable, "-m", "streams", *words],
            env=child_environment(bootstrap_servers=cluster.bootstrap_servers),
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )
    finally:
        cluster.resume(1)
    assert told.returncode == 1
    assert "Traceback" not in told.stdout + told.stderr
    assert "no Kafka at" in told.stdout + told.stderr
