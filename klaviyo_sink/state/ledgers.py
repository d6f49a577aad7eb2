"""
Queries the ledgers: which events Klaviyo has accepted, and which shoppers were forgotten. Reads only.

Each function reads within the caller's transaction.
"""

import hashlib
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Column, Connection, Select, func, select

from klaviyo_sink.state.database import in_utc
from klaviyo_sink.state.tables import forgotten_shoppers, written_events

#: Clock skew plus the longest transaction: how late an entry of the erasure ledger may become visible.
_LATE: Final = timedelta(hours=1)


def taken_names(connection: Connection, names: Iterable[str]) -> set[str]:
    """Return the names of events that Klaviyo has accepted."""
    return set(connection.execute(_of_key(written_events.c.unique_id, set(names))).scalars())


def taken_uploads(connection: Connection, uploads: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the uploads, by shopper and upload id, of which Klaviyo has accepted an event under any name."""
    if not uploads:
        return set()
    ledger = written_events.c
    theirs = select(ledger.shopper_id, ledger.upload_id).where(
        ledger.shopper_id.in_(sorted({shopper_id for shopper_id, _ in uploads})),
        ledger.upload_id.in_(sorted({upload_id for _, upload_id in uploads})),
    )
    return set(uploads) & {(row.shopper_id, row.upload_id) for row in connection.execute(theirs)}


def forgotten(connection: Connection, shoppers: Collection[str]) -> set[str]:
    """Return the shoppers who were forgotten."""
    digests = {digest(shopper_id): shopper_id for shopper_id in shoppers}
    found = connection.execute(_of_key(forgotten_shoppers.c.shopper_digest, digests)).scalars()
    return {digests[one] for one in found}


def forgotten_at(connection: Connection, shopper_id: str) -> datetime | None:
    """Return when a shopper was forgotten, in UTC; None if they were not."""
    ledger = forgotten_shoppers.c
    found = connection.execute(select(ledger.forgotten_at).where(ledger.shopper_digest == digest(shopper_id))).scalar()
    return None if found is None else in_utc(found)


def forgotten_since(
    connection: Connection, moment: datetime | None, *, now: datetime
) -> tuple[set[str], datetime | None]:
    """Return the digests of shoppers forgotten since a time (None: ever), and the time to continue from."""
    query = select(forgotten_shoppers)
    if moment is not None:
        # Clocks differ, and a transaction is visible only after it ended.
        query = query.where(forgotten_shoppers.c.forgotten_at > moment - _LATE)
    found = connection.execute(query).all()
    times = [in_utc(row.forgotten_at) for row in found]
    newest = max(times, default=moment)
    # An entry from a clock that is ahead must not hide later entries.
    return {row.shopper_digest for row in found}, newest if newest is None else min(newest, now)


def count_forgotten(connection: Connection) -> int:
    """Return the number of forgotten shoppers."""
    return connection.execute(select(func.count()).select_from(forgotten_shoppers)).scalar_one()


def digest(shopper_id: str) -> str:
    """Return the erasure ledger's digest of a shopper's id: 64 hex digits."""
    return hashlib.sha256(shopper_id.encode()).hexdigest()


def _of_key(column: Column[str], keys: Iterable[str]) -> Select[Any]:
    return select(column).where(column.in_(sorted(keys)))
