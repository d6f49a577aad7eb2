"""
Stores the index of uploads in the database: rows of uploads, and the offsets up to which the topics were read.

Rows and positions change in one transaction, and only if the positions are still those that the writer read: of two
writers, one fails and changes nothing. Knows no Kafka, and does not interpret the column `facts`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, Table, and_, bindparam, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from klaviyo_sink.state.database import has_key, in_utc, insert_new, lock_to_add, reading
from klaviyo_sink.state.ledgers import forgotten
from klaviyo_sink.state.pruning import drop
from klaviyo_sink.state.tables import claims, index_positions, uploads

#: Most digests in one query: SQLite accepts 32,766 parameters.
_AT_ONCE: Final = 500
#: Topic and partition.
Log = tuple[str, int]
#: The key of a special row among the positions. Its offset counts the writes, so that readers notice newer rows.
WRITES: Final[Log] = ("", 0)


#: Cluster, topic, partition and next offset of each position that belongs to another Kafka cluster.
ForeignPositions = frozenset[tuple[str, str, int, int]]


class MovedError(RuntimeError):
    """Another writer has moved the positions since they were read. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Claim:
    """An event of this broker time claims the identifier or photo with this digest for the shopper."""

    digest: str
    shopper_id: str
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Indexed:
    """One upload of one shopper. `facts` is JSON that `streams.index.entry` reads."""

    upload_id: str
    shopper_id: str
    seen_at: datetime
    changed_at: datetime
    step: str
    ended: str | None
    facts: str


def find(connection: Connection, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], Indexed]:
    """Return the rows of uploads by upload id and shopper id; omits uploads without a row."""
    query = select(uploads).where(has_key(connection, uploads, sorted(keys)))
    return {(row.upload_id, row.shopper_id): _indexed(row) for row in connection.execute(query)}


def of_upload(connection: Connection, upload_id: str) -> list[Indexed]:
    """Return the rows of an upload, the one seen first before others: a shopper who copied its id came later."""
    query = select(uploads).where(uploads.c.upload_id == upload_id).order_by(uploads.c.seen_at)
    return [_indexed(row) for row in connection.execute(query)]


def of_shopper(connection: Connection, shopper_id: str, *, since: datetime | None = None) -> list[Indexed]:
    """Return the rows of a shopper, oldest first; with `since` only those first seen at or after that time."""
    query = select(uploads).where(uploads.c.shopper_id == shopper_id).order_by(uploads.c.seen_at)
    if since is not None:
        query = query.where(uploads.c.seen_at >= since)
    return [_indexed(row) for row in connection.execute(query)]


def positions(connection: Connection, cluster: str) -> dict[Log, int]:
    """Return the next offset to read of this Kafka cluster, by topic and partition; and the count of writes."""
    query = select(index_positions).where(index_positions.c.cluster == cluster)
    return {(row.topic, row.partition): row.next_offset for row in connection.execute(query)}


def write(
    engine: Engine,
    rows: Iterable[Indexed],
    claimed: Iterable[Claim],
    *,
    cluster: str,
    before: Mapping[Log, int],
    after: Mapping[Log, int],
    known: Iterable[Indexed] = (),
) -> dict[Log, int]:
    """
    Store rows and claims, and move the positions from `before` to `after`. Skips forgotten shoppers.

    `known` are the stored rows of the same uploads. Where `seen_at` stays the same, the indexes stay untouched.

    Returns the positions as stored, with the new count of writes: the `before` of the same writer's next call.

    Raises:
        MovedError: The positions are not those of `before`.

    """
    moved = {log: offset for log, offset in after.items() if before.get(log) != offset}
    moved[WRITES] = before.get(WRITES, 0) + 1
    with engine.begin() as connection:
        lock_to_add(connection)
        # Write the positions first: that locks their rows, so a second writer waits.
        _move(connection, cluster, before, moved)
        mine = sorted(rows, key=lambda row: (row.upload_id, row.shopper_id))
        theirs = sorted(claimed, key=lambda claim: (claim.digest, claim.shopper_id))
        gone = forgotten(connection, {row.shopper_id for row in mine} | {claim.shopper_id for claim in theirs})
        kept = [row for row in mine if row.shopper_id not in gone]
        indexed = {_of_index(row) for row in known}
        # SQLite writes an index again for every column that a statement sets, even to the same value.
        _put(connection, uploads, [row for row in kept if _of_index(row) in indexed], leave={"seen_at"})
        _put(connection, uploads, [row for row in kept if _of_index(row) not in indexed])
        _put(connection, claims, [claim for claim in theirs if claim.shopper_id not in gone], later="seen_at")
    return dict(before) | moved


def claimants(connection: Connection, digests: Collection[str]) -> dict[str, set[str]]:
    """Return by digest the shoppers who claim an identifier or a photo."""
    found: dict[str, set[str]] = {}
    ordered = sorted(digests)
    for at in range(0, len(ordered), _AT_ONCE):
        query = select(claims).where(claims.c.digest.in_(ordered[at : at + _AT_ONCE]))
        for row in connection.execute(query):
            found.setdefault(row.digest, set()).add(row.shopper_id)
    return found


