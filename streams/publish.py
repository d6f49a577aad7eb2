"""Publishes uploads: the photo is stored first, the event after it, so that no event points at nothing."""

import hashlib
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import PurePath

from schemas.codec import encode
from schemas.events import Identity, Photo, PhotoUploaded
from schemas.outcomes import Later, Never
from schemas.topics import Topic
from streams.producer import Emitter
from streams.store import PhotoStore


async def publish_upload(
    photo: bytes,
    *,
    name: str,
    shopper_id: str,
    email: str | None,
    store: PhotoStore,
    emitter: Emitter,
    topic: Topic,
    now: Callable[[], datetime],
    backfill: bool = False,
    new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
) -> str | Later | Never:
    """Store a photo and publish its upload; answers the `upload_id` once the broker has the event."""
    upload_id = new_id()
    uri = await store.put(
        shopper_id=shopper_id, upload_id=upload_id, suffix=PurePath(name).suffix or ".bin", photo=photo
    )
    event = PhotoUploaded(
        upload_id=upload_id,
        shopper_id=shopper_id,
        uploaded_at=now(),
        backfill=backfill,
        photo=Photo(uri=uri, sha256=hashlib.sha256(photo).hexdigest()),
        identity=Identity(email=email) if email else Identity(external_id=shopper_id),
    )
    value, headers = encode(event, source="hangtag/upload")
    refused = await emitter.send(topic.name, key=shopper_id.encode(), value=value, headers=headers)
    return upload_id if refused is None else refused
