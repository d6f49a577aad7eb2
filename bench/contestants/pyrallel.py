"""
pyrallel-consumer: a task for each message, in order per key; its output is acknowledged before it counts as done.

Its guarantees are less than ours. Headers do not reach the worker. A message whose worker fails `max_retries` times
goes to `<topic>.dlq`, in an outage too, so retries are set as high as they go. A worker that takes longer than its
time-out is cancelled, and counts as failed.
"""

import asyncio

from job import BOOTSTRAP, GROUP, SOURCE, TARGET, work
from pyrallel_consumer.config import KafkaConfig
from pyrallel_consumer.consumer import PyrallelConsumer
from pyrallel_consumer.dto import ExecutionMode, OrderingMode, WorkItem

from schemas.emitter import Emitter


async def main() -> None:
    """Run until killed."""
    emitter = Emitter({"bootstrap.servers": BOOTSTRAP})

    async def handle(item: WorkItem) -> None:
        key, value, headers = work(item.payload)
        refused = await emitter.send(TARGET, key=key, value=value, headers=headers)
        if refused is not None:
            raise RuntimeError(refused.message)

    config = KafkaConfig(BOOTSTRAP_SERVERS=[BOOTSTRAP], CONSUMER_GROUP=GROUP)
    parallel = config.parallel_consumer
    parallel.ordering_mode = OrderingMode.KEY_HASH
    # As many keys at once as our window has events.
    parallel.worker_pool_size = 256
    parallel.execution.mode = ExecutionMode.ASYNC
    parallel.execution.max_in_flight = 256
    parallel.execution.max_retries = 1_000_000
    consumer = PyrallelConsumer(config=config, worker=handle, topic=SOURCE)
    await consumer.start()
    await consumer.wait_closed()


asyncio.run(main())
