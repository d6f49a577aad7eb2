"""
Reads the headers of messages whose header names are not UTF-8, through librdkafka's C interface.

Kafka's protocol requires UTF-8, but brokers and some producers (in Go, for example) accept any bytes. confluent-kafka
then raises instead of returning the headers. A second client reads such a message again. It uses only public functions
of librdkafka, from the shared library in confluent-kafka.
"""

import ctypes
import time
from collections.abc import Callable
from functools import cache
from operator import methodcaller

from confluent_kafka import KafkaError, KafkaException, Message

from schemas.codec import Headers
from streams.config.settings import Settings
from streams.kafka.clients import ClientConfig, client_config
from streams.kafka.librdkafka import library

#: Calls `message.headers()`. If a name is not UTF-8, confluent-kafka 2.16 returns a list *and* leaves an exception set.
#: CPython's fast path for method calls does not check, so the exception would appear anywhere later. This call checks.
_headers_as_text = methodcaller("headers")
_CONSUMER = 1
_CONF_OK = 0
_PATIENCE_S = 30
#: Skipping this many messages is faster than seeking to another offset.
_NEAR = 200


class ForeignHeadersError(Exception):
    """librdkafka rejects our settings for a second client."""


class _Message(ctypes.Structure):
    """`rd_kafka_message_t` of librdkafka's rdkafka.h."""

    _fields_ = [
        ("err", ctypes.c_int),
        ("rkt", ctypes.c_void_p),
        ("partition", ctypes.c_int32),
        ("payload", ctypes.c_void_p),
        ("len", ctypes.c_size_t),
        ("key", ctypes.c_void_p),
        ("key_len", ctypes.c_size_t),
        ("offset", ctypes.c_int64),
        ("_private", ctypes.c_void_p),
    ]


class ForeignHeaders:
    """Reads headers with any names, one message at a time. Connects at the first message."""

    def __init__(self, settings: Settings) -> None:
        """Create the reader without connecting."""
        self._config: ClientConfig = client_config(settings) | {
            "group.id": "hangtag-reader",
            "enable.auto.commit": "false",
            "fetch.wait.max.ms": 100,
        }
        self._client = 0
        self._next: tuple[str, int, int] | None = None

    def __call__(self, message: Message) -> Headers:
        r"""
        Read the headers of a message again. Bytes of a name that are not UTF-8 become escapes such as `\xef`.

        Raises:
            KafkaException: Kafka did not deliver the message again.

        """
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        rd = _functions()
        if not self._client:
            self._client = _connect(rd, self._config)
        if not self._is_near(topic, partition, offset):
            _assign(rd, self._client, topic, partition, offset)
        give_up = time.monotonic() + _PATIENCE_S
        while time.monotonic() < give_up:
            pointer = rd.rd_kafka_consumer_poll(self._client, 500)
            if not pointer:
                continue
            try:
                found = pointer.contents
                if found.err:
                    continue
                self._next = (topic, partition, found.offset + 1)
                if found.offset == offset:
                    return _headers(rd, pointer)
                if found.offset > offset:
                    break
            finally:
                rd.rd_kafka_message_destroy(pointer)
        self._next = None
        reason = f"{topic}[{partition}] at {offset} could not be read again"
        raise KafkaException(KafkaError(KafkaError._MSG_TIMED_OUT, reason))  # noqa: SLF001 - librdkafka's local code

    def close(self) -> None:
        """Disconnect."""
        if self._client:
            rd = _functions()
            rd.rd_kafka_consumer_close(self._client)
            rd.rd_kafka_destroy(self._client)
            self._client, self._next = 0, None

    def _is_near(self, topic: str, partition: int, offset: int) -> bool:
        return self._next is not None and self._next[:2] == (topic, partition) and 0 <= offset - self._next[2] < _NEAR


def headers_of(message: Message, read_foreign: Callable[[Message], Headers]) -> Headers:
    """Return a message's headers, whatever their names are."""
    try:
        return _headers_as_text(message) or []
    except (UnicodeDecodeError, SystemError):
        return read_foreign(message)


def _connect(rd: ctypes.CDLL, config: ClientConfig) -> int:
    conf = rd.rd_kafka_conf_new()
    text = ctypes.create_string_buffer(512)
    for name, value in config.items():
        if rd.rd_kafka_conf_set(conf, name.encode(), str(value).encode(), text, len(text)) != _CONF_OK:
            raise ForeignHeadersError(text.value.decode())
    client: int | None = rd.rd_kafka_new(_CONSUMER, conf, text, len(text))
    if not client:
        raise ForeignHeadersError(text.value.decode())
    rd.rd_kafka_poll_set_consumer(client)
    return client


def _assign(rd: ctypes.CDLL, client: int, topic: str, partition: int, offset: int) -> None:
    places = rd.rd_kafka_topic_partition_list_new(1)
    try:
        rd.rd_kafka_topic_partition_list_add(places, topic.encode(), partition)
        rd.rd_kafka_topic_partition_list_set_offset(places, topic.encode(), partition, offset)
        if error := rd.rd_kafka_assign(client, places):
            raise KafkaException(KafkaError(error))
    finally:
        rd.rd_kafka_topic_partition_list_destroy(places)


def _headers(rd: ctypes.CDLL, message: "ctypes._Pointer[_Message]") -> Headers:
    headers = ctypes.c_void_p()
    if rd.rd_kafka_message_headers(message, ctypes.byref(headers)):
        return []
    found: Headers = []
    name, value, size = ctypes.c_char_p(), ctypes.c_void_p(), ctypes.c_size_t()
    while not rd.rd_kafka_header_get_all(
        headers, len(found), ctypes.byref(name), ctypes.byref(value), ctypes.byref(size)
    ):
        content = None if value.value is None else ctypes.string_at(value.value, size.value)
        found.append(((name.value or b"").decode("utf-8", "backslashreplace"), content))
    return found


@cache
def _functions() -> ctypes.CDLL:
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    message = ctypes.POINTER(_Message)
    return library(
        {
            "rd_kafka_conf_new": (pointer, []),
            "rd_kafka_conf_set": (number, [pointer, text, text, text, ctypes.c_size_t]),
            "rd_kafka_new": (pointer, [number, pointer, text, ctypes.c_size_t]),
            "rd_kafka_destroy": (None, [pointer]),
            "rd_kafka_poll_set_consumer": (number, [pointer]),
            "rd_kafka_topic_partition_list_new": (pointer, [number]),
            "rd_kafka_topic_partition_list_add": (pointer, [pointer, text, ctypes.c_int32]),
            "rd_kafka_topic_partition_list_set_offset": (number, [pointer, text, ctypes.c_int32, ctypes.c_int64]),
            "rd_kafka_topic_partition_list_destroy": (None, [pointer]),
            "rd_kafka_assign": (number, [pointer, pointer]),
            "rd_kafka_consumer_poll": (message, [pointer, number]),
            "rd_kafka_consumer_close": (number, [pointer]),
            "rd_kafka_message_destroy": (None, [message]),
            "rd_kafka_message_headers": (number, [message, ctypes.POINTER(pointer)]),
            "rd_kafka_header_get_all": (
                number,
                [
                    pointer,
                    ctypes.c_size_t,
                    ctypes.POINTER(text),
                    ctypes.POINTER(pointer),
                    ctypes.POINTER(ctypes.c_size_t),
                ],
            ),
        }
    )
