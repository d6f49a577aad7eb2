"""
Publishes messages through one idempotent confluent-kafka producer and waits for each delivery report.

Faust's own awaited send spends most of its time elsewhere (bench/streams.py) and has no delivery reports.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas.codec import Headers
from schemas.outcomes import Later, Never

#: Seconds between two polls for delivery reports while messages are in flight.
_POLL_S = 0.002

_REFUSED = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG, KafkaError.INVALID_RECORD}
_NO_TOPIC = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC}  # noqa: SLF001 - librdkafka's local codes


class ProducerDeadError(Exception):
    """The producer had a fatal error and cannot deliver any more. Restart the process."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """Where the broker stored a message, from its delivery report."""

    topic: str
    partition: int
    offset: int


class Emitter:
    """
    Sends messages and waits for the broker's acknowledgement of each.

    A task on the event loop polls for delivery reports while messages are in flight. There is no thread, no wake-up per
    message, and no work while idle.
    """

    def __init__(
        self,
        config: Mapping[str, str | int | float | bool],
        *,
        frames: Mapping[str, bytes] | None = None,
        crash: Callable[[Exception], object] = lambda _error: None,
    ) -> None:
        """
        Create the producer. The settings that delivery guarantees depend on are fixed here.

        Args:
            config: Settings for confluent-kafka.
            frames: By topic, the Schema Registry frame to put before each value (schemas/framing.py).
            crash: Called with the error when the producer can no longer deliver (a fatal error of librdkafka, such as
                a broker that lost data). Only a new process recovers from it.

        """

        def on_error(error: KafkaError) -> None:
            if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001 - librdkafka's local code
                crash(ProducerDeadError(f"the producer is dead: {error.name()}"))

        self._producer = Producer(
            {
                "acks": "all",
                "enable.idempotence": True,
                # Java and aiokafka producers choose the same partition for a key.
                "partitioner": "murmur2_random",
                "compression.type": "lz4",
                "linger.ms": 2,
                "delivery.timeout.ms": 30_000,
                # librdkafka counts bytes before compression, the topic after it. So only the topic's limit applies.
                "message.max.bytes": 1_000_000_000,
                "error_cb": on_error,
                **config,
            }
        )
        self._frames = frames or {}
        self._on_the_way: set[asyncio.Future[Delivered | Later | Never]] = set()
        self._collector: asyncio.Task[None] | None = None

    async def send(
        self, topic: str, *, key: bytes | None, value: bytes | None, headers: Headers
    ) -> Later | Never | None:
        """Send one message and wait until every in-sync replica has it. Return None, or why it was not delivered."""
        answer = await self.deliver(topic, key=key, value=value, headers=headers)
        return None if isinstance(answer, Delivered) else answer

    async def deliver(
        self, topic: str, *, key: bytes | None, value: bytes | None, headers: Headers
    ) -> Delivered | Later | Never:
        """Send one message and wait until every in-sync replica has it. Return where it is, or why it is not."""
        loop = asyncio.get_running_loop()
        delivered: asyncio.Future[Delivered | Later | Never] = loop.create_future()

        def on_delivery(error: KafkaError | None, message: Message) -> None:
            self._on_the_way.discard(delivered)
            if not delivered.done():
                found = _why(error, topic) if error else Delivered(topic, message.partition(), message.offset())
                delivered.set_result(found)

        if value is not None and topic in self._frames:
            value = self._frames[topic] + value
        while True:
            try:
                self._producer.produce(topic, key=key, value=value, headers=headers, on_delivery=on_delivery)
                break
            except BufferError:
                # librdkafka's queue is full: collect delivery reports, then try again.
                self._producer.poll(0)
                await asyncio.sleep(_POLL_S)
            except KafkaException as error:
                return _why(error.args[0], topic)
        self._on_the_way.add(delivered)
        if self._collector is None:
            self._collector = loop.create_task(self._collect())
        return await delivered

    async def aclose(self, *, limit_s: float = 10) -> None:
        """Wait up to `limit_s` seconds for messages in flight; those still undelivered then return `Later`."""
        if self._on_the_way:
            await asyncio.wait(set(self._on_the_way), timeout=limit_s)
        if self._collector is not None:
            self._collector.cancel()
            self._collector = None
        while self._on_the_way:
            self._on_the_way.pop().set_result(Later("undelivered", f"closed after {limit_s:g} s without a report"))

    async def _collect(self) -> None:
        while self._on_the_way:
            self._producer.poll(0)
            await asyncio.sleep(_POLL_S)
        self._collector = None


def _why(error: KafkaError, topic: str) -> Later | Never:
    if error.code() in _REFUSED:
        return Never("refused-by-kafka", f"{topic} rejects the message, and will always: {error.name()}")
    if error.code() in _NO_TOPIC:
        return Later("topic-missing", f"{topic} does not exist. Create it with `hangtag topics apply`")
    return Later("undelivered", f"{topic} did not accept a message: {error.name()}. Check the brokers, then try again")
