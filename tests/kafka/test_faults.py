"""What operators do to a cluster under a running stage, and what the stage makes of it."""

import asyncio

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic
from traffic import Upload, hear, publish, stage, supervised, uploads

from schemas.codec import encode
from schemas.events import Identity, Photo, PhotoUploaded
from schemas.topics import topics
from streams.wiring.clock import now


async def test_a_recreated_topic_is_read_from_its_beginning(settings, tmp_path):
    """Faust remembers the old offsets and would drop everything below them without a word."""
    admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers})
    name = topics(settings.topic_prefix).uploads.name
    await publish(settings, uploads(60, shoppers=6))
    async with supervised(settings, tmp_path, metadata_max_age_s=2):
        await asyncio.to_thread(hear, settings, lambda heard: len(heard) == 60)
        await asyncio.sleep(1)
        admin.delete_topics([name])[name].result()
        await asyncio.sleep(1)
        admin.create_topics([NewTopic(name, 3)])[name].result()
        await asyncio.sleep(1)
        await publish(settings, [Upload(number, f"again{number % 6}") for number in range(12)])
        await asyncio.to_thread(hear, settings, lambda heard: sum(one.startswith("again") for one in heard) == 12)


async def test_offsets_set_back_by_hand_are_worked_on_again(settings, tmp_path):
    await publish(settings, uploads(30, shoppers=6))
    with stage(settings, tmp_path) as running:
        await asyncio.to_thread(hear, settings, lambda heard: len(heard) == 30)
        await asyncio.sleep(1)
        assert await asyncio.to_thread(running.stop) == 0
    consumer = Consumer(
        {"bootstrap.servers": settings.bootstrap_servers, "group.id": f"{settings.group_prefix}.recognize"}
    )
    name = topics(settings.topic_prefix).uploads.name
    consumer.commit(offsets=[TopicPartition(name, number, 0) for number in range(3)], asynchronous=False)
    consumer.close()
    with stage(settings, tmp_path):
        heard = await asyncio.to_thread(hear, settings, lambda heard: heard.duplicates == 30)
    assert len(heard) == 30


async def test_records_that_retention_deleted_do_not_stop_the_stage(settings, tmp_path):
    await publish(settings, uploads(30, shoppers=6))
    with stage(settings, tmp_path) as running:
        await asyncio.to_thread(hear, settings, lambda heard: len(heard) == 30)
        await asyncio.sleep(1)
        assert await asyncio.to_thread(running.stop) == 0
    await publish(settings, [Upload(number, f"gone{number % 6}") for number in range(12)])
    admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers})
    name = topics(settings.topic_prefix).uploads.name
    for future in admin.delete_records([TopicPartition(name, number, -1) for number in range(3)]).values():
        future.result()
    await publish(settings, [Upload(number, f"new{number % 6}") for number in range(12)])
    with stage(settings, tmp_path):
        await asyncio.to_thread(hear, settings, lambda heard: sum(one.startswith("new") for one in heard) == 12)


async def test_a_transactions_marker_is_no_gap(settings, tmp_path):
    """Commit markers take offsets that no one can read."""
    producer = Producer({"bootstrap.servers": settings.bootstrap_servers, "transactional.id": settings.topic_prefix})
    producer.init_transactions()
    for number in range(6):
        event = PhotoUploaded(
            upload_id=f"t-{number}",
            shopper_id="t",
            uploaded_at=now(),
            photo=Photo(uri="file:///p"),
            identity=Identity(external_id="t"),
        )
        producer.begin_transaction()
        producer.produce(topics(settings.topic_prefix).uploads.name, encode(event, source="t")[0], b"t")
        producer.commit_transaction()
    with stage(settings, tmp_path) as running:
        await asyncio.to_thread(hear, settings, lambda heard: len(heard) == 6)
        assert running.process.poll() is None


async def test_a_running_stage_reads_added_partitions(settings, tmp_path):
    name = topics(settings.topic_prefix).uploads.name
    with stage(settings, tmp_path, metadata_max_age_s=2) as running:
        await asyncio.to_thread(running.await_said, "assigned")
        admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers})
        admin.create_partitions([NewPartitions(name, 6)])[name].result()
        await asyncio.sleep(2)
        await publish(settings, uploads(120, shoppers=60))
        await asyncio.to_thread(hear, settings, lambda heard: len(heard) == 120, limit_s=30)


async def test_a_stage_waits_for_missing_topics_and_says_how_to_make_them(settings, tmp_path):
    with stage(settings, tmp_path, topic_prefix="not-there") as running:
        await asyncio.to_thread(running.await_said, "hangtag topics apply")
        assert not running.said("Traceback")
        assert await asyncio.to_thread(running.stop, limit_s=5) == 0


async def test_a_stage_waits_for_a_broker_that_is_not_there_yet(settings, tmp_path):
    with stage(settings, tmp_path, bootstrap_servers="127.0.0.1:1") as running:
        await asyncio.to_thread(running.await_said, "no Kafka at 127.0.0.1:1")
        assert not running.said("Traceback")
        assert await asyncio.to_thread(running.stop, limit_s=5) == 0