def clear(engine: Engine) -> None:
    """Delete the index, so that it is built from the topics again."""
    with engine.begin() as connection:
        _clear(connection)


def foreign_positions(engine: Engine, cluster: str) -> ForeignPositions:
    """Return the positions of an index of another Kafka cluster, whose places mean nothing here; empty if none is."""
    with reading(engine) as connection:
        return _foreign(connection, cluster)


def clear_foreign(engine: Engine, cluster: str, seen: ForeignPositions) -> bool:
    """Delete an index of another Kafka cluster if its positions are still those seen; return whether they were."""
    with engine.begin() as connection:
        # Lock the rows: of two writers, one then clears the index, and the other finds no foreign rows.
        if not seen or _foreign(connection, cluster, lock=True) != seen:
            return False
        _clear(connection)
        return True


def _foreign(connection: Connection, cluster: str, *, lock: bool = False) -> ForeignPositions:
    query = select(index_positions).where(index_positions.c.cluster != cluster)
    rows = connection.execute(query.with_for_update() if lock else query)
    return frozenset((row.cluster, row.topic, row.partition, row.next_offset) for row in rows)


def _clear(connection: Connection) -> None:
    for table in (index_positions, uploads, claims):
        connection.execute(delete(table))


def prune(engine: Engine, *, before: datetime, dead_before: datetime, most: int) -> int:
    """
    Delete at most `most` uploads and `most` claims older than `before`, the oldest first; return how many.

    Uploads with dead letters are kept until `dead_before`, like the topics of dead letters.
    """
    columns = uploads.c
    alive = func.coalesce(columns.ended, "") != "dead_letter"
    late = or_(columns.changed_at < dead_before, and_(columns.changed_at < before, alive))
    with engine.begin() as connection:
        # Select by the time of the first message, because that column has an index.
        dropped = drop(connection, uploads, and_(columns.seen_at < before, late), by=columns.seen_at, most=most)
        return dropped + drop(connection, claims, claims.c.seen_at < before, by=claims.c.seen_at, most=most)


def read_positions(engine: Engine, cluster: str) -> dict[Log, int]:
    """Return the positions, in a separate transaction."""
    with reading(engine) as connection:
        return positions(connection, cluster)


def _move(connection: Connection, cluster: str, before: Mapping[Log, int], moved: Mapping[Log, int]) -> None:
    known = [log for log in sorted(moved) if log in before]
    changed = [_move_of(log, cluster, before[log], moved[log]) for log in known]
    if changed and connection.execute(_MOVE, [one | {"of_cluster": cluster} for one in changed]).rowcount < len(
        changed
    ):
        raise MovedError
    new = [
        {"topic": topic, "partition": number, "cluster": cluster, "next_offset": moved[topic, number]}
        for topic, number in sorted(moved.keys() - before.keys())
    ]
    if insert_new(connection, index_positions, new) < len(new):
        raise MovedError


_MOVE: Final = (
    update(index_positions)
    .where(index_positions.c.topic == bindparam("of_topic"))
    .where(index_positions.c.partition == bindparam("of_partition"))
    .where(index_positions.c.cluster == bindparam("of_cluster"))
    .where(index_positions.c.next_offset == bindparam("read_offset"))
    .values(next_offset=bindparam("to_offset"))
    .execution_options(preserve_rowcount=True)
)


def _move_of(log: Log, cluster: str, before: int, after: int) -> dict[str, Any]:
    place = {"of_topic": log[0], "of_partition": log[1], "of_cluster": cluster}
    return place | {"read_offset": before, "to_offset": after}


def _put(
    connection: Connection,
    table: Table,
    rows: Sequence[Indexed | Claim],
    *,
    leave: Collection[str] = (),
    later: str | None = None,
) -> None:
    """
    Insert rows. Where a row's key exists, replace its other columns.

    Args:
        connection: The transaction to write in.
        table: The table of the rows.
        rows: The rows; all keys differ.
        leave: Columns of an existing row that keep their values.
        later: A column with a time. An existing row is replaced only if the new row's time is later.

    """
    if not rows:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    insert = dialect.insert(table)
    key = {column.name for column in table.primary_key}
    newer = {one.name: insert.excluded[one.name] for one in table.c if one.name not in key and one.name not in leave}
    where = None if later is None else insert.excluded[later] > table.c[later]
    put = insert.on_conflict_do_update(index_elements=sorted(key), set_=newer, where=where)
    connection.execute(put, [_values(table, row) for row in rows])


def _of_index(row: Indexed) -> tuple[str, str, datetime]:
    """Return the columns of a row that are in indexes."""
    return row.upload_id, row.shopper_id, row.seen_at


def _values(table: Table, row: Indexed | Claim) -> dict[str, Any]:
    # `dataclasses.asdict` copies every value, which took a fifth of the projector's time.
    return {column.name: getattr(row, column.name) for column in table.c}


def _indexed(row: Row[Any]) -> Indexed:
    facts = {column.name: getattr(row, column.name) for column in uploads.c}
    for name in ("seen_at", "changed_at"):
        facts[name] = in_utc(facts[name])
    return Indexed(**facts)
