"""
Uploads by the thousand, as the stages would leave them in the topics, for tests and benches of what grows with them.

Of twenty uploads one has a bad photo, one has no tags, one is a dead letter, and seventeen reach Klaviyo.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from confluent_kafka import Producer
from outfits import tag

from schemas.codec import Headers, encode
from schemas.events import (
    DeadLetter,
    Engine,
    Event,
    Identity,
    Messages,
    OutfitTagged,
    Photo,
    PhotoRead,
    PhotoUploaded,
    ProfileSynced,
    Quality,
    TextLine,
    TextRecognized,
    UploadFeedback,
)
from schemas.topics import topics
from streams.runtime.dead_letters import letter_headers

#: Placeholders in the templates for an upload's own values, of the same kind and about the same length.
_UPLOAD, _SHOPPER = "upload-template", "shopper-template"
_AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
_LINES = tuple(
    TextLine(text=f"面料：棉65% 聚酯纤维35% 第{number}行", bbox=(0, 40 * number, 300, 40 * number + 20), score=0.97)
    for number in range(8)
)
_LETTER = DeadLetter(
    topic="outfit.uploads",
    partition=0,
    offset=0,
    stage="recognize",
    exception_class="schemas.outcomes.Never",
    message="the photo is gone from the store",
    reason="photo-missing",
    attempts=1,
)
NAMES = topics()
BAD_PHOTO, NO_TAGS, DEAD = 0, 1, 2


def upload_of(number: int) -> str:
    return f"upload-{number:08}"


def shopper_of(number: int, shoppers: int) -> str:
    return f"shopper-{number * 7919 % shoppers:07}"


def grow(bootstrap: str, uploads: int, *, shoppers: int, first: int = 0) -> None:
    """Put so many uploads into the topics, numbered from `first` on."""
    producer = Producer(
        {"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "linger.ms": 50, "compression.type": "lz4"}
    )
    templates = {kind: list(_chain(kind)) for kind in range(20)}
    for number in range(first, first + uploads):
        upload_id, shopper_id = upload_of(number).encode(), shopper_of(number, shoppers).encode()
        for topic, value, headers in templates[number % 20]:
            own = value.replace(_UPLOAD.encode(), upload_id).replace(_SHOPPER.encode(), shopper_id)
            named = [(name, upload_id if name == "ce_id" else content) for name, content in headers]
            while True:
                try:
                    producer.produce(topic, own, shopper_id, headers=named)
                    break
                except BufferError:
                    producer.poll(0.1)
        producer.poll(0)
    assert producer.flush(60) == 0


def _chain(kind: int) -> Iterator[tuple[str, bytes, Headers]]:
    identity = Identity(email=f"{_SHOPPER}@shop.example")
    uri = f"s3://bucket/uploads/{_SHOPPER}/{_UPLOAD}.jpg"
    photo = Photo(uri=uri, sha256="0" * 64)
    carried = {"upload_id": _UPLOAD, "shopper_id": _SHOPPER, "uploaded_at": _AT}
    engine = Engine(name="rapid", model="m", revision="1")
    uploaded = PhotoUploaded(**carried, photo=photo, identity=identity)
    yield _message(NAMES.uploads.name, uploaded, "upload")
    if kind == DEAD:
        value, headers = encode(uploaded, source="hangtag/upload")
        yield NAMES.uploads_dlq.name, value, letter_headers(headers, _LETTER)
        return
    if kind == BAD_PHOTO:
        messages = Messages(zh="请重新上传", en="Please upload it again")
        bad = UploadFeedback(**carried, code="unreadable", messages=messages, judged_at=_AT)
        yield _message(NAMES.feedback.name, bad, "recognize")
        return
    read = TextRecognized(
        **carried,
        photo=PhotoRead(uri=uri, sha256="0" * 64, width=900, height=900),
        identity=identity,
        texts=_LINES,
        quality=Quality(verdict="ok", sharpness=9),
        engine=engine,
        recognized_at=_AT,
    )
    yield _message(NAMES.texts.name, read, "recognize")
    if kind == NO_TAGS:
        return
    tags = (tag("material/cotton"), tag("material/polyester"), tag("category/shirt"))
    tagged = OutfitTagged(
        **carried, identity=identity, tags=tags, lexicon_version="1" * 64, engine=engine, tagged_at=_AT
    )
    yield _message(NAMES.tags.name, tagged, "tag")
    synced = ProfileSynced(**carried, outcome="written", lane="bulk", profile_version=1, synced_at=_AT)
    yield _message(NAMES.profiles.name, synced, "sync")


def _message(topic: str, event: Event, stage: str) -> tuple[str, bytes, Headers]:
    value, headers = encode(event, source=f"hangtag/{stage}")
    return topic, value, headers
