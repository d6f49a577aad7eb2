"""Deletes old rows of the index of uploads, and old idempotency keys. Knows no Kafka."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine

from klaviyo_sink.state.keyed import prune_keyed
from klaviyo_sink.state.uploads import prune
from schemas.topics import LETTERS_KEPT, WEEK

#: How long the index keeps an upload, its claims and its idempotency key: as long as the topics keep its messages.
KEPT: Final = WEEK
#: Added to this and to the retention of dead letters, because brokers delete only whole segments.
_MARGIN: Final = timedelta(days=1)
#: Most rows of a table that one transaction deletes.
AT_ONCE: Final = 500


def prune_old(engine: Engine, now: datetime) -> bool:
    """
    Delete some of the old rows; return whether there may be more of them.

    Raises:
        SQLAlchemyError: The state database failed.

    """
    before = now - _MARGIN
    rows = prune(engine, before=before - KEPT, dead_before=before - LETTERS_KEPT, most=AT_ONCE)
    keys = prune_keyed(engine, before=before - KEPT, most=AT_ONCE)
    return rows >= AT_ONCE or keys >= AT_ONCE
