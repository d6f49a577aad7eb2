"""A reader that is slower than the broker keeps little of a large topic in memory, and a fast one never waits."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from streams.config.settings import Settings
from streams.kafka import clients
from streams.kafka.reader import follow

#: Reads slowly, and prints the most megabytes that it had.
SLOWLY = """
import resource, sys, time
from streams.config.settings import Settings
from streams.kafka.reader import follow

messages = follow(Settings(bootstrap_servers=sys.argv[1]), [sys.argv[2]])
for _ in range(100):
    next(messages)
    time.sleep(0.03)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)
"""
PARTITIONS, EACH, SIZE = 24, 5000, 2000


@pytest.fixture(scope="module")
def large(kafka) -> Iterator[str]:
    """A topic of 240 MB."""
    topic = f"large-{os.urandom(4).hex()}"
    admin = AdminClient({"bootstrap.servers": kafka})
    for made in admin.create_topics([NewTopic(topic, PARTITIONS, 1)]).values():
        made.result()
    producer = Producer({"bootstrap.servers": kafka, "compression.type": "lz4", "linger.ms": 50})
    for number in range(PARTITIONS * EACH):
        # Compressed to a tenth, about as events are.
        producer.produce(topic, os.urandom(SIZE // 10) + bytes(SIZE * 9 // 10), partition=number % PARTITIONS)
        if number % 1000 == 0:
            producer.flush(30)
    assert producer.flush(60) == 0
    yield topic
    for gone in admin.delete_topics([topic]).values():
        gone.result()


def test_a_slow_reader_of_many_partitions_fetches_little_ahead(kafka, large):
    said = subprocess.run([sys.executable, "-c", SLOWLY, kafka, large], capture_output=True, text=True, check=True)
    assert float(said.stdout) < 170


def test_a_fast_reader_does_not_wait_although_it_fetches_little_ahead(kafka, large, monkeypatch):
    def seconds() -> float:
        began = time.monotonic()
        assert sum(1 for _ in follow(Settings(bootstrap_servers=kafka), [large])) == PARTITIONS * EACH
        return time.monotonic() - began

    quick_s = seconds()
    monkeypatch.setattr(clients, "_FETCH_AGAIN_MS", 1000)
    assert quick_s < seconds() / 2
