"""
Emission: one confluent-kafka idempotent producer per process, each message awaited until delivered.

Faust's own awaited send costs most of its time (bench/streams.py), and knows no delivery report.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas.codec import Headers
from schemas.outcomes import Later, Never

#: How often delivery reports are collected while messages are on their way, seconds.
_POLL_S = 0.002

_REFUSED = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG, KafkaError.INVALID_RECORD}
_NO_TOPIC = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC}  # noqa: SLF001 - librdkafka's local codes


class ProducerDeadError(Exception):
    """The producer met a fatal error and can never deliver again. Start the process again."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """Where a message lies, by the broker's own report."""

    topic: str
    partition: int
    offset: int


class Emitter:
    """
    Sends messages and awaits the broker's word on each.

    Reports are collected by the event loop itself while something is on its way: no thread, no
    wake-up per message, nothing to do when idle.
    """

    def __init__(
        self,
        config: Mapping[str, str | int | float | bool],
        *,
        frames: Mapping[str, bytes] | None = None,
        crash: Callable[[Exception], object] = lambda _error: None,
    ) -> None:
        """
        Take confluent-kafka's settings; what delivery guarantees need is set here.

        `frames` is by topic what a Schema Registry's clients expect before each value (schemas/framing.py).
        `crash` is told once the producer can never deliver again (librdkafka's fatal errors, such as
        a broker that lost data): only another process can.
        """

        def on_error(error: KafkaError) -> None:
            if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001 - librdkafka's local code
                crash(ProducerDeadError(f"the producer is dead: {error.name()}"))

        self._producer = Producer(
            {
                "acks": "all",
                "enable.idempotence": True,
                # The same partition for a key as Java and aiokafka producers choose.
                "partitioner": "murmur2_random",
                "compression.type": "lz4",
                "linger.ms": 2,
                "delivery.timeout.ms": 30_000,
                # Ours counts bytes before compression, the topics' limit after it: theirs decides.
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
        """Send one message and wait until every in-sync replica has it: None then, else why it does not."""
        answer = await self.deliver(topic, key=key, value=value, headers=headers)
        return None if isinstance(answer, Delivered) else answer

    async def deliver(
        self, topic: str, *, key: bytes | None, value: bytes | None, headers: Headers
    ) -> Delivered | Later | Never:
        """Send one message and wait until every in-sync replica has it: where it lies then, else why it does not."""
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
                # librdkafka's queue is full: let reports come in, then go on.
                self._producer.poll(0)
                await asyncio.sleep(_POLL_S)
            except KafkaException as error:
                return _why(error.args[0], topic)
        self._on_the_way.add(delivered)
        if self._collector is None:
            self._collector = loop.create_task(self._collect())
        return await delivered

    async def aclose(self, *, limit_s: float = 10) -> None:
        """Wait for what is on its way, at most so long; what is still not delivered then is answered `Later`."""
        if self._on_the_way:
            await asyncio.wait(set(self._on_the_way), timeout=limit_s)
        if self._collector is not None:
            self._collector.cancel()
            self._collector = None
        while self._on_the_way:
            self._on_the_way.pop().set_result(Later("undelivered", f"closed after {limit_s:g} s without an answer"))

    async def _collect(self) -> None:
        while self._on_the_way:
            self._producer.poll(0)
            await asyncio.sleep(_POLL_S)
        self._collector = None


def _why(error: KafkaError, topic: str) -> Later | Never:
    if error.code() in _REFUSED:
        return Never("refused-by-kafka", f"{topic} refuses the message for good: {error.name()}")
    if error.code() in _NO_TOPIC:
        return Later("topic-missing", f"{topic} does not exist. Create it with `hangtag topics apply`")
    return Later("undelivered", f"{topic} did not take a message: {error.name()}. Check the brokers, then try again")
