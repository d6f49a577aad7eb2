"""confluent-kafka alone: consume a batch, produce it, flush, commit."""

from confluent_kafka import Consumer, Producer
from job import BOOTSTRAP, GROUP, SOURCE, TARGET, work

consumer = Consumer(
    {"bootstrap.servers": BOOTSTRAP, "group.id": GROUP, "enable.auto.commit": False, "auto.offset.reset": "earliest"}
)
producer = Producer(
    {
        "bootstrap.servers": BOOTSTRAP,
        "enable.idempotence": True,
        "partitioner": "murmur2_random",
        "linger.ms": 2,
        "compression.type": "lz4",
    }
)
consumer.subscribe([SOURCE])
while True:
    messages = [one for one in consumer.consume(256, timeout=0.5) if one.error() is None]
    for message in messages:
        key, value, headers = work(message.value())
        producer.produce(TARGET, key=key, value=value, headers=headers)
    if messages:
        producer.flush()
        consumer.commit(asynchronous=False)
