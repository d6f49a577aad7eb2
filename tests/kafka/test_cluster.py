"""The Kafka of the other tests behaves like production's, fails on request and leaves nothing behind."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from cluster import KafkaCluster, KafkaFailedError, class_archive
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from schemas.topics import topics

SCRIPT = Path(__file__).with_name("cluster.py")
GROUPS = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
QUIET = {"log_level": 0, "reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 200}
#: A frozen broker keeps its connections open, so a client waits this long for it; by default a minute.
IMPATIENT = {"socket.timeout.ms": 3000}


def eventually(condition: Callable[[], bool], timeout_s: float = 30) -> None:
    give_up = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.05)


def produce(bootstrap: str, topic: str, values: list[bytes]) -> list[KafkaError | None]:
    outcomes: list[KafkaError | None] = []
    quick = {"enable.idempotence": True, "linger.ms": 0}
    producer = Producer({**QUIET, **IMPATIENT, **quick, "bootstrap.servers": bootstrap})
    for value in values:
        producer.produce(
            topic, value, key=b"k", headers=[("h", b"\xff")], on_delivery=lambda error, _: outcomes.append(error)
        )
    producer.flush(60)
    return outcomes


@contextlib.contextmanager
def consumer(bootstrap: str, group: str, topic: str) -> Iterator[Consumer]:
    reader = Consumer({**QUIET, "bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest"})
    reader.subscribe([topic])
    try:
        yield reader
    finally:
        reader.close()


def read(reader: Consumer, count: int, timeout_s: float = 30) -> list[bytes]:
    values: list[bytes] = []
    give_up = time.monotonic() + timeout_s
    while len(values) < count and time.monotonic() < give_up:
        values += [m.value() for m in reader.consume(count - len(values), timeout=0.2) if not m.error()]
    return values


def test_messages_and_committed_offsets_are_kept_per_group(kafka: str, topic_prefix: str):
    topic, group = topics(topic_prefix).uploads.name, f"{topic_prefix}.group"
    assert produce(kafka, topic, [b"one", b"two"]) == [None, None]
    with consumer(kafka, group, topic) as reader:
        assert read(reader, 1) == [b"one"]
        reader.commit(asynchronous=False)
    with consumer(kafka, group, topic) as reader:
        assert read(reader, 1) == [b"two"]


def test_topics_of_the_schema_exist_and_unknown_ones_do_not_appear(kafka: str, topic_prefix: str):
    admin = AdminClient({"bootstrap.servers": kafka})
    listed = admin.list_topics(timeout=10).topics
    assert {len(listed[topic.name].partitions) for topic in topics(topic_prefix).all()} == {3}
    never = f"{topic_prefix}.never"
    assert admin.list_topics(never, timeout=10).topics[never].error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART
    assert never not in admin.list_topics(timeout=10).topics


@pytest.mark.usefixtures("kafka_libraries")
def test_kafkas_own_tools_run(kafka: str, topic_prefix: str):
    topic, group = topics(topic_prefix).tags.name, f"{topic_prefix}.group"
    produce(kafka, topic, [b"x"])
    with consumer(kafka, group, topic) as reader:
        read(reader, 1)
        reader.commit(asynchronous=False)
    said = KafkaCluster.tool(GROUPS, "--bootstrap-server", kafka, "--describe", "--group", group)
    assert "CURRENT-OFFSET" in said
    assert topic in said
    with pytest.raises(KafkaFailedError, match="nonsense is not a recognized option"):
        KafkaCluster.tool(GROUPS, "--nonsense")


def replicas(admin: AdminClient, topic: str) -> tuple[int, int]:
    """Return the leader of a topic's only partition, and how many replicas are in sync; (-1, 0) if unknown."""
    try:
        found = admin.list_topics(timeout=3).topics.get(topic)
    except KafkaException:
        # The request went to the broker that was just stopped.
        return -1, 0
    return (found.partitions[0].leader, len(found.partitions[0].isrs)) if found else (-1, 0)


