"""
What must be remembered across events: style profiles, the written ledger, the erasure ledger, the request budget.

Blocking; knows neither HTTP nor asyncio. Every method is one transaction over a batch. Times are passed in.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from pydantic_core import from_json, to_json
from sqlalchemy import Column, Connection, Engine, Row, Table, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from klaviyo_sink.bodies import Properties
from klaviyo_sink.database import open_database
from klaviyo_sink.limits import Spent
from klaviyo_sink.profile import StyleProfile, contribution, fold, unique_id
from klaviyo_sink.tables import forgotten_shoppers, spent_requests, style_profiles, written_events
from klaviyo_sink.wording import DEFAULT_WORDING, Wording
from schemas.events import OutfitTagged

T = TypeVar("T")

#: Attempts to fold a batch while other processes store the same shoppers' profiles.
FOLD_ATTEMPTS: Final = 8

_STORE: Final = (
    update(style_profiles)
    .where(style_profiles.c.shopper_id == bindparam("of_shopper"))
    .where(style_profiles.c.row_version == bindparam("read_row"))
    .values(
        row_version=bindparam("row"),
        version=bindparam("to_version"),
        profile=bindparam("to_profile"),
        said=bindparam("to_said"),
    )
)
_RAISE: Final = (
    update(style_profiles)
    .where(style_profiles.c.shopper_id == bindparam("of_shopper"))
    .where(style_profiles.c.written_version < bindparam("to_written"))
    .values(written_version=bindparam("to_written"))
)


class OvertakenError(RuntimeError):
    """Another process stored the shopper's profile since it was read. Nothing was changed; try again."""


@dataclass(frozen=True, slots=True)
class Folded:
    """A shopper's style profile with the batch's events folded in."""

    profile: StyleProfile
    #: What Klaviyo should say of it, and the count of that's changes.
    said: Properties
    version: int
    #: The greatest version Klaviyo has taken; 0 before the first.
    written_version: int
    #: The event's name at Klaviyo, and whether Klaviyo has taken it before.
    unique_id: str
    known: bool


@dataclass(frozen=True, slots=True)
class Write:
    """A write that Klaviyo took: the event it recorded (None for state alone) and the version it set."""

    shopper_id: str
    version: int
    upload_id: str | None = None
    unique_id: str | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """How a shopper's profile stands after a write was entered."""

    version: int
    written_version: int
    #: What Klaviyo should say, if another process has changed that since it was sent.
    newer: Properties | None


