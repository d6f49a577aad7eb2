"""Records of any bytes, in Kafka's own wire format, stop no stage and reach the dead letters as they came."""

import asyncio
import random
import time

import psutil
import pytest
from confluent_kafka import Producer
from every_letter import letters
from foreign import any_record
from raw_produce import RawRecord, produce, record_batch
from traffic import Upload, hear, publish, stage, uploads

from streams.config.settings import Settings
from streams.kafka.reader import follow
from streams.wiring.kafka import make_topics

#: As many as make a run of a few seconds; the seed changes nothing but which bytes are sent.
FUZZED = 300


def send(settings: Settings, records: list[RawRecord], partition: int = 0) -> int:
    topic = make_topics(settings).uploads.name
    batch = record_batch(records, timestamp_ms=int(time.time() * 1000))
    return produce(settings.bootstrap_servers, topic, partition, batch)


async def test_a_header_name_that_is_not_utf8_stops_nothing_and_is_kept_escaped(settings, tmp_path):
    await publish(settings, uploads(100))
    bad = RawRecord(b"s", b'{"upload_id":"u-bad"}', [(b"na\xefve", b"\xff\x00"), (b"fine", None)])
    assert send(settings, [bad]) == 0
    await publish(settings, [Upload(number, "late") for number in range(100)])
    with stage(settings, tmp_path) as running:
        await asyncio.to_thread(hear, settings, lambda heard: len(heard) == 200)
        deadline = time.monotonic() + 20
        while not (found := await asyncio.to_thread(letters, settings)):
            assert time.monotonic() < deadline
        assert running.process.poll() is None
    (letter,) = found
    assert (letter.seen.key, letter.seen.value) == (bad.key, bad.value)
    assert letter.seen.headers[:2] == [("na\\xefve", b"\xff\x00"), ("fine", None)]


async def test_no_bytes_that_kafka_takes_stop_a_stage(settings, tmp_path):
    rng = random.Random(14)
    sent = [any_record(rng) for _ in range(FUZZED)]
    taken = []
    for at in range(0, FUZZED, 10):
        some = sent[at : at + 10]
        taken += some if await asyncio.to_thread(send, settings, some, rng.randrange(3)) == 0 else []
        await publish(settings, [Upload(at, f"s{at}")])
    assert len(taken) > FUZZED / 2
    with stage(settings, tmp_path, halt_in_a_row=10_000, halt_share=1) as running:
        await asyncio.to_thread(hear, settings, lambda heard: len(heard) == FUZZED // 10)
        deadline = time.monotonic() + 60
        while len(found := await asyncio.to_thread(letters, settings)) < len(taken):
            assert time.monotonic() < deadline, f"{len(found)} of {len(taken)} dead letters"
            await asyncio.sleep(0.5)
        assert running.process.poll() is None
    assert sorted((one.seen.value or b"") for one in found) == sorted((one.value or b"") for one in taken)
    assert len(list(follow(settings, [make_topics(settings).uploads.name]))) == len(taken) + FUZZED // 10


#: librdkafka inflates no zstd batch above 32 MiB. Of gzip and lz4 it holds one copy and confluent-kafka another, so
#: that these sizes fit in 512 MB (docs/streams.md). 1 MB of snappy holds no more than 21 MB.
@pytest.mark.parametrize(("codec", "megabytes"), [("zstd", 150), ("gzip", 170), ("lz4", 170), ("snappy", 20)])
async def test_a_message_that_inflates_costs_bounded_memory_and_becomes_a_letter(settings, tmp_path, codec, megabytes):
    await publish(settings, uploads(20))
    producer = Producer(
        {
            "bootstrap.servers": settings.bootstrap_servers,
            "compression.type": codec,
            "message.max.bytes": 1_000_000_000,
            "queue.buffering.max.kbytes": 2_000_000,
        }
    )
    refused: list[object] = []
    value = b'{"x":"' + b"a" * megabytes * 1_000_000 + b'"}'
    producer.produce(make_topics(settings).uploads.name, value, b"s1", on_delivery=lambda e, _m: refused.append(e))
    producer.flush(60)
    assert refused == [None]
    await publish(settings, [Upload(number, "late") for number in range(20)])
    peak = 0
    with stage(settings, tmp_path) as running:
        deadline = time.monotonic() + 60
        hearing = asyncio.create_task(asyncio.to_thread(hear, settings, lambda heard: len(heard) == 40))
        while not hearing.done() or not await asyncio.to_thread(letters, settings):
            assert time.monotonic() < deadline, running.log.read_text()[-2000:]
            peak = max(peak, psutil.Process(running.process.pid).memory_info().rss)
            await asyncio.sleep(0.02)
        await hearing
        assert running.process.poll() is None
    (letter,) = await asyncio.to_thread(letters, settings)
    assert letter.facts is not None
    assert letter.facts.reason == "unreadable"
    assert peak < 512 * 2**20, f"{peak >> 20} MB"
