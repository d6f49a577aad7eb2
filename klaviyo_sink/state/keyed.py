"""
Records for each upload with an idempotency key which gateway publishes it, and whether it was published. Blocks.

A gateway writes the row before it stores the photo, so that only one gateway publishes. Knows no HTTP and no Kafka.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from sqlalchemy import Engine, select, update

from klaviyo_sink.state.database import insert_new
from klaviyo_sink.state.ledgers import forgotten
from klaviyo_sink.state.tables import keyed_uploads

#: first: no earlier try. again: an earlier try failed or its gateway ended; it may or may not have published.
Turn = Literal["first", "again", "under way", "published", "forgotten"]


@dataclass(frozen=True, slots=True)
class Try:
    """Whether the caller may publish an upload: yes with `first` and `again`."""

    turn: Turn
    #: Digest of the photo of the first try.
    sha256: str
    #: When the earlier try began, or this one if it is the first.
    tried_at: datetime


def begin(engine: Engine, *, upload_id: str, shopper_id: str, sha256: str, at: datetime, patience: timedelta) -> Try:
    """Begin to publish an upload, unless another gateway does. A try older than `patience` counts as ended."""
    with engine.begin() as connection:
        if forgotten(connection, {shopper_id}):
            return Try("forgotten", sha256, at)
        row = {"upload_id": upload_id, "shopper_id": shopper_id, "sha256": sha256, "tried_at": at, "published": 0}
        if insert_new(connection, keyed_uploads, [row]):
            return Try("first", sha256, at)
        mine = keyed_uploads.c.upload_id == upload_id
        found = connection.execute(select(keyed_uploads).where(mine).with_for_update()).one()
        tried_at = found.tried_at.replace(tzinfo=found.tried_at.tzinfo or UTC)
        if found.published:
            return Try("published", found.sha256, tried_at)
        if at - tried_at < patience or found.sha256 != sha256:
            return Try("under way", found.sha256, tried_at)
        connection.execute(update(keyed_uploads).where(mine).values(tried_at=at))
        return Try("again", found.sha256, tried_at)


def is_published(engine: Engine, upload_id: str) -> bool:
    """Return whether an upload was published."""
    mine = keyed_uploads.c.upload_id == upload_id
    with engine.connect() as connection:
        return bool(connection.execute(select(keyed_uploads.c.published).where(mine)).scalar())


def end(engine: Engine, upload_id: str, *, published: bool, at: datetime, patience: timedelta) -> None:
    """Record how a try ended. If it did not publish, the next caller may try."""
    values = {"published": 1} if published else {"tried_at": at - patience}
    with engine.begin() as connection:
        connection.execute(update(keyed_uploads).where(keyed_uploads.c.upload_id == upload_id).values(values))
