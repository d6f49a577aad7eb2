"""A batch that inflates to more memory than a stage has ends it twice, and is stepped over at the third start."""

import asyncio
import resource

import pytest
from confluent_kafka import Producer
from traffic import Upload, committed, hear, hear_all, publish, stage

from streams.config.settings import Settings
from streams.operations.dead_letters import letters
from streams.wiring.kafka import make_topics

#: Memory for data that a stage may use here, in bytes, as a container's limit would allow.
ALLOWED = 700 * 2**20
#: Bytes of the batch; the library needs twice as many.
INFLATED = 600_000_000


def publish_inflating(settings: Settings, records: int) -> None:
    """Publish one batch of so many equal records."""
    producer = Producer(
        {
            "bootstrap.servers": settings.bootstrap_servers,
            "compression.type": "gzip",
            "message.max.bytes": 1_000_000_000,
            "batch.size": 2_000_000_000,
            "queue.buffering.max.kbytes": 2_000_000,
            "linger.ms": 2000,
            "partitioner": "murmur2_random",
        }
    )
    refused: list[object] = []
    value = b'{"x":"' + b"a" * (INFLATED // records) + b'"}'
    for _ in range(records):
        producer.produce(
            make_topics(settings).uploads.name, value, b"s1", on_delivery=lambda error, _message: refused.append(error)
        )
    producer.flush(60)
    assert refused == [None] * records


@pytest.mark.parametrize(("records", "has_commit"), [(1, True), (5, True), (1, False)])
async def test_it_becomes_one_dead_letter_and_everything_around_it_is_worked_on(
    settings, tmp_path, records, has_commit
):
    await publish(settings, [Upload(0, "s1")])
    if has_commit:
        with stage(settings, tmp_path, drain_s=5) as first:
            await asyncio.to_thread(hear, settings, lambda heard: len(heard) == 1)
            assert await asyncio.to_thread(first.stop) == 0
    await publish(settings, [Upload(number, "s1") for number in range(1, 20)])
    await asyncio.to_thread(publish_inflating, settings, records)
    await publish(settings, [Upload(number, "s1") for number in range(20, 40)])
    ends = 0
    for _ in range(4):
        with stage(settings, tmp_path) as running:
            resource.prlimit(running.process.pid, resource.RLIMIT_DATA, (ALLOWED, ALLOWED))
            async with asyncio.timeout(120):
                while running.process.poll() is None and len(await asyncio.to_thread(hear_all, settings)) < 40:
                    await asyncio.sleep(0.2)
            if running.process.poll() is None:
                assert await asyncio.to_thread(running.stop) == 0
                break
            ends += 1
    assert ends == 2
    heard = await asyncio.to_thread(hear_all, settings)
    assert len(heard) == 40
    (letter,) = await asyncio.to_thread(letters, settings)
    assert letter.facts is not None
    assert letter.facts.reason == "unreadable"
    assert "inflates to more memory" in letter.facts.message
    assert all(done == end for done, end in (await asyncio.to_thread(committed, settings)).values() if done >= 0)
