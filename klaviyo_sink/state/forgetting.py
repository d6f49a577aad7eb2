"""
Forgetting a shopper in the database: the erasure ledger is entered and all else is dropped, in one transaction.

Knows no Klaviyo: `erasure.py` asks it, and after this. Run again, it drops what there is by then.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, delete, func, select

from klaviyo_sink.state.database import BUSY_S, insert_new
from klaviyo_sink.state.ledgers import digest, forgotten_at
from klaviyo_sink.state.tables import forgotten_shoppers, style_profiles, written_events

_THEIRS = (style_profiles, written_events)


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


def known_of(engine: Engine, shopper_id: str) -> Dropped:
    """Tell what `forget` would drop."""
    with engine.begin() as connection:
        counts = [
            connection.execute(select(func.count()).where(table.c.shopper_id == shopper_id)).scalar_one()
            for table in _THEIRS
        ]
        return Dropped(counts[0], counts[1], forgotten_at(connection, shopper_id))
