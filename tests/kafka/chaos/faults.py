"""What happens to brokers and topics while uploads flow: restarts, freezes, cut logs and records of any bytes."""

import asyncio
import random
import sys
import time
import uuid
from pathlib import Path

from cluster import KafkaCluster
from confluent_kafka.admin import AdminClient
from foreign import any_record
from power_cut import batches, keep, newest_log, power_cut
from raw_produce import RawRecord, produce, record_batch

from streams.config.settings import Settings
from streams.wiring.kafka import make_topics

#: Longer than the session timeout of the workers, so that the group's members are missed.
FREEZE_S = 9
#: Foreign batches that are sent at a time, and the records in each.
BATCHES, RECORDS = 5, 5


async def restart(cluster: KafkaCluster, brokers: int, rng: random.Random) -> None:
    """Kill a broker or stop it in order, and start it again."""
    number = rng.randint(1, brokers)
    hard = rng.random() < 0.5
    _tell(f"broker {number} {'killed' if hard else 'stopped'} and started again")
    await asyncio.to_thread(cluster.kill if hard else cluster.stop, number)
    await asyncio.sleep(4)
    await asyncio.to_thread(cluster.start, number)


async def freeze(cluster: KafkaCluster, brokers: int, rng: random.Random) -> None:
    """Freeze a broker: its connections stay open and nothing answers."""
    number = rng.randint(1, brokers)
    _tell(f"broker {number} freezes for {FREEZE_S} s")
    cluster.pause(number)
    await asyncio.sleep(FREEZE_S)
    cluster.resume(number)


async def truncate(cluster: KafkaCluster, settings: Settings, partitions: int, rng: random.Random) -> None:
    """Cut the newest tenth of the uploads in half of the partitions, as a power cut may."""
    topic = make_topics(settings).uploads.name

    def cut() -> None:
        with power_cut(cluster) as folder:
            for partition in rng.sample(range(partitions), max(1, partitions // 2)):
                found = _cut_newest(newest_log(folder, topic, partition), rng)
                _tell(f"partition {partition} loses its last {found} batches")

    await asyncio.to_thread(cut)


def _cut_newest(log: Path, rng: random.Random) -> int:
    found = batches(log)
    left = len(found) - rng.randint(1, max(1, len(found) // 10))
    if any(batch.is_marker for batch in found):
        # A transaction whose marker is lost stays open for ever, and no client may read behind it.
        while left > 0 and not found[left - 1].is_marker:
            left -= 1
    keep(log, max(0, left))
    return len(found) - max(0, left)


async def send_foreign(settings: Settings, rng: random.Random) -> None:
    """Send record batches of any bytes to any partitions, each value with a mark of its own."""
    topic = make_topics(settings).uploads.name

    def send() -> None:
        cluster = AdminClient({"bootstrap.servers": settings.bootstrap_servers, "log_level": 0}).list_topics(timeout=30)
        partitions = cluster.topics[topic].partitions
        for _ in range(BATCHES):
            partition = partitions[rng.randrange(len(partitions))]
            leader = cluster.brokers[partition.leader]
            records = [_marked(any_record(rng)) for _ in range(RECORDS)]
            batch = record_batch(records, timestamp_ms=int(time.time() * 1000))
            produce(f"{leader.host}:{leader.port}", topic, partition.id, batch)

    _tell(f"{BATCHES * RECORDS} foreign records")
    await asyncio.to_thread(send)


def is_foreign(value: bytes | None) -> bool:
    """Return whether a record is one of `send_foreign`."""
    return value is not None and value.startswith(_MARK)


_MARK = b"\xff\x00foreign"


def _marked(record: RawRecord) -> RawRecord:
    return RawRecord(record.key, _MARK + uuid.uuid4().bytes + (record.value or b""), record.headers)


def _tell(words: str) -> None:
    print(f"          {words}", file=sys.stderr)