def test_a_broker_reads_its_classes_from_the_archive(three_brokers: KafkaCluster):
    mapped = psutil.Process(three_brokers.pid(1)).memory_maps()
    assert str(class_archive()) in {one.path for one in mapped}


@pytest.mark.parametrize("end", ["kill", "stop", "pause"])
def test_a_leader_s_end_loses_nothing_that_was_acknowledged(three_brokers: KafkaCluster, end: str):
    bootstrap = three_brokers.bootstrap_servers
    admin = AdminClient({**QUIET, **IMPATIENT, "bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(end, 1)])[end].result()
    eventually(lambda: replicas(admin, end)[1] == 3)
    leader, _ = replicas(admin, end)
    assert produce(bootstrap, end, [b"1"]) == [None]
    getattr(three_brokers, end)(leader)
    assert produce(bootstrap, end, [b"2"]) == [None]
    eventually(lambda: replicas(admin, end)[0] not in {leader, -1}, timeout_s=90)
    (three_brokers.resume if end == "pause" else three_brokers.start)(leader)
    three_brokers.await_in_sync()
    with consumer(bootstrap, end, end) as reader:
        assert read(reader, 2) == [b"1", b"2"]


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Run cluster.py as `make kafka` does, with a PATH that has java but no mvn, and end it afterwards."""
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.symlink_to(subprocess.run(["which", "java"], capture_output=True, text=True, check=True).stdout.strip())
    started: list[subprocess.Popen[str]] = []

    def run(*options: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        command = [sys.executable, str(SCRIPT), *options]
        started.append(subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env={"PATH": str(java.parent)}))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.usefixtures("kafka_libraries")
def test_in_the_foreground_it_keeps_its_data_folder_and_ends_on_ctrl_c(
    script: Callable[..., subprocess.Popen[str]], tmp_path: Path
):
    """And it calls no mvn once Kafka has been fetched."""
    port, values = "19092", [b"a", b"b"]
    for round_ in (1, 2):
        process = script("--port", port, "--data-dir", str(tmp_path / "data"))
        assert process.stdout
        assert process.stdout.readline() == f"Apache Kafka ready on 127.0.0.1:{port}\n"
        if round_ == 1:
            admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{port}"})
            admin.create_topics([NewTopic("kept", 1)])["kept"].result()
            assert produce(f"127.0.0.1:{port}", "kept", values) == [None, None]
            del admin
            second = script("--port", port)
            assert second.wait(30) == 1
            assert second.stderr
            assert second.stderr.read() == f"Kafka did not start: port {port} is taken\n"
        else:
            with consumer(f"127.0.0.1:{port}", "readers", "kept") as reader:
                assert read(reader, 2) == values
        children = psutil.Process(process.pid).children(recursive=True)
        assert any(child.name() == "java" for child in children)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert not [child for child in children if child.is_running()]


@pytest.mark.usefixtures("kafka_libraries")
def test_a_killed_cluster_leaves_neither_processes_nor_data(script: Callable[..., subprocess.Popen[str]]):
    process = script("--port", "19092")
    assert process.stdout
    process.stdout.readline()
    folder = Path(process.stdout.readline().removeprefix("Data and logs in ").split(";")[0])
    assert folder.is_dir()
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    eventually(lambda: not any(child.is_running() for child in children) and not folder.exists())


@pytest.mark.usefixtures("kafka_libraries")
def test_a_broker_that_cannot_start_quotes_its_log(tmp_path: Path):
    (tmp_path / "broker-1").mkdir()
    (tmp_path / "broker-1" / "meta.properties").write_text("version=1\nnode.id=7\ncluster.id=x\n")
    with pytest.raises(KafkaFailedError, match=r"broker 1 did not start:\n(.*\n)*.*node.id"), KafkaCluster(1, tmp_path):
        pass


def test_without_java_it_says_what_to_install(tmp_path: Path):
    said = subprocess.run(
        [sys.executable, str(SCRIPT)], capture_output=True, text=True, check=False, env={"PATH": str(tmp_path)}
    )
    assert said.returncode == 1
    assert said.stderr.startswith("Kafka did not start: install java 17+ and maven")
