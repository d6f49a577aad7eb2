"""
The embedded broker: a mock Kafka cluster with fault injection, for tests and the demo.

It is librdkafka's mock cluster (https://github.com/confluentinc/librdkafka/blob/master/src/rdkafka_mock.h), called by
ctypes in the shared library that the confluent-kafka wheel contains. `hangtag broker --help` and docs/kafka.md list
its limits. Knows no topics of ours, no settings and no Faust.
"""

import ctypes
import time
from collections.abc import Mapping
from functools import cache
from typing import Self

from confluent_kafka import KafkaError

from streams.kafka.librdkafka import LibraryMissingError, library

#: Requests that faults can be set on (https://kafka.apache.org/protocol#protocol_api_keys).
APIS: Mapping[str, int] = {
    "Produce": 0,
    "Fetch": 1,
    "ListOffsets": 2,
    "Metadata": 3,
    "OffsetCommit": 8,
    "OffsetFetch": 9,
    "FindCoordinator": 10,
    "JoinGroup": 11,
    "Heartbeat": 12,
    "LeaveGroup": 13,
    "SyncGroup": 14,
    "InitProducerId": 22,
}

_PRODUCER = 0
_CONF_OK = 0
_ALL_BROKERS = -1


class EmbeddedBrokerError(RuntimeError):
    """The embedded broker is not available, or rejected a command; the message says which."""


class EmbeddedBroker:
    """
    One or more brokers inside this process, on ports of 127.0.0.1 that the kernel picks.

    Use it as a context manager. Faults may be set from any thread; `broker` counts from 1, None means all.
    The mock cluster always binds port 0, so the ports cannot be chosen.
    """

    def __init__(self, topics: Mapping[str, int], *, brokers: int = 1, rebalance_delay_ms: int = 0) -> None:
        """
        Prepare a cluster; `__enter__` starts it.

        Args:
            topics: Each topic's name and number of partitions.
            brokers: Number of brokers.
            rebalance_delay_ms: How long the first member of an empty group waits for others (librdkafka: 3,000).

        """
        self._topics = dict(topics)
        self._brokers = brokers
        self._rebalance_delay_ms = rebalance_delay_ms
        self._down: set[int] = set()
        self._handle = self._cluster = 0

    def __enter__(self) -> Self:
        """
        Start the brokers and create the topics.

        Raises:
            EmbeddedBrokerError: No librdkafka with a mock cluster is installed, or it did not start.

        """
        self._library = library = _library()
        conf = library.rd_kafka_conf_new()
        text = ctypes.create_string_buffer(512)
        # Log warnings and errors only: the handle behind the cluster is never used as a client.
        if library.rd_kafka_conf_set(conf, b"log_level", b"4", text, len(text)) != _CONF_OK:
            raise EmbeddedBrokerError(text.value.decode())
        self._handle = library.rd_kafka_new(_PRODUCER, conf, text, len(text)) or 0
        if not self._handle:
            raise EmbeddedBrokerError(text.value.decode())
        self._cluster = library.rd_kafka_mock_cluster_new(self._handle, self._brokers) or 0
        if not self._cluster:
            library.rd_kafka_destroy(self._handle)
            raise EmbeddedBrokerError("librdkafka could not start its mock cluster; its own message is above")
        library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, self._rebalance_delay_ms)
        try:
            for name, partitions in self._topics.items():
                self.create_topic(name, partitions)
        except EmbeddedBrokerError:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the brokers and lose all messages."""
        self.close()

    def close(self) -> None:
        """Stop the brokers and lose all messages. Can be called twice."""
        if self._cluster:
            _settle()
            self._library.rd_kafka_mock_cluster_destroy(self._cluster)
            self._library.rd_kafka_destroy(self._handle)
            self._handle = self._cluster = 0

    @property
    def bootstrap_servers(self) -> str:
        """Every broker's `127.0.0.1:port`, comma separated."""
        address: bytes = self._library.rd_kafka_mock_cluster_bootstraps(self._running)
        return address.decode()

    def create_topic(self, name: str, partitions: int) -> None:
        """Create a topic. Raises EmbeddedBrokerError if it exists."""
        if partitions < 1:
            raise EmbeddedBrokerError(f"{name} needs at least one partition, not {partitions}")
        self._command("topic_create", f"could not create {name}", name.encode(), partitions, 1)

    def errors(self, api: str, error: str, count: int = 1) -> None:
        """
        Fail the next `count` requests of one kind, at any broker.

        `api` is a name from `APIS`, `error` one of confluent-kafka's KafkaError (`GROUP_AUTHORIZATION_FAILED`);
        `_TRANSPORT` closes the connection. Unknown names raise EmbeddedBrokerError.
        """
        if api not in APIS:
            raise EmbeddedBrokerError(f"no faults for {api!r}; known: {', '.join(APIS)}")
        code = getattr(KafkaError, error, None)
        if not isinstance(code, int):
            raise EmbeddedBrokerError(f"{error!r} is not the name of a Kafka error")
        self._library.rd_kafka_mock_push_request_errors_array(
            self._running, APIS[api], count, (ctypes.c_int * count)(*[code] * count)
        )

    def down(self, broker: int | None = None) -> None:
        """Close a broker's connections and reject new ones; it stays the leader of its partitions."""
        # Taking a broker down twice triggers an assertion that ends the process.
        for one in self._numbers(broker) - self._down:
            self._command("broker_set_down", f"could not stop broker {one}", one)
            self._down.add(one)

    def up(self, broker: int | None = None) -> None:
        """Accept connections again, on the same port and with all messages."""
        for one in self._numbers(broker) & self._down:
            self._command("broker_set_up", f"could not start broker {one}", one)
            self._down.remove(one)

    def rtt(self, ms: int, broker: int | None = None) -> None:
        """Delay every response by `ms` milliseconds; 0 ends the delay."""
        self._numbers(broker)
        number = _ALL_BROKERS if broker is None else broker
        self._command("broker_set_rtt", "could not set the round trip", number, ms)

    @property
    def _running(self) -> int:
        # The C functions accept any pointer, and a wrong one crashes the process.
        if not self._cluster:
            raise EmbeddedBrokerError("the embedded broker is not running")
        return self._cluster

    def _command(self, name: str, failure: str, *arguments: bytes | int) -> None:
        _settle()
        code = getattr(self._library, f"rd_kafka_mock_{name}")(self._running, *arguments)
        if code:
            raise EmbeddedBrokerError(f"{failure}: {KafkaError(code).str()}")

    def _numbers(self, broker: int | None) -> set[int]:
        every = set(range(1, self._brokers + 1))
        if broker is None:
            return every
        if broker not in every:
            raise EmbeddedBrokerError(f"there is no broker {broker}; they count from 1 to {self._brokers}")
        return {broker}


