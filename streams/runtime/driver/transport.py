"""
The parts of the driver that Faust calls: transport, consumer, fetcher and an empty producer.

Faust still runs the agents, the app and the lifecycle. Only the source of the messages is ours. One Faust message
carries a whole batch, so that Faust costs time per batch and not per record.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from faust.transport.base import Transport
from faust.transport.consumer import Consumer, Fetcher
from faust.transport.producer import Producer
from faust.types import TP, ConsumerMessage

from streams.runtime.driver.batch import Batch


class BatchConsumer(Consumer):  # type: ignore[misc]  # faust has no type information here
    """Passes batches to the agents' topics. It reads nothing itself: the app starts a `Poller` on `subscribe`."""

    logger = logging.getLogger("faust")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        #: Batches from the poller; None ends the consumer.
        self.batches: asyncio.Queue[Batch | None] = asyncio.Queue()

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Start to poll."""
        self.app.start_polling(set(topics))

    def assignment(self) -> set[TP]:
        """Return the partitions that this member owns."""
        assigned: set[TP] = self.app.assigned()
        return assigned

    async def perform_seek(self) -> None:
        """Do nothing: the poller has the right position already."""

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Do nothing, as `perform_seek`."""
        return {}

    async def _commit(self, _offsets: Mapping[TP, int]) -> bool:
        # Faust has nothing to commit, because it gets no acknowledgements (see `app.py`).
        return False

    def _to_message(self, tp: TP, record: Batch) -> ConsumerMessage:
        first = record.deliveries[0]
        return ConsumerMessage(
            *(tp.topic, tp.partition, first.offset, first.record.timestamp, 0, None, None, record, None, 0, 0, tp),
            generation_id=self.app.consumer_generation_id,
        )

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    async def _drain_messages(self, fetcher: Any) -> None:
        del fetcher
        while (batch := await self.batches.get()) is not None:
            await self.callback(self._to_message(TP(batch.partition.topic, batch.partition.number), batch))

    def _unused(self, *_arguments: Any, **_options: Any) -> Any:
        raise NotImplementedError("Faust calls this for tables and for its own clients only")

    create_topic = position = key_partition = topic_partitions = seek_wait = _unused
    highwater = highwaters = earliest_offsets = _seek = _getmany = _unused


class NoProducer(Producer):  # type: ignore[misc]  # faust has no type information here
    """Sends nothing: stages publish through their own emitter."""

    logger = logging.getLogger("faust")


class StageTransport(Transport):  # type: ignore[misc]  # faust has no type information here
    """Tells Faust which classes to use."""

    Consumer = BatchConsumer
    Producer = NoProducer
    Fetcher = Fetcher
    driver_version = "confluent-kafka"
