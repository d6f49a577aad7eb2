"""A reader that is slower than the broker keeps little of a large topic in memory."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

#: Reads slowly, and prints the most kilobytes that it had. `ru_maxrss` would count those of the test's process too.
SLOWLY = """
import re, sys, time
from pathlib import Path
from streams.config.settings import Settings
from streams.kafka.reader import follow

messages = follow(Settings(bootstrap_servers=sys.argv[1]), [sys.argv[2]])
for _ in range(100):
    next(messages)
    time.sleep(0.03)
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""
MESSAGES, SIZE = 120_000, 2000


@pytest.fixture(scope="module", params=[(24, 10), (4, 50)], ids=["many partitions", "much in one response"])
def large(kafka, request) -> Iterator[str]:
    """A topic of 240 MB: 24 partitions compressed to a tenth, or 4 to a fiftieth."""
    partitions, compression = request.param
    topic = f"large-{os.urandom(4).hex()}"
    admin = AdminClient({"bootstrap.servers": kafka})
    for made in admin.create_topics([NewTopic(topic, partitions, 1)]).values():
        made.result()
    producer = Producer({"bootstrap.servers": kafka, "compression.type": "lz4", "linger.ms": 50})
    noise = SIZE // compression
    for number in range(MESSAGES):
        producer.produce(topic, os.urandom(noise) + bytes(SIZE - noise), partition=number % partitions)
        if number % 10_000 == 0:
            producer.flush(30)
    assert producer.flush(60) == 0
    yield topic
    for gone in admin.delete_topics([topic]).values():
        gone.result()


def test_a_slow_reader_of_many_partitions_fetches_little_ahead(kafka, large):
    said = subprocess.run([sys.executable, "-c", SLOWLY, kafka, large], capture_output=True, text=True, check=True)
    assert int(said.stdout) < 120_000
