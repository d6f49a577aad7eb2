"""`hangtag lag` and its exporter on the embedded broker, which tells no members: as far as that can."""

import json
import math
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from confluent_kafka import Consumer, Producer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from streams.config.settings import child_environment
from streams.lag.exporter import METRICS

#: The labels that dashboards of kafka_exporter and kafka-lag-exporter select by.
_ASKED_FOR = {
    "kafka_consumergroup_lag": {"consumergroup", "topic", "partition"},
    "kafka_consumergroup_lag_sum": {"consumergroup", "topic"},
    "kafka_consumergroup_group_lag_seconds": {
        "cluster_name",
        "group",
        "topic",
        "partition",
        "member_host",
        "consumer_id",
        "client_id",
    },
    "kafka_consumergroup_group_max_lag_seconds": {"cluster_name", "group"},
}

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def write(address: str, count: int, *, committed: int) -> None:
    """Publish uploads a minute old, and commit some of them as the recognize stage."""
    producer = Producer({"bootstrap.servers": address})
    for _ in range(count):
        producer.produce("outfit.uploads", b"x", partition=1, timestamp=int((time.time() - 60) * 1000))
    producer.flush(10)
    consumer = Consumer({"bootstrap.servers": address, "group.id": "hangtag.recognize"})
    consumer.commit(offsets=[TopicPartition("outfit.uploads", 1, committed)], asynchronous=False)
    consumer.close()


def hangtag(*arguments: str, **settings: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "streams", "lag", *arguments],
        env=child_environment(**settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@contextmanager
def exporter(**settings: object) -> Iterator[str]:
    command = [sys.executable, "-m", "streams", "lag", "exporter", "--port", "0", "--every", "0.3"]
    process = subprocess.Popen(command, env=child_environment(**settings), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()[-1]
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        process.stdout.close()


def scraped(url: str) -> Samples:
    found = httpx.get(url, trust_env=False).text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(found)
        for sample in family.samples
    }


def await_up(url: str, wanted: float) -> Samples:
    deadline = time.monotonic() + 30
    while (found := scraped(url))[("hangtag_lag_up", frozenset())] != wanted:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def of(samples: Samples, name: str, **labels: str) -> float:
    (value,) = (value for (one, theirs), value in samples.items() if one == name and theirs.issuperset(labels.items()))
    return value


def test_json_and_the_table_have_the_same_figures(broker):
    write(broker.address, 5, committed=2)
    told = hangtag("--json", bootstrap_servers=broker.address)
    lines = {(line["group"], line["partition"]): line for line in map(json.loads, told.stdout.splitlines())}
    one = lines["hangtag.recognize", 1]
    assert (one["lag"], one["committed"], one["high"], one["state"]) == (3, 2, 5, "ok")
    assert 60 <= one["seconds"] < 75
    assert (lines["hangtag.tag", 1]["lag"], lines["hangtag.tag", 1]["seconds"]) == (0, 0)
    shown = hangtag("--over", "1.5", bootstrap_servers=broker.address, lag_stalled_s=1).stdout
    assert "hangtag.recognize on outfit.uploads" in shown
    assert shown.count("stalled") == 1
    assert "does not list group members" in shown


def test_without_kafka_there_is_one_line():
    told = hangtag(bootstrap_servers="127.0.0.1:1")
    assert told.returncode == 1
    assert told.stderr == "no Kafka at 127.0.0.1:1. Start it, or set HANGTAG_BOOTSTRAP_SERVERS\n"


def test_watch_continues_while_kafka_is_away(broker, tmp_path):
    command = [sys.executable, "-m", "streams", "lag", "--watch", "--json", "--every", "0.3"]
    with (tmp_path / "out").open("w") as out, (tmp_path / "errors").open("w") as errors:
        process = subprocess.Popen(
            command, env=child_environment(bootstrap_servers=broker.address), stdout=out, stderr=errors
        )

    def await_more(file: str) -> None:
        size, deadline = (tmp_path / file).stat().st_size, time.monotonic() + 60
        while (tmp_path / file).stat().st_size <= size:
            assert process.poll() is None, f"it ended with {process.returncode}"
            assert time.monotonic() < deadline
            time.sleep(0.1)

    try:
        await_more("out")
        broker.strike(fault="down")
        await_more("errors")
        broker.strike(fault="up")
        await_more("out")
        assert "no Kafka at" in (tmp_path / "errors").read_text()
    finally:
        process.terminate()
        process.wait(10)


def test_the_exporter_uses_known_names_and_serves_no_figures_while_kafka_is_away(broker):
    write(broker.address, 5, committed=2)
    with exporter(bootstrap_servers=broker.address) as url:
        samples = await_up(url, 1)
        for name, labels in _ASKED_FOR.items():
            assert {frozenset(dict(theirs)) for one, theirs in samples if one == name} == {frozenset(labels)}
        assert {name for name, _ in samples} == METRICS.keys() | {"hangtag_build_info"}
        assert of(samples, "hangtag_lag_troubles") == 0
        recognize = {"consumergroup": "hangtag.recognize", "partition": "1"}
        assert of(samples, "kafka_consumergroup_lag", **recognize) == 3
        assert of(samples, "hangtag_consumer_partition_state", **recognize, state="ok") == 1
        assert of(samples, "hangtag_consumer_partition_state", **recognize, state="idle") == 0
        assert 60 <= of(samples, "kafka_consumergroup_group_max_lag_seconds", group="hangtag.recognize") < 90
        assert of(samples, "kafka_consumergroup_lag", consumergroup="hangtag.tag", partition="0") == 0
        assert math.isnan(of(samples, "kafka_consumergroup_current_offset", consumergroup="hangtag.tag", partition="0"))
        broker.strike(fault="down")
        assert {name for name, _ in await_up(url, 0)} == {"hangtag_lag_up", "hangtag_build_info"}
        broker.strike(fault="up")
        assert of(await_up(url, 1), "kafka_consumergroup_lag", **recognize) == 3
