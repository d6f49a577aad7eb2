"""
Records for each upload with an idempotency key which gateway publishes it, and whether it was published. Blocks.

A gateway writes the row before it stores the photo, so that only one gateway publishes. Knows no HTTP and no Kafka.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Engine, select, update

from klaviyo_sink.state.database import in_utc, insert_new, lock_to_add
from klaviyo_sink.state.ledgers import forgotten
from klaviyo_sink.state.pruning import drop
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
    #: When the caller's own try began; None if the caller may not publish.
    began: datetime | None = None


def begin(engine: Engine, *, upload_id: str, shopper_id: str, sha256: str, at: datetime, patience: timedelta) -> Try:
    """Begin to publish an upload, unless another gateway does. A try older than `patience` counts as ended."""
    with engine.begin() as connection:
        lock_to_add(connection)
        if forgotten(connection, {shopper_id}):
            return Try("forgotten", sha256, at)
        row = {"upload_id": upload_id, "shopper_id": shopper_id, "sha256": sha256, "tried_at": at, "published": 0}
        if insert_new(connection, keyed_uploads, [row]):
            return Try("first", sha256, at, began=at)
        mine = keyed_uploads.c.upload_id == upload_id
        found = connection.execute(select(keyed_uploads).where(mine).with_for_update()).one()
        tried_at = in_utc(found.tried_at)
        if found.published:
            return Try("published", found.sha256, tried_at)
        if at - tried_at < patience or found.sha256 != sha256:
            return Try("under way", found.sha256, tried_at)
        connection.execute(update(keyed_uploads).where(mine).values(tried_at=at))
        return Try("again", found.sha256, tried_at, began=at)


def end(engine: Engine, upload_id: str, mine: Try, *, published: bool, patience: timedelta) -> None:
    """
    Record how the caller's try ended. If it did not publish, the next caller may try at once.

    A try that ends later than `patience` leaves the turn of a newer try as it is. That it published is recorded
    nevertheless, because the broker has the upload.
    """
    columns = keyed_uploads.c
    row = update(keyed_uploads).where(columns.upload_id == upload_id)
    if published:
        ended = row.values(published=1)
    elif mine.began is None:
        return
    else:
        # Let the next caller try at once.
        ended = row.where(columns.tried_at == mine.began).values(tried_at=mine.began - patience)
    with engine.begin() as connection:
        connection.execute(ended)


def prune_keyed(engine: Engine, *, before: datetime, most: int) -> int:
    """Delete at most `most` idempotency keys last tried before a time, the oldest first; return how many."""
    tried_at = keyed_uploads.c.tried_at
    with engine.begin() as connection:
        return drop(connection, keyed_uploads, tried_at < before, by=tried_at, most=most)
