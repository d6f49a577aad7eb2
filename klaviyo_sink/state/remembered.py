"""
Reads and writes the remembered uploads that have rows of their own (`memory.py`).

Each function works within the caller's transaction. A row of a shopper changes only together with the shopper's row of
`style_profiles`, whose `row_version` tells whether another process was first.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Connection, Row, String, bindparam, column, delete, func, insert, select, values

from klaviyo_sink.state.memory import Changes, Texts
from klaviyo_sink.state.tables import remembered_uploads, style_profiles

_THEIRS: Final = remembered_uploads.c
_FORGET_ONE: Final = (
    delete(remembered_uploads)
    .where(_THEIRS.shopper_id == bindparam("of_shopper"))
    .where(_THEIRS.upload_id == bindparam("of_upload"))
)


def some_uploads(connection: Connection, wanted: Mapping[str, Collection[str]], oldest: Mapping[str, int]) -> Texts:
    """Return the remembered ones of the wanted uploads, and so many of the oldest ones, or more."""
    found: Texts = {}
    keys = sorted((shopper_id, upload_id) for shopper_id, uploads in wanted.items() for upload_id in uploads)
    if keys:
        # SQLite uses the index for such a join, but not for `(shopper_id, upload_id) IN (VALUES …)`.
        pairs = values(column("shopper_id", String), column("upload_id", String), name="wanted").data(keys).cte()
        mine = (pairs.c.shopper_id == _THEIRS.shopper_id) & (pairs.c.upload_id == _THEIRS.upload_id)
        _gather(found, connection.execute(select(remembered_uploads).join(pairs, mine)))
    if most := max(oldest.values(), default=0):
        other = remembered_uploads.alias()
        until = (
            select(other.c.uploaded_at)
            .where(other.c.shopper_id == style_profiles.c.shopper_id)
            .order_by(other.c.uploaded_at)
            .limit(1)
            .offset(most - 1)
            .scalar_subquery()
        )
        # A shopper may have fewer.
        until_then = _THEIRS.uploaded_at <= func.coalesce(until, 2**63 - 1)
        old = (
            select(remembered_uploads)
            .join_from(style_profiles, remembered_uploads, _THEIRS.shopper_id == style_profiles.c.shopper_id)
            .where(style_profiles.c.shopper_id.in_(sorted(oldest)), until_then)
        )
        _gather(found, connection.execute(old))
    return found


def all_uploads(connection: Connection, shoppers: Collection[str]) -> Texts:
    """Return all remembered uploads of shoppers."""
    found: Texts = {}
    if shoppers:
        theirs = _THEIRS.shopper_id.in_(sorted(shoppers))
        _gather(found, connection.execute(select(remembered_uploads).where(theirs)))
    return found


def store_uploads(connection: Connection, changes: Changes) -> None:
    """Store changes."""
    if changes.cleared:
        connection.execute(delete(remembered_uploads).where(_THEIRS.shopper_id.in_(changes.cleared)))
    if changes.gone:
        connection.execute(_FORGET_ONE, changes.gone)
    if changes.new:
        connection.execute(insert(remembered_uploads), changes.new)


def _gather(found: Texts, rows: Iterable[Row[Any]]) -> None:
    for row in rows:
        found.setdefault(row.shopper_id, set()).add(row.contribution)
