"""
The Faust app of one stage. Faust runs the agent and the lifecycle, on our transport driver.

Only this file and `driver/transport.py` use private names of Faust, pinned to faust-streaming 0.15.3;
`tests/contract/test_faust_names.py` fails if an upgrade changes one.
Faust's own acknowledgements are not used, because it commits past unfinished work (docs/streams.md).
"""

import logging
from typing import Any

import faust
from faust.types import TP

from streams.config.settings import Settings
from streams.runtime.driver.batch import Batch
from streams.runtime.driver.transport import BatchConsumer, StageTransport
from streams.runtime.intake import Intake
from streams.runtime.track import Partition


class StageApp(faust.App):  # type: ignore[misc]  # faust has no type information here
    """One stage's agent, fed by an `Intake`."""

    #: Otherwise Faust logs every step under the class's own logger.
    logger = logging.getLogger("faust")

    def __init__(self, settings: Settings, intake: Intake, *, group: str, topic: str) -> None:
        """Configure Faust; it connects at `start`."""
        super().__init__(
            group,
            broker=[f"kafka://{address}" for address in settings.bootstrap_servers.split(",")],
            value_serializer="raw",
            key_serializer="raw",
            store="memory://",
            autodiscover=False,
            web_enabled=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
            stream_wait_empty=False,
        )
        self.transport = StageTransport(self.conf.broker_consumer, self)
        self.producer_transport = self.transport
        self._intake, self._drain_s = intake, settings.drain_s
        intake.on_rebalance, intake.on_batch = self._rebalanced, self._pass_on
        source = self.topic(
            topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw", acks=False
        )
        self.agent(source, name=f"{group}.intake", concurrency=1)(self._admit)

    def start_polling(self, _topics: set[str]) -> None:
        """Join the group when the agent runs."""
        self._intake.start()

    def assigned(self) -> set[TP]:
        """Return this member's partitions, as Faust's type."""
        return {TP(one.topic, one.number) for one in self._intake.partitions()}

    async def on_first_start(self) -> None:
        """Create no folders, because there are no tables."""

    async def _admit(self, stream: Any) -> None:
        async for event in stream.noack().events():
            await self._intake.admit(event.value)

    def _pass_on(self, batch: Batch) -> None:
        consumer: BatchConsumer = self.consumer
        consumer.batches.put_nowait(batch)

    async def _rebalanced(self, partitions: set[Partition]) -> None:
        self.on_rebalance_start()
        await self.consumer.on_partitions_assigned({TP(one.topic, one.number) for one in partitions})

    async def _stop_consumer(self) -> None:
        await self._intake.stop(self._drain_s)
        self.consumer.batches.put_nowait(None)
        await super()._stop_consumer()
