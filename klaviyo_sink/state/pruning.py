"""
Drops old entries of the ledger of written events, a bounded number at a time. Never touches the erasure ledger.

An entry keeps an event that is delivered again from being sent again. Once no topic can deliver the event any more, its
entry serves nothing.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import Engine, delete, select

from klaviyo_sink.state.tables import written_events

#: Entries that one transaction drops. On SQLite the sync stage waits for it to end.
AT_ONCE: Final = 1000


def prune_written(engine: Engine, *, before: datetime, most: int = AT_ONCE) -> int:
    """Drop at most so many events that Klaviyo took before a moment, the oldest first; answers how many. Blocks."""
    columns = written_events.c
    # By the index on `written_at`: the cost goes by what is dropped. On PostgreSQL entries that `forget` is dropping
    # are left to it, so that neither waits for the other.
    old = (
        select(columns.unique_id)
        .where(columns.written_at < before)
        .order_by(columns.written_at)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    with engine.begin() as connection:
        names = connection.execute(old).scalars().all()
        if names:
            connection.execute(delete(written_events).where(columns.unique_id.in_(names)))
    return len(names)
