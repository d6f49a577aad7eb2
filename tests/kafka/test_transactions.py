"""Uploads from transactional producers: stages skip aborted ones, and markers cause neither log lines nor retries."""

import asyncio

from confluent_kafka import Producer
from traffic import Upload, encoded, hear, stage, uploads

from schemas.codec import decode
from schemas.events import PhotoUploaded
from streams.config.settings import Settings
from streams.kafka.reader import follow
from streams.wiring.kafka import make_topics


def transact(settings: Settings, these: list[Upload], aborted: set[str]) -> None:
    """Publish each upload in a transaction of its own, committed or aborted."""
    producer = Producer({"bootstrap.servers": settings.bootstrap_servers, "transactional.id": settings.topic_prefix})
    producer.init_transactions(30)
    topic = make_topics(settings).uploads.name
    for upload in these:
        value, headers = encoded(upload)
        producer.begin_transaction()
        producer.produce(topic, value, upload.shopper, headers=headers)
        if upload.id in aborted:
            producer.flush(30)
            producer.abort_transaction(30)
        else:
            producer.commit_transaction(30)


async def test_only_committed_uploads_are_worked_on_and_no_marker_is_mentioned(settings, tmp_path):
    these = uploads(100, shoppers=10)
    aborted = {upload.id for upload in these if upload.number % 5 == 0}
    await asyncio.to_thread(transact, settings, these, aborted)
    kept = {upload.id for upload in these} - aborted
    with stage(settings, tmp_path) as running:
        heard = await asyncio.to_thread(hear, settings, lambda heard: kept <= set(heard))
        assert await asyncio.to_thread(running.stop) == 0
        lines = running.log.read_text().splitlines()
    assert set(heard) == kept
    assert heard.duplicates == 0
    assert len(lines) < 20, lines


async def test_whoever_reads_a_topic_sees_the_uploads_that_the_stages_see(settings):
    """`trace`, the gateway and the index: an aborted upload is never tagged, so it would wait there for ever."""
    these = uploads(20, shoppers=5)
    aborted = {upload.id for upload in these if upload.number % 2}
    await asyncio.to_thread(transact, settings, these, aborted)
    seen = await asyncio.to_thread(lambda: list(follow(settings, [make_topics(settings).uploads.name])))
    assert {decode(PhotoUploaded, one.value).upload_id for one in seen} == {upload.id for upload in these} - aborted
