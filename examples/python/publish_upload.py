"""
Publishes one upload to Kafka: `python publish_upload.py localhost:9092 outfit.uploads s-42 u-1 s3://photos/s-42/u-1.jpg`.

It needs `pip install confluent-kafka`. Store the photo first: Hangtag reads it at the address that the event names.
"""

import json
import sys
from datetime import UTC, datetime

from confluent_kafka import KafkaError, Message, Producer


def publish(servers: str, topic: str, shopper: str, upload: str, uri: str) -> None:
    """Publish the event, and wait until all in-sync replicas have it."""
    producer = Producer(
        {
            "bootstrap.servers": servers,
            "enable.idempotence": True,  # implies acks=all
            "partitioner": "murmur2_random",  # as Java does, so that a shopper has one partition
        }
    )
    now = datetime.now(UTC).isoformat()
    event = {"upload_id": upload, "shopper_id": shopper, "uploaded_at": now, "photo": {"uri": uri}}
    producer.produce(topic, key=shopper, value=json.dumps(event), on_delivery=report)
    producer.flush()


def report(error: KafkaError | None, message: Message) -> None:
    """Print where the event is, or stop with the reason why Kafka does not have it."""
    if error is not None:
        raise SystemExit(f"not published: {error}")
    print(message.partition(), message.offset())


if __name__ == "__main__":
    publish(*sys.argv[1:])
