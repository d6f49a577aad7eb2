"""
Everything that must be remembered between events: style profiles, written ledger, erasure ledger, request budget.

Blocking; knows neither HTTP nor asyncio. Every method is one transaction over a batch. The caller passes times.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

from pydantic_core import to_json
from sqlalchemy import Connection, Engine, bindparam, select, update

from klaviyo_sink.limits import Spent
from klaviyo_sink.profile.wording import DEFAULT_WORDING, Wording
from klaviyo_sink.state.database import insert_new, lock_to_add, open_database, reading
from klaviyo_sink.state.folding import (
    NEW_ROW,
    Batch,
    Folded,
    Reckoned,
    begin_writes,
    event_names,
    read_row,
    reckon_all,
)
from klaviyo_sink.state.ledgers import forgotten, taken_names, taken_uploads
from klaviyo_sink.state.remembered import all_uploads, some_uploads, store_uploads
from klaviyo_sink.state.settling import Current, Settled, Write, end_writes
from klaviyo_sink.state.tables import spent_requests, style_profiles, written_events
from schemas.events import OutfitTagged
from schemas.outcomes import Never

T = TypeVar("T")

#: Tries to fold a batch while other processes store the same shoppers' profiles.
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
        dirty=bindparam("to_dirty"),
    )
)
_SETTLE: Final = (
    update(style_profiles)
    .where(style_profiles.c.shopper_id == bindparam("of_shopper"))
    .values(row_version=bindparam("row"), written_version=bindparam("to_written"), dirty=bindparam("to_dirty"))
)


class OvertakenError(RuntimeError):
    """Another process stored the shopper's profile since it was read. Nothing was changed; try again."""