def _settle() -> None:
    # The cluster's thread acknowledges a command before it clears its wake-up signal. A command that follows at once
    # loses its signal, and waits a second for the thread's next poll.
    time.sleep(0.002)


@cache
def _library() -> ctypes.CDLL:
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    try:
        return library(
            {
                "rd_kafka_conf_new": (pointer, []),
                "rd_kafka_conf_set": (number, [pointer, text, text, text, ctypes.c_size_t]),
                "rd_kafka_new": (pointer, [number, pointer, text, ctypes.c_size_t]),
                "rd_kafka_destroy": (None, [pointer]),
                "rd_kafka_mock_cluster_new": (pointer, [pointer, number]),
                "rd_kafka_mock_cluster_destroy": (None, [pointer]),
                "rd_kafka_mock_cluster_bootstraps": (text, [pointer]),
                "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, [pointer, ctypes.c_int32]),
                "rd_kafka_mock_topic_create": (number, [pointer, text, number, number]),
                "rd_kafka_mock_push_request_errors_array": (
                    None,
                    [pointer, ctypes.c_int16, ctypes.c_size_t, ctypes.POINTER(number)],
                ),
                "rd_kafka_mock_broker_set_down": (number, [pointer, ctypes.c_int32]),
                "rd_kafka_mock_broker_set_up": (number, [pointer, ctypes.c_int32]),
                "rd_kafka_mock_broker_set_rtt": (number, [pointer, ctypes.c_int32, number]),
            }
        )
    except LibraryMissingError as error:
        raise EmbeddedBrokerError(str(error)) from None
