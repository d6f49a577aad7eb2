"""Fresh topics full of messages, and a stopwatch over a process that works through them."""

import asyncio
import subprocess
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from traffic import Upload, encoded, publish, uploads

from schemas.topics import topics
from streams.config.settings import Settings

PARTITIONS = 4
#: Transactional producers at once; each waits for its commit.
PRODUCERS = 16
HERE = Path(__file__).parent


class Lane:
    """A fresh set of topics with uploads in it."""

    def __init__(
        self, bootstrap: str, count: int, *, uri: str = "file:///photo.jpg", transactions: bool = False
    ) -> None:
        """Publish so many uploads, each in a transaction of its own if wanted."""
        self.prefix, self.bootstrap, self.count = f"bench-{uuid.uuid4().hex[:6]}", bootstrap, count
        self.topics = topics(self.prefix)
        admin = AdminClient({"bootstrap.servers": bootstrap})
        for future in admin.create_topics([NewTopic(one.name, PARTITIONS) for one in self.topics.all()]).values():
            future.result()
        settings = Settings(bootstrap_servers=bootstrap, topic_prefix=self.prefix)
        these = uploads(count, shoppers=2000)
        if transactions:
            with ThreadPoolExecutor(PRODUCERS) as producers:
                list(producers.map(lambda n: self._transact(n, these[n::PRODUCERS], uri), range(PRODUCERS)))
        else:
            asyncio.run(publish(settings, these, uri=uri))
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench"})

    def _transact(self, number: int, these: list[Upload], uri: str) -> None:
        producer = Producer(
            {
                "bootstrap.servers": self.bootstrap,
                "transactional.id": f"{self.prefix}.{number}",
                "partitioner": "murmur2_random",
                "linger.ms": 0,
            }
        )
        producer.init_transactions()
        for upload in these:
            value, headers = encoded(upload, uri)
            producer.begin_transaction()
            producer.produce(self.topics.uploads.name, value, upload.shopper, headers=headers)
            producer.commit_transaction()

    def done(self, target: str | None = None) -> int:
        """Count the messages that came out of a topic; default the texts."""
        places = [TopicPartition(target or self.topics.texts.name, number) for number in range(PARTITIONS)]
        return sum(self._consumer.get_watermark_offsets(place, timeout=10)[1] for place in places)


def race(
    name: str,
    command: list[str],
    lane: Lane,
    *,
    target: str | None = None,
    environment: dict[str, str] | None = None,
    limit_s: float = 400,
) -> dict[str, float | str]:
    """Run one process over a lane and measure from its first to its last message."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=HERE, env=environment)
    try:
        watched = psutil.Process(process.pid)
        began = time.monotonic()
        while (first := lane.done(target)) == 0:
            if time.monotonic() - began > limit_s or process.poll() is not None:
                return {"name": name, "error": "nothing came out"}
            time.sleep(0.02)
        t0, cpu0, rss0, half = time.monotonic(), sum(watched.cpu_times()[:2]), watched.memory_info().rss, 0
        while (last := lane.done(target)) < lane.count and time.monotonic() - t0 < limit_s:
            if not half and last > lane.count / 2:
                half = watched.memory_info().rss
            time.sleep(0.05)
        wall, cpu = time.monotonic() - t0, sum(watched.cpu_times()[:2]) - cpu0
        moved = max(1, last - first)
        return {
            "name": name,
            "events_per_s": round(moved / wall, 1),
            "cpu_ms_per_event": round(cpu / moved * 1000, 3),
            "cpu_share": round(cpu / wall, 2),
            "rss_first_mb": round(rss0 / 1e6, 1),
            "rss_half_mb": round(half / 1e6, 1),
            "rss_last_mb": round(watched.memory_info().rss / 1e6, 1),
        }
    finally:
        process.kill()
        process.wait()