class StateDatabase:
    """The state database, opened by `open_state`."""

    def __init__(self, engine: Engine, wording: Wording) -> None:
        self._engine, self._wording = engine, wording

    @property
    def serial(self) -> bool:
        """Whether the database supports only one writer at a time (SQLite)."""
        return self._engine.dialect.name == "sqlite"

    def fold(self, events: Sequence[OutfitTagged]) -> list[Folded | Never | None]:
        """
        Fold events into their shoppers' profiles. Each result has the shopper's newest state; None for forgotten ones.

        Begins a write, with a ticket, for each shopper who needs one; call `settle` when it has ended.

        Returns `UNREADABLE` for a shopper whose stored profile is damaged; the row is not changed.

        Raises:
            OvertakenError: Other processes stored the profiles first, in every try.

        """
        return self._folded(events, None)

    def rebuild(self, events: Sequence[OutfitTagged], versions: Mapping[str, int]) -> list[Folded | Never | None]:
        """
        Fold as `fold` does, and begin a write for every shopper, because after a restore no row can be trusted.

        `versions` are those at Klaviyo, by shopper; the rows continue from them. Raises as `fold` does.
        """
        return self._folded(events, versions)

    def _folded(
        self, events: Sequence[OutfitTagged], versions: Mapping[str, int] | None
    ) -> list[Folded | Never | None]:
        if self.serial:
            # Reading and computing take most of the time, and would block every other writer.
            with reading(self._engine) as connection:
                folded = self._fold(connection, events, versions)
            with suppress(OvertakenError), self._engine.begin() as connection:
                return self._store(connection, folded)
        for _ in range(FOLD_ATTEMPTS):
            with suppress(OvertakenError), self._engine.begin() as connection:
                lock_to_add(connection)
                return self._store(connection, self._fold(connection, events, versions))
        raise OvertakenError

    def settle(self, writes: Sequence[Write], *, at: datetime) -> dict[str, Settled | None]:
        """
        Record how writes ended. Return what remains to be done, by shopper; None for forgotten ones.

        A shopper's events enter the ledger when nothing remains for this process to do. Until then, the events are
        delivered again after a crash, and with them the duty to set the profile.
        """
        with self._engine.begin() as connection:
            return self._settle(connection, writes, at)

    def current(self, shoppers: Collection[str]) -> dict[str, Current | None]:
        """Return shoppers' newest states; None for forgotten ones, no entry for those without a row."""
        columns = style_profiles.c
        with reading(self._engine) as connection:
            found: dict[str, Current | None] = dict.fromkeys(forgotten(connection, shoppers))
            theirs = select(columns.shopper_id, columns.version, columns.said, columns.dirty).where(
                columns.shopper_id.in_(sorted(set(shoppers) - found.keys()))
            )
            rows = connection.execute(theirs)
            return found | {row.shopper_id: Current(row.version, row.said, row.dirty) for row in rows}

    def wrote(self, version: int, updated_at: str) -> bool:
        """
        Return whether any shopper's properties have this version and this `updated_at`, as Klaviyo keeps it.

        Reads every row, about a second for a million. Call it rarely.
        """
        columns = style_profiles.c
        # The time is a JSON string, as in `said`.
        theirs = (columns.version == version) & columns.said.contains(to_json(updated_at).decode(), autoescape=True)
        with reading(self._engine) as connection:
            return connection.execute(select(columns.shopper_id).where(theirs).limit(1)).first() is not None

    def spend(self, operation: str, change: Callable[[Spent], tuple[Spent, T]]) -> T:
        """Change what was spent on an operation; no other process can change it meanwhile."""
        with self._engine.begin() as connection:
            mine = spent_requests.c.operation == operation
            found = connection.execute(select(spent_requests.c.spent).where(mine).with_for_update()).scalar()
            if found is None:
                new = {"operation": operation, "spent": Spent().model_dump_json()}
                insert_new(connection, spent_requests, [new])
                found = connection.execute(select(spent_requests.c.spent).where(mine).with_for_update()).scalar_one()
            spent, result = change(Spent.read(found))
            connection.execute(update(spent_requests).where(mine).values(spent=spent.model_dump_json()))
            return result

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def _fold(
        self, connection: Connection, events: Sequence[OutfitTagged], versions: Mapping[str, int] | None
    ) -> Batch:
        mine: dict[str, list[OutfitTagged]] = {}
        for event in events:
            mine.setdefault(event.shopper_id, []).append(event)
        for shopper_id in forgotten(connection, mine):
            del mine[shopper_id]
        # Where the database supports it, rows are locked in one order, so that writers of one shopper queue.
        theirs = style_profiles.c.shopper_id.in_(sorted(mine))
        query = select(style_profiles).where(theirs).order_by("shopper_id").with_for_update()
        rows = dict.fromkeys(mine, NEW_ROW) | {row.shopper_id: read_row(row) for row in connection.execute(query)}
        some, every = partial(some_uploads, connection), partial(all_uploads, connection)
        reckoned = reckon_all(rows, mine, self._wording, some, every, above=versions or {})
        names = event_names(events)
        known = _known(connection, events, names, reckoned)
        return begin_writes(events, names, known, reckoned, forced=versions is not None)

    def _store(self, connection: Connection, batch: Batch) -> list[Folded | Never | None]:
        """Store the batch, unless another process stored one of the rows since it was read."""
        if insert_new(connection, style_profiles, batch.made) < len(batch.made):
            raise OvertakenError
        if batch.changed and connection.execute(_STORE, batch.changed).rowcount < len(batch.changed):
            raise OvertakenError
        # A forgotten shopper has lost their row, which was noticed above.
        if forgotten(connection, [one["shopper_id"] for one in batch.made]):
            raise OvertakenError
        store_uploads(connection, batch.uploads)
        return batch.answers

    def _settle(self, connection: Connection, writes: Sequence[Write], at: datetime) -> dict[str, Settled | None]:
        # A shopper who was forgotten during the write must not return through the ledger.
        gone = forgotten(connection, {write.shopper_id for write in writes})
        mine = {write.shopper_id: write for write in writes if write.shopper_id not in gone}
        columns = style_profiles.c
        standing = (columns.row_version, columns.version, columns.written_version, columns.dirty, columns.said)
        theirs = select(columns.shopper_id, *standing).where(columns.shopper_id.in_(sorted(mine)))
        query = theirs.order_by(columns.shopper_id).with_for_update()
        end = end_writes(mine, connection.execute(query), at)
        if end.changed:
            connection.execute(_SETTLE, end.changed)
        insert_new(connection, written_events, end.entries)
        return dict.fromkeys(gone) | end.settled


def open_state(url: str, wording: Wording = DEFAULT_WORDING) -> StateDatabase:
    """
    Open the database, migrated to the newest schema. `wording` writes style profiles as Klaviyo properties.

    Raises:
        StateUnavailableError: As `open_database`.

    """
    return StateDatabase(open_database(url), wording)


def _known(
    connection: Connection,
    events: Sequence[OutfitTagged],
    names: Mapping[tuple[str, str], str],
    reckoned: Mapping[str, Reckoned | Never],
) -> set[str]:
    """Return the names of events that Klaviyo has accepted."""
    taken = taken_names(connection, names.values())
    # The ledger may have an event under another name: older versions computed names differently, and identifiers may
    # change. The upload id stays the same. Query only uploads that the style profile may have had before, because an
    # upload is folded before it is sent.
    doubtful = {
        upload
        for event in events
        if names[upload := (event.shopper_id, event.upload_id)] not in taken
        and isinstance(one := reckoned.get(event.shopper_id), Reckoned)
        and one.memory.before.was_given(event)
    }
    return taken | {names[upload] for upload in taken_uploads(connection, doubtful)}
