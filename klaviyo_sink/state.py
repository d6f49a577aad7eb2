"""
What must be remembered across events: style profiles, the written ledger, the erasure ledger.

Blocking; knows neither HTTP nor asyncio. Every method is one transaction over a batch. Times are passed in.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from klaviyo_sink.database import open_database
from klaviyo_sink.profile import StyleProfile, contribution, fold, profile_properties, unique_id
from klaviyo_sink.tables import forgotten_shoppers, style_profiles, written_events
from schemas.events import OutfitTagged

#: Attempts to fold a batch while other processes store the same shoppers' profiles.
FOLD_ATTEMPTS: Final = 8


class OvertakenError(RuntimeError):
    """Another process stored the shopper's profile since it was read. Nothing was changed; try again."""


@dataclass(frozen=True, slots=True)
class Folded:
    """A shopper's style profile with an event folded in."""

    profile: StyleProfile
    version: int
    #: The greatest version Klaviyo has taken; 0 before the first.
    written_version: int
    #: Klaviyo has taken this very event before.
    known: bool


@dataclass(frozen=True, slots=True)
class Write:
    """A write that Klaviyo took: the event it recorded (None for state alone) and the version it set."""

    shopper_id: str
    version: int
    upload_id: str | None = None
    unique_id: str | None = None


class State:
    """The database, opened by `open_state`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def serial(self) -> bool:
        """Whether one writer at a time is all that the database takes (SQLite)."""
        return self._engine.dialect.name == "sqlite"

    def fold(self, events: Sequence[OutfitTagged]) -> list[Folded | None]:
        """
        Fold events into their shoppers' profiles, in one transaction; None for a forgotten shopper's event.

        Raises:
            OvertakenError: other processes kept winning.

        """
        for attempt in range(FOLD_ATTEMPTS):
            try:
                with self._engine.begin() as connection:
                    return [self._fold(connection, event) for event in events]
            except OvertakenError:
                if attempt == FOLD_ATTEMPTS - 1:
                    raise
        return []

    def record(self, writes: Iterable[Write], *, at: datetime) -> list[Folded | None]:
        """
        Enter writes that Klaviyo took, and give the shoppers' profiles as they stand now; None for a forgotten one.

        A profile newer than the version just written means that another process wrote meanwhile, and that the two
        writes may have reached Klaviyo in either order: the caller writes the state once more.
        """
        with self._engine.begin() as connection:
            return [self._record(connection, write, at) for write in writes]

    def forget(self, shopper_id: str, *, at: datetime) -> None:
        """Drop what is known of a shopper, and every event of theirs from now on."""
        with self._engine.begin() as connection:
            self._insert_once(
                connection, forgotten_shoppers, {"shopper_digest": _digest(shopper_id), "forgotten_at": at}
            )
            connection.execute(delete(style_profiles).where(style_profiles.c.shopper_id == shopper_id))
            connection.execute(delete(written_events).where(written_events.c.shopper_id == shopper_id))

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def _fold(self, connection: Connection, event: OutfitTagged) -> Folded | None:
        if _forgotten(connection, event.shopper_id):
            return None
        # Where rows can be locked they are, so that writers of one shopper queue; SQLite's transactions queue anyway.
        mine = select(style_profiles).where(style_profiles.c.shopper_id == event.shopper_id).with_for_update()
        found = connection.execute(mine).one_or_none()
        old = StyleProfile() if found is None else StyleProfile.model_validate_json(found.profile)
        version, written = (0, 0) if found is None else (found.version, found.written_version)
        new = fold(old, [contribution(event)])
        if profile_properties(new, 0) != profile_properties(old, 0):
            version += 1
        if new != old:
            values = {"version": version, "profile": new.model_dump_json()}
            if found is None:
                first = values | {"shopper_id": event.shopper_id, "row_version": 1, "written_version": 0}
                stored = self._insert_once(connection, style_profiles, first)
            else:
                newer = (
                    update(style_profiles)
                    .where(style_profiles.c.shopper_id == event.shopper_id)
                    .where(style_profiles.c.row_version == found.row_version)
                    .values(row_version=found.row_version + 1, **values)
                )
                stored = connection.execute(newer).rowcount == 1
            if not stored:
                raise OvertakenError
        known = select(written_events.c.unique_id).where(written_events.c.unique_id == unique_id(event))
        return Folded(new, version, written, known=connection.execute(known).first() is not None)

    def _record(self, connection: Connection, write: Write, at: datetime) -> Folded | None:
        # A shopper forgotten while the write was under way must not come back through the ledger.
        if _forgotten(connection, write.shopper_id):
            return None
        mine = style_profiles.c.shopper_id == write.shopper_id
        connection.execute(
            update(style_profiles)
            .where(mine, style_profiles.c.written_version < write.version)
            .values(written_version=write.version)
        )
        if write.unique_id is not None:
            entry = {
                "unique_id": write.unique_id,
                "shopper_id": write.shopper_id,
                "upload_id": write.upload_id,
                "written_at": at,
            }
            self._insert_once(connection, written_events, entry)
        row = connection.execute(select(style_profiles).where(mine)).one_or_none()
        if row is None:
            return None
        return Folded(StyleProfile.model_validate_json(row.profile), row.version, row.written_version, known=True)

    def _insert_once(self, connection: Connection, table: Table, values: dict[str, Any]) -> bool:
        """Insert unless the key is taken; say whether it was free."""
        # Asked for the row and not for the row count, which PostgreSQL's driver does not tell of inserts.
        dialect = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        new = dialect.insert(table).values(values).on_conflict_do_nothing().returning(*table.primary_key.columns)
        return connection.execute(new).first() is not None


def open_state(url: str) -> State:
    """
    Open the database, migrated to the newest schema.

    Raises:
        StateUnavailableError: as `open_database`.

    """
    return State(open_database(url))


def _forgotten(connection: Connection, shopper_id: str) -> bool:
    query = select(forgotten_shoppers.c.shopper_digest).where(
        forgotten_shoppers.c.shopper_digest == _digest(shopper_id)
    )
    return connection.execute(query).first() is not None


def _digest(shopper_id: str) -> str:
    return hashlib.sha256(shopper_id.encode()).hexdigest()
