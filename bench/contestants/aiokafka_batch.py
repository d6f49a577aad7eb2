"""aiokafka alone: fetch a batch, send it, wait for all, commit."""

import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from job import BOOTSTRAP, GROUP, SOURCE, TARGET, work


async def main() -> None:
    """Run until killed."""
    consumer = AIOKafkaConsumer(
        SOURCE,
        bootstrap_servers=BOOTSTRAP,
        group_id=GROUP,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_poll_records=256,
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=BOOTSTRAP, enable_idempotence=True, acks="all", linger_ms=2, compression_type="lz4"
    )
    await consumer.start()
    await producer.start()
    while True:
        sends = []
        for records in (await consumer.getmany(timeout_ms=500)).values():
            for record in records:
                key, value, headers = work(record.value)
                sends.append(await producer.send(TARGET, key=key, value=value, headers=headers))
        if sends:
            await asyncio.gather(*sends)
            await consumer.commit()


asyncio.run(main())
