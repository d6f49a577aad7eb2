"""
Reads the tags topic with confluent-kafka: `python tags.py localhost:9092 outfit.tags my-group`.

It imports nothing from Hangtag and needs `pip install confluent-kafka`.
"""

import json
import signal
import sys
import threading

from confluent_kafka import Consumer, Message

stopping = threading.Event()
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda *_: stopping.set())


def handle(message: Message) -> None:
    """Do the work for one event. It may come twice: make the work idempotent by upload."""
    if dict(message.headers() or ()).get("ce_type") != b"hangtag.outfit-tagged.v1":
        return  # an event of a later version, which needs another program
    value = message.value()
    event = json.loads(value[5:] if value[:1] == b"\0" else value)  # skip the zero byte and id of a Schema Registry
    tags = " ".join(tag["id"] for tag in event["tags"])
    note = " (backfill)" if event.get("backfill") else ""
    print(f"{event['shopper_id']} {event['upload_id']}{note}: {tags}", flush=True)


def main(servers: str, topic: str, group: str) -> None:
    """Read until SIGINT or SIGTERM, and commit only what was handled."""
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([topic])
    try:
        while not stopping.is_set():
            message = consumer.poll(0.2)
            if message is None:
                continue
            if message.error():
                print(f"not read: {message.error()}", file=sys.stderr)
                continue
            handle(message)
            consumer.commit(message, asynchronous=True)
    finally:
        consumer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
