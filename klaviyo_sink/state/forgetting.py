"""
Forgetting a shopper in the database: the erasure ledger is entered and all else is dropped, in one transaction.

Knows no Klaviyo: `erasure.py` asks it, and after this. Run again, it drops what there is by then.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Engine, delete, func, select, text
from sqlalchemy.exc import DBAPIError

from klaviyo_sink.state.database import BUSY_S, insert_new
from klaviyo_sink.state.ledgers import digest, forgotten_at
from klaviyo_sink.state.tables import (
    claims,
    forgotten_shoppers,
    index_positions,
    keyed_uploads,
    style_profiles,
    uploads,
    written_events,
)
from klaviyo_sink.state.uploads import WRITES

_THEIRS = (style_profiles, written_events, uploads, claims, keyed_uploads)
#: Bytes of tables that are rewritten at once: some ten seconds. And seconds to wait for the lock on one.
LARGEST_REWRITTEN: Final = 1_000_000_000
LOCK_S: Final = 5


@dataclass(frozen=True, slots=True)
class Dropped:
    """What forgetting a shopper dropped, or would drop."""

    style_profiles: int
    written_events: int
    #: When the shopper was forgotten first; None: not yet.
    forgotten_at: datetime | None


def forget(engine: Engine, shopper_id: str, *, at: datetime) -> Dropped:
    """Drop what is known of a shopper, and every event of theirs from now on."""
    with engine.begin() as connection:
        entry = {"shopper_digest": digest(shopper_id), "forgotten_at": at}
        insert_new(connection, forgotten_shoppers, [entry])
        since = forgotten_at(connection, shopper_id)
        # A writer of the index that did not see the entry yet must have ended before its rows are dropped.
        connection.execute(select(index_positions).where(index_positions.c.topic == WRITES[0]).with_for_update())
        dropped = [
            connection.execute(delete(table).where(table.c.shopper_id == shopper_id)).rowcount for table in _THEIRS
        ]
    if engine.dialect.name == "sqlite":
        # Gone from the file's journal, too. While another process reads an old page of it, a later one sees to that.
        raw = engine.raw_connection()
        try:
            cursor = raw.cursor()
            # It holds the write lock while it waits for readers: it must not wait.
            cursor.execute("PRAGMA busy_timeout = 0")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            cursor.execute(f"PRAGMA busy_timeout = {BUSY_S * 1000}")
        finally:
            raw.close()
    return Dropped(dropped[0], dropped[1], since)


def rewrite_tables(engine: Engine) -> str | None:
    """
    Rewrite PostgreSQL's files so that they no longer hold the bytes of dropped rows; answers what is left, if so.

    DELETE leaves a row's bytes in the table and its indexes until other rows overwrite them, and so does VACUUM. The
    tables are locked meanwhile, so large ones are left to whoever knows a quiet hour. SQLite deletes securely.

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
            # Else the old files go with the next checkpoint. It is the right of a superuser or of pg_checkpoint.
            connection.execute(text("CHECKPOINT"))
    if not left:
        return None
    return f"the files of {', '.join(left)} still hold the bytes of dropped rows: run VACUUM FULL in a quiet hour"


def known_of(engine: Engine, shopper_id: str) -> Dropped:
    """Tell what `forget` would drop."""
    with engine.begin() as connection:
        counts = [
            connection.execute(select(func.count()).where(table.c.shopper_id == shopper_id)).scalar_one()
            for table in _THEIRS
        ]
        return Dropped(counts[0], counts[1], forgotten_at(connection, shopper_id))
