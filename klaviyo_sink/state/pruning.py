"""Deletes old rows, a bounded number at a time. Never touches the erasure ledger."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Connection, Engine, Table, delete, select

from klaviyo_sink.state.database import has_key
from klaviyo_sink.state.tables import written_events

#: Entries that one transaction deletes. On SQLite the sync stage waits for it to end.
AT_ONCE: Final = 1000


def drop(connection: Connection, table: Table, old: ColumnElement[bool], *, by: Column[Any], most: int) -> int:
    """
    Delete at most `most` rows that match `old`, in the order of `by`; return how many.

    `by` has an index, so rows newer than the limit cost nothing. On PostgreSQL it skips rows that another transaction
    has locked, so that neither waits for the other.
    """
    key = [*table.primary_key.columns]
    query = select(*key).where(old).order_by(by).limit(most).with_for_update(skip_locked=True)
    keys = [tuple(row) for row in connection.execute(query)]
    connection.execute(delete(table).where(has_key(connection, table, keys)))
    return len(keys)


def prune_written(engine: Engine, *, before: datetime, most: int = AT_ONCE) -> int:
    """
    Delete at most `most` entries of events that Klaviyo accepted before a time; return how many. Blocks.

    An entry keeps an event that is delivered again from being sent again. Once no topic can deliver the event any more,
    its entry is useless.
    """
    written_at = written_events.c.written_at
    with engine.begin() as connection:
        return drop(connection, written_events, written_at < before, by=written_at, most=most)
