"""Uploads whose text was recognized, put on the texts topic as the recognize stage would."""

from datetime import UTC, datetime

from schemas.codec import encode
from schemas.emitter import Emitter
from schemas.events import Engine, Identity, PhotoRead, Quality, TextLine, TextRecognized
from streams.config.settings import Settings
from streams.wiring.kafka import make_topics


def recognized(upload_id: str, *texts: str, shopper_id: str = "shopper") -> TextRecognized:
    return TextRecognized(
        upload_id=upload_id,
        shopper_id=shopper_id,
        uploaded_at=datetime.now(UTC),
        photo=PhotoRead(uri="file:none", sha256="0" * 64, width=100, height=100),
        identity=Identity(external_id=shopper_id),
        texts=tuple(
            TextLine(text=text, bbox=(0, 40 * at, 90, 40 * at + 20), score=0.9) for at, text in enumerate(texts)
        ),
        quality=Quality(verdict="ok", sharpness=1.0),
        engine=Engine(name="stand-in", model="none", revision="0"),
        recognized_at=datetime.now(UTC),
    )


async def publish(emitter: Emitter, settings: Settings, event: TextRecognized) -> None:
    value, headers = encode(event, source="test")
    topic = make_topics(settings).texts.name
    assert await emitter.send(topic, key=event.shopper_id.encode(), value=value, headers=headers) is None