class State:
    """The database, opened by `open_state`."""

    def __init__(self, engine: Engine, wording: Wording) -> None:
        self._engine, self._wording = engine, wording

    @property
    def serial(self) -> bool:
        """Whether one writer at a time is all that the database takes (SQLite)."""
        return self._engine.dialect.name == "sqlite"

    def fold(self, events: Sequence[OutfitTagged]) -> list[Folded | None]:
        """
        Fold events into their shoppers' profiles; each answer has the shopper's newest; None for the forgotten.

        Raises:
            OvertakenError: other processes kept winning.

        """
        for attempt in range(FOLD_ATTEMPTS):
            try:
                with self._engine.begin() as connection:
                    return self._fold(connection, events)
            except OvertakenError:
                if attempt == FOLD_ATTEMPTS - 1:
                    raise
        return []

    def record(self, writes: Sequence[Write], *, at: datetime) -> list[Recorded | None]:
        """
        Enter writes that Klaviyo took, and tell how the profiles stand now; None for a forgotten shopper's.

        A profile newer than the version just written means that another process wrote meanwhile, and that the two
        writes may have reached Klaviyo in either order: the caller writes the state once more.
        """
        with self._engine.begin() as connection:
            return self._record(connection, writes, at)

    def forget(self, shopper_id: str, *, at: datetime) -> None:
        """Drop what is known of a shopper, and every event of theirs from now on."""
        with self._engine.begin() as connection:
            digest = {"shopper_digest": _digest(shopper_id), "forgotten_at": at}
            self._insert_new(connection, forgotten_shoppers, [digest])
            connection.execute(delete(style_profiles).where(style_profiles.c.shopper_id == shopper_id))
            connection.execute(delete(written_events).where(written_events.c.shopper_id == shopper_id))

    def spend(self, operation: str, change: Callable[[Spent], tuple[Spent, T]]) -> T:
        """Change what was spent on an operation, while no other process can."""
        with self._engine.begin() as connection:
            mine = spent_requests.c.operation == operation
            found = connection.execute(select(spent_requests.c.spent).where(mine).with_for_update()).scalar()
            if found is None:
                new = {"operation": operation, "spent": Spent().model_dump_json()}
                self._insert_new(connection, spent_requests, [new])
                found = connection.execute(select(spent_requests.c.spent).where(mine).with_for_update()).scalar_one()
            spent, result = change(Spent.model_validate_json(found))
            connection.execute(update(spent_requests).where(mine).values(spent=spent.model_dump_json()))
            return result

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def _fold(self, connection: Connection, events: Sequence[OutfitTagged]) -> list[Folded | None]:
        mine: dict[str, list[OutfitTagged]] = {}
        for event in events:
            mine.setdefault(event.shopper_id, []).append(event)
        for shopper_id in _forgotten(connection, mine):
            del mine[shopper_id]
        # Where rows can be locked they are, in one order, so that writers of one shopper queue.
        query = _of(style_profiles, style_profiles.c.shopper_id, mine).order_by("shopper_id").with_for_update()
        found = {row.shopper_id: row for row in connection.execute(query)}
        folded: dict[str, _Folding] = {}
        made, changed = [], []
        for shopper_id, theirs in sorted(mine.items()):
            row = found.get(shopper_id)
            one = folded[shopper_id] = self._folding(row, theirs)
            if row is None:
                first = {"shopper_id": shopper_id, "row_version": 1, "version": one.version, "written_version": 0}
                made.append(first | {"profile": one.stored, "said": one.text})
            elif (one.stored, one.text) != (row.profile, row.said):
                late = {"of_shopper": shopper_id, "read_row": row.row_version, "row": row.row_version + 1}
                changed.append(late | {"to_version": one.version, "to_profile": one.stored, "to_said": one.text})
        if self._insert_new(connection, style_profiles, made) < len(made):
            raise OvertakenError
        if changed and connection.execute(_STORE, changed).rowcount < len(changed):
            raise OvertakenError
        names = [unique_id(event) for event in events]
        known = set(connection.execute(_of_key(written_events.c.unique_id, names)).scalars())
        return [
            folded[event.shopper_id].told(name, known=name in known) if event.shopper_id in folded else None
            for event, name in zip(events, names, strict=True)
        ]

    def _folding(self, row: Row[Any] | None, events: Sequence[OutfitTagged]) -> "_Folding":
        old, version, written = StyleProfile(), 0, 0
        if row is not None:
            old, version, written = StyleProfile.read(row.profile), row.version, row.written_version
        new = fold(old, [contribution(event, self._wording.names.labels) for event in events])
        said = self._wording.properties(new, version)
        text = to_json(said).decode()
        if row is None or text != row.said:
            version += 1
            said[self._wording.names.version] = version
            text = to_json(said).decode()
        return _Folding(new, new.stored(), said, text, version, written)

    def _record(self, connection: Connection, writes: Sequence[Write], at: datetime) -> list[Recorded | None]:
        # A shopper forgotten while the write was under way must not come back through the ledger.
        gone = _forgotten(connection, {write.shopper_id for write in writes})
        versions: dict[str, int] = {}
        for write in writes:
            if write.shopper_id not in gone:
                versions[write.shopper_id] = max(write.version, versions.get(write.shopper_id, 0))
        if versions:
            raised = [{"of_shopper": shopper_id, "to_written": to} for shopper_id, to in sorted(versions.items())]
            connection.execute(_RAISE, raised)
        entries = [
            {
                "unique_id": write.unique_id,
                "shopper_id": write.shopper_id,
                "upload_id": write.upload_id,
                "written_at": at,
            }
            for write in writes
            if write.unique_id is not None and write.shopper_id in versions
        ]
        self._insert_new(connection, written_events, entries)
        columns = style_profiles.c
        how = select(columns.shopper_id, columns.version, columns.written_version)
        found = connection.execute(how.where(columns.shopper_id.in_(sorted(versions)))).all()
        newer = {row.shopper_id for row in found if row.version > versions[row.shopper_id]}
        texts = select(columns.shopper_id, columns.said).where(columns.shopper_id.in_(sorted(newer)))
        said = {row.shopper_id: from_json(row.said) for row in connection.execute(texts)} if newer else {}
        standing = {
            row.shopper_id: Recorded(row.version, row.written_version, said.get(row.shopper_id)) for row in found
        }
        return [standing.get(write.shopper_id) for write in writes]

    def _insert_new(self, connection: Connection, table: Table, rows: list[dict[str, Any]]) -> int:
        """Insert the rows whose key is free; say how many those were."""
        if not rows:
            return 0
        dialect = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        new = dialect.insert(table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
        return connection.execute(new, rows).rowcount


@dataclass(frozen=True, slots=True)
class _Folding:
    """A shopper's style profile after a batch, as it is told and as it is stored."""

    profile: StyleProfile
    stored: str
    said: Properties
    text: str
    version: int
    written_version: int

    def told(self, name: str, *, known: bool) -> Folded:
        return Folded(self.profile, self.said, self.version, self.written_version, name, known)


def open_state(url: str, wording: Wording = DEFAULT_WORDING) -> State:
    """
    Open the database, migrated to the newest schema. `wording` says how Klaviyo is told of a style profile.

    Raises:
        StateUnavailableError: as `open_database`.

    """
    return State(open_database(url), wording)


def _of(table: Table, column: Column[str], keys: Iterable[str]) -> Any:
    return select(table).where(column.in_(sorted(keys)))


def _of_key(column: Column[str], keys: Iterable[str]) -> Any:
    return select(column).where(column.in_(sorted(set(keys))))


def _forgotten(connection: Connection, shoppers: Collection[str]) -> set[str]:
    digests = {_digest(shopper_id): shopper_id for shopper_id in shoppers}
    found = connection.execute(_of_key(forgotten_shoppers.c.shopper_digest, digests)).scalars()
    return {digests[digest] for digest in found}


def _digest(shopper_id: str) -> str:
    return hashlib.sha256(shopper_id.encode()).hexdigest()
