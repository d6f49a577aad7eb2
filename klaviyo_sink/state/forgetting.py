"""
Forgets a shopper in the database: enters the erasure ledger and deletes everything else, in one transaction.

Does not call Klaviyo; `account/erasure.py` does, afterwards. A second run deletes what exists by then.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Engine, delete, func, select, text
from sqlalchemy.exc import DBAPIError

from klaviyo_sink.state.database import BUSY_S, insert_new, lock_to_forget, reading
from klaviyo_sink.state.ledgers import digest, forgotten_at
from klaviyo_sink.state.tables import (
    claims,
    forgotten_shoppers,
    keyed_uploads,
    remembered_uploads,
    style_profiles,
    uploads,
    written_events,
)

_THEIRS = (style_profiles, remembered_uploads, written_events, uploads, claims, keyed_uploads)
#: Most bytes of a table to rewrite, which takes some ten seconds; and how many seconds to wait for its lock.
LARGEST_REWRITTEN: Final = 1_000_000_000
LOCK_S: Final = 5


@dataclass(frozen=True, slots=True)
class Dropped:
    """What forgetting a shopper deleted, or would delete."""

    style_profiles: int
    written_events: int
    #: When the shopper was first forgotten; None: not yet.
    forgotten_at: datetime | None


def forget(engine: Engine, shopper_id: str, *, at: datetime) -> Dropped:
    """Delete everything about a shopper, and mark them so that all later events are dropped."""
    with engine.begin() as connection:
        lock_to_forget(connection)
        entry = {"shopper_digest": digest(shopper_id), "forgotten_at": at}
        insert_new(connection, forgotten_shoppers, [entry])
        since = forgotten_at(connection, shopper_id)
        dropped = {
            table: connection.execute(delete(table).where(table.c.shopper_id == shopper_id)).rowcount
            for table in _THEIRS
        }
    if engine.dialect.name == "sqlite":
        # Remove it from the file's journal too. While another process reads an old page, a later run does this.
        raw = engine.raw_connection()
        try:
            cursor = raw.cursor()
            # The checkpoint has the write lock while it waits for readers, so it must not wait.
            cursor.execute("PRAGMA busy_timeout = 0")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            cursor.execute(f"PRAGMA busy_timeout = {BUSY_S * 1000}")
        finally:
            raw.close()
    return Dropped(dropped[style_profiles], dropped[written_events], since)


def rewrite_tables(engine: Engine) -> str | None:
    """
    Rewrite PostgreSQL's files, so that they no longer contain deleted rows. Return what is left, or None.

    After DELETE, and after VACUUM, a row's bytes stay in the table and its indexes until other rows overwrite them. The
    rewrite locks the tables, so it skips large ones: an operator must choose a quiet hour. SQLite deletes securely.

    The planner's statistics are rewritten too: they have samples of ids from before migration 0005.
    """
    if engine.dialect.name != "postgresql":
        return None
    left = []
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"SET lock_timeout = {round(LOCK_S * 1000)}"))
        for name in (*(table.name for table in _THEIRS), "pg_statistic"):
            size = connection.execute(text("SELECT pg_total_relation_size(CAST(:name AS regclass))"), {"name": name})
            if size.scalar_one() > LARGEST_REWRITTEN:
                left.append(f"{name} (more than {LARGEST_REWRITTEN:,} bytes)")
                continue
            try:
                connection.execute(text(f"VACUUM FULL {name}"))
            except DBAPIError as error:
                left.append(f"{name} ({type(error.orig).__name__})")
        with suppress(DBAPIError):
            # Without this, PostgreSQL deletes the old files at the next checkpoint. Needs a superuser or pg_checkpoint.
            connection.execute(text("CHECKPOINT"))
    if not left:
        return None
    return f"the files of {', '.join(left)} still contain deleted rows: run VACUUM FULL on them in a quiet hour"


def known_of(engine: Engine, shopper_id: str) -> Dropped:
    """Return what `forget` would delete. Waits for no writer."""
    with reading(engine) as connection:
        profiles, events = (
            connection.execute(select(func.count()).where(table.c.shopper_id == shopper_id)).scalar_one()
            for table in (style_profiles, written_events)
        )
        return Dropped(profiles, events, forgotten_at(connection, shopper_id))
