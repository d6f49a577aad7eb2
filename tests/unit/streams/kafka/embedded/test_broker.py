"""The embedded broker serves real clients, and fails on request."""

import contextlib
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import GroupAuthorizationFailedError
from confluent_kafka import Consumer, KafkaException, Message, Producer
from confluent_kafka import TopicPartition as TopicPart
from confluent_kafka.admin import AdminClient, NewTopic

from streams.kafka.embedded.broker import APIS, EmbeddedBroker, EmbeddedBrokerError
from streams.kafka.librdkafka import LibraryMissingError, library

QUIET = {"log_level": 0, "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 50}


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({"photos": 3, "single": 1}) as started:
        yield started


def produce(bootstrap: str, topic: str, *values: bytes, timeout_s: float = 10) -> list[str]:
    """Produce values and give each one's delivery error, or ''."""
    outcomes: list[str] = []
    producer = Producer({**QUIET, "bootstrap.servers": bootstrap, "message.timeout.ms": int(timeout_s * 1000)})
    for value in values:
        producer.produce(
            topic,
            value,
            key=b"shopper",
            headers=[("h", b"1"), ("h", b"2")],
            on_delivery=lambda e, _: outcomes.append(str(e or "")),
        )
    producer.flush(timeout_s + 5)
    return outcomes


def consume(bootstrap: str, topic: str, count: int) -> list[Message]:
    """Read `count` messages as a new consumer group."""
    settings = {"bootstrap.servers": bootstrap, "group.id": "readers", "auto.offset.reset": "earliest"}
    consumer = Consumer({**QUIET, **settings, "session.timeout.ms": 6000})
    consumer.subscribe([topic])
    messages: list[Message] = []
    give_up = time.monotonic() + 20
    while len(messages) < count and time.monotonic() < give_up:
        messages += [m for m in consumer.consume(count, timeout=0.2) if not m.error()]
    consumer.close()
    return messages


def test_keys_values_and_repeated_headers_come_back_in_order(broker: EmbeddedBroker):
    assert produce(broker.bootstrap_servers, "photos", b"one", b"two") == ["", ""]
    messages = consume(broker.bootstrap_servers, "photos", 2)
    assert [(m.key(), m.value(), m.headers()) for m in messages] == [
        (b"shopper", b"one", [("h", b"1"), ("h", b"2")]),
        (b"shopper", b"two", [("h", b"1"), ("h", b"2")]),
    ]


def test_each_topic_has_its_number_of_partitions(broker: EmbeddedBroker):
    broker.create_topic("later", 7)
    listed = AdminClient({"bootstrap.servers": broker.bootstrap_servers}).list_topics(timeout=5).topics
    assert {name: len(topic.partitions) for name, topic in listed.items()} == {"photos": 3, "single": 1, "later": 7}


def test_several_brokers_share_the_partitions():
    with EmbeddedBroker({"photos": 6}, brokers=3) as broker:
        listed = AdminClient({"bootstrap.servers": broker.bootstrap_servers}).list_topics(timeout=5)
        assert len(broker.bootstrap_servers.split(",")) == 3
        assert {p.leader for p in listed.topics["photos"].partitions.values()} == {1, 2, 3}


async def test_aiokafka_produces_consumes_and_commits(broker: EmbeddedBroker):
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers) as producer:
        await producer.send_and_wait("single", b"v", key=b"k", headers=[("h", b"1")])
    async with AIOKafkaConsumer(
        "single", bootstrap_servers=broker.bootstrap_servers, group_id="g", auto_offset_reset="earliest"
    ) as consumer:
        message = await consumer.getone()
        assert (message.key, message.value, message.headers) == (b"k", b"v", (("h", b"1"),))
        await consumer.commit()
        assert await consumer.committed(TopicPartition("single", 0)) == 1


@pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is not installed")
def test_kcat_reads_produced_messages(broker: EmbeddedBroker):
    produce(broker.bootstrap_servers, "single", b"hello")
    command = ["kcat", "-C", "-q", "-e", "-b", broker.bootstrap_servers, "-t", "single", "-f", "%k|%h|%s"]
    assert subprocess.run(command, capture_output=True, check=True, timeout=20).stdout == b"shopper|h=1,h=2|hello"


def test_clients_cannot_create_topics(broker: EmbeddedBroker):
    admin = AdminClient({**QUIET, "bootstrap.servers": broker.bootstrap_servers})
    with pytest.raises(KafkaException):
        admin.create_topics([NewTopic("more", 1)], request_timeout=0.3)["more"].result(10)


def test_a_full_partition_drops_its_oldest_messages(broker: EmbeddedBroker):
    produce(broker.bootstrap_servers, "single", *[bytes(500_000)] * 14)
    consumer = Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": "g"})
    low, high = consumer.get_watermark_offsets(TopicPart("single", 0), timeout=5)
    consumer.close()
    assert high == 14
    assert 0 < low < 14


