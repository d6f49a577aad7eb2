"""Uploads from transactional producers: aborted ones are not worked on, and markers cost neither lines nor tries."""

import asyncio
from datetime import UTC, datetime

from confluent_kafka import Producer
from traffic import hear, stage

from schemas.codec import encode
from schemas.events import Identity, Photo, PhotoUploaded
from streams.config.settings import Settings
from streams.wiring.kafka import make_topics


def transact(settings: Settings, uploads: dict[str, bool]) -> None:
    """Publish each upload in a transaction of its own, committed or aborted."""
    producer = Producer({"bootstrap.servers": settings.bootstrap_servers, "transactional.id": settings.topic_prefix})
    producer.init_transactions(30)
    topic = make_topics(settings).uploads.name
    for number, (name, kept) in enumerate(uploads.items()):
        event = PhotoUploaded(
            upload_id=name,
            shopper_id=f"s{number % 10}",
            uploaded_at=datetime.now(UTC),
            photo=Photo(uri="file:///photo.jpg"),
            identity=Identity(external_id="s"),
        )
        value, headers = encode(event, source="test")
        producer.begin_transaction()
        producer.produce(topic, value, event.shopper_id, headers=headers)
        if kept:
            producer.commit_transaction(30)
        else:
            producer.flush(30)
            producer.abort_transaction(30)


async def test_only_committed_uploads_are_worked_on_and_no_marker_is_mentioned(settings, tmp_path):
    uploads = {f"u{number}": number % 5 != 0 for number in range(100)}
    await asyncio.to_thread(transact, settings, uploads)
    kept = {name for name, committed in uploads.items() if committed}
    with stage(settings, tmp_path) as running:
        heard = await asyncio.to_thread(hear, settings, lambda heard: kept <= set(heard))
        assert await asyncio.to_thread(running.stop) == 0
        lines = running.log.read_text().splitlines()
    assert set(heard) == kept
    assert heard.duplicates == 0
    assert len(lines) < 20, lines