async def test_an_error_answers_the_next_request_of_its_kind_only(broker: EmbeddedBroker):
    broker.errors("JoinGroup", "GROUP_AUTHORIZATION_FAILED")
    consumer = AIOKafkaConsumer("single", bootstrap_servers=broker.bootstrap_servers, group_id="g")
    with pytest.raises(GroupAuthorizationFailedError):
        await consumer.start()
    await consumer.stop()
    async with AIOKafkaConsumer("single", bootstrap_servers=broker.bootstrap_servers, group_id="g") as consumer:
        assert consumer.assignment() == {TopicPartition("single", 0)}


def test_a_broker_that_is_down_refuses_and_one_that_is_up_again_has_kept_its_messages(broker: EmbeddedBroker):
    produce(broker.bootstrap_servers, "single", b"before")
    broker.down()
    broker.down(1)  # a second time is harmless
    (outcome,) = produce(broker.bootstrap_servers, "single", b"during", timeout_s=0.3)
    assert "_MSG_TIMED_OUT" in outcome
    broker.up(1)
    broker.up()
    assert [m.value() for m in consume(broker.bootstrap_servers, "single", 1)] == [b"before"]


def test_a_round_trip_takes_as_long_as_configured(broker: EmbeddedBroker):
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    admin.list_topics(timeout=5)
    broker.rtt(300)
    began = time.monotonic()
    admin.list_topics(timeout=5)
    assert time.monotonic() - began >= 0.3


def test_an_unsupported_request_is_refused_with_a_message(broker: EmbeddedBroker):
    for wrong, words in (
        (lambda: broker.errors("JoinGruop", "REQUEST_TIMED_OUT"), "no faults for 'JoinGruop'; known: Produce"),
        (lambda: broker.errors("Produce", "NO_SUCH"), "'NO_SUCH' is not the name of a Kafka error"),
        (lambda: broker.errors("Produce", "code"), "'code' is not the name of a Kafka error"),
        (lambda: broker.down(2), "there is no broker 2; they count from 1 to 1"),
        (lambda: broker.rtt(5, 0), "there is no broker 0"),
        (lambda: broker.create_topic("photos", 3), "could not create photos: .*already exists"),
        (lambda: broker.create_topic("none", 0), "at least one partition"),
    ):
        with pytest.raises(EmbeddedBrokerError, match=words):
            wrong()
    broker.close()
    broker.close()
    with pytest.raises(EmbeddedBrokerError, match="not running"):
        broker.errors("Produce", "REQUEST_TIMED_OUT")


def test_a_missing_librdkafka_is_reported(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("streams.kafka.librdkafka.files", lambda _: None)
    monkeypatch.setattr("ctypes.util.find_library", lambda _: None)
    with pytest.raises(LibraryMissingError, match="reinstall confluent-kafka from its wheel"):
        library({})


@contextlib.contextmanager
def command(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run `hangtag broker`; yield the process and the address on its first line."""
    start = [sys.executable, "-m", "streams", "broker", *options]
    pipe = subprocess.PIPE
    with subprocess.Popen(start, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stdout
            yield process, process.stdout.readline().removeprefix("Embedded broker ready on ").strip()
        finally:
            process.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_command_serves_on_the_chosen_port_until_it_gets_a_signal():
    port = free_port()
    with command("--port", str(port), "--partitions", "2", "--topic-prefix", "mine") as (process, address):
        assert address == f"127.0.0.1:{port}"
        assert produce(address, "mine.uploads", b"photo") == [""]
        assert [m.value() for m in consume(address, "mine.uploads", 1)] == [b"photo"]
        topics = AdminClient({**QUIET, "bootstrap.servers": address}).list_topics(timeout=5).topics
        assert {len(topics[name].partitions) for name in ("mine.uploads", "mine.tags", "mine.tags.dlq")} == {2}
        with command("--port", str(port)) as (second, _):
            assert second.wait(timeout=20) == 1
            assert second.stderr
            assert "Address already in use; choose another with --port" in second.stderr.read()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


def test_the_command_takes_faults_on_stdin_and_answers_each():
    with command("--port", "0", "--faults") as (process, address):
        assert process.stdin
        assert process.stdout
        answers = []
        for line in (
            '{"fault": "down"}',
            '{"fault": "up", "broker": 1}',
            '{"fault": "errors", "api": "Produce", "error": "MESSAGE_TOO_LARGE_", "count": 1}',
            '{"fault": "errors", "api": "Produce", "error": "MSG_SIZE_TOO_LARGE"}',
            '{"fault": "rtt", "broker": 1, "ms": -1}',
            "{",
        ):
            process.stdin.write(line + "\n")
            process.stdin.flush()
            answers.append(json.loads(process.stdout.readline()))
        assert [a["ok"] for a in answers] == [True, True, False, True, False, False]
        assert produce(address, "outfit.uploads", b"big")[0] != ""
        assert produce(address, "outfit.uploads", b"small") == [""]
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0


def test_faults_can_be_set_on_every_request_named():
    with EmbeddedBroker({}) as broker:
        for api in APIS:
            broker.errors(api, "REQUEST_TIMED_OUT", 2)
