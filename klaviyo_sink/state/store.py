"""
What must be remembered across events: style profiles, the written ledger, the erasure ledger, the request budget.

Blocking; knows neither HTTP nor asyncio. Every method is one transaction over a batch. Times are passed in.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from pydantic_core import from_json
from sqlalchemy import Connection, Engine, bindparam, select, update

from klaviyo_sink.bodies import Properties
from klaviyo_sink.limits import Spent
from klaviyo_sink.profile.style import unique_id
from klaviyo_sink.profile.wording import DEFAULT_WORDING, Wording
from klaviyo_sink.state.database import insert_new, open_database, reading
from klaviyo_sink.state.folding import Folded, Reckoned, reckon
from klaviyo_sink.state.ledgers import forgotten, taken_names, taken_uploads
from klaviyo_sink.state.tables import spent_requests, style_profiles, written_events
from schemas.events import OutfitTagged
from schemas.outcomes import Never

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

    def fold(self, events: Sequence[OutfitTagged]) -> list[Folded | Never | None]:
        """
        Fold events into their shoppers' profiles; each answer has the shopper's newest; None for the forgotten.

        `UNREADABLE` for those whose stored profile cannot be read; it is left as it is.

        Raises:
            OvertakenError: other processes kept winning.

        """
        if self.serial:
            # Reading and reckoning take most of the time, and would keep every other process from writing.
            with reading(self._engine) as connection:
                folded = self._fold(connection, events)
            with suppress(OvertakenError), self._engine.begin() as connection:
                return self._store(connection, folded)
        for _ in range(FOLD_ATTEMPTS):
            with suppress(OvertakenError), self._engine.begin() as connection:
                return self._store(connection, self._fold(connection, events))
        raise OvertakenError

    def record(self, writes: Sequence[Write], *, at: datetime) -> list[Recorded | None]:
        """
        Enter writes that Klaviyo took, and tell how the profiles stand now; None for a forgotten shopper's.

        A profile newer than the version just written means that another process wrote meanwhile, and that the two
        writes may have reached Klaviyo in either order: the caller writes the state once more.
        """
        with self._engine.begin() as connection:
            return self._record(connection, writes, at)

    def forgotten(self, shoppers: Collection[str]) -> set[str]:
        """Pick the shoppers who were forgotten."""
        with reading(self._engine) as connection:
            return forgotten(connection, shoppers)

    def spend(self, operation: str, change: Callable[[Spent], tuple[Spent, T]]) -> T:
        """Change what was spent on an operation, while no other process can."""
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

    def _fold(self, connection: Connection, events: Sequence[OutfitTagged]) -> "_Batch":
        mine: dict[str, list[OutfitTagged]] = {}
        for event in events:
            mine.setdefault(event.shopper_id, []).append(event)
        for shopper_id in forgotten(connection, mine):
            del mine[shopper_id]
        # Where rows can be locked they are, in one order, so that writers of one shopper queue.
        theirs = style_profiles.c.shopper_id.in_(sorted(mine))
        query = select(style_profiles).where(theirs).order_by("shopper_id").with_for_update()
        found = {row.shopper_id: row for row in connection.execute(query)}
        folded: dict[str, Reckoned | Never] = {}
        made, changed = [], []
        for shopper_id, uploads in sorted(mine.items()):
            row = found.get(shopper_id)
            one = folded[shopper_id] = reckon(row, uploads, self._wording)
            if isinstance(one, Never):
                continue
            if row is None:
                first = {"shopper_id": shopper_id, "row_version": 1, "version": one.version, "written_version": 0}
                made.append(first | {"profile": one.stored, "said": one.text})
            elif (one.stored, one.text) != (row.profile, row.said):
                late = {"of_shopper": shopper_id, "read_row": row.row_version, "row": row.row_version + 1}
                changed.append(late | {"to_version": one.version, "to_profile": one.stored, "to_said": one.text})
        return _Batch(made, changed, _told(connection, events, folded))

    def _store(self, connection: Connection, batch: "_Batch") -> list[Folded | Never | None]:
        """Store what was folded, if nobody stored another since it was read."""
        if insert_new(connection, style_profiles, batch.made) < len(batch.made):
            raise OvertakenError
        if batch.changed and connection.execute(_STORE, batch.changed).rowcount < len(batch.changed):
            raise OvertakenError
        # Who has a row was forgotten with it, which shows above.
        if forgotten(connection, [one["shopper_id"] for one in batch.made]):
            raise OvertakenError
        return batch.answers

    def _record(self, connection: Connection, writes: Sequence[Write], at: datetime) -> list[Recorded | None]:
        # A shopper forgotten while the write was under way must not come back through the ledger.
        gone = forgotten(connection, {write.shopper_id for write in writes})
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
        insert_new(connection, written_events, entries)
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


@dataclass(frozen=True, slots=True)
class _Batch:
    """A batch folded and not yet stored: rows to insert, rows to change, and what each event is answered."""

    made: list[dict[str, Any]]
    changed: list[dict[str, Any]]
    answers: list[Folded | Never | None]


def open_state(url: str, wording: Wording = DEFAULT_WORDING) -> State:
    """
    Open the database, migrated to the newest schema. `wording` says how Klaviyo is told of a style profile.

    Raises:
        StateUnavailableError: as `open_database`.

    """
    return State(open_database(url), wording)


def _told(
    connection: Connection, events: Sequence[OutfitTagged], folded: Mapping[str, Reckoned | Never]
) -> list[Folded | Never | None]:
    """Answer each event, and tell whether Klaviyo has it."""
    first_names: dict[tuple[str, str], str] = {}
    # One upload is one event, even when two of a batch name the shopper differently.
    names = [first_names.setdefault((event.shopper_id, event.upload_id), unique_id(event)) for event in events]
    taken = taken_names(connection, names)
    # The recipe of names has changed between versions, and what names the shopper may change; an upload stays itself.
    # Only what the style profile may have held before is asked about: an upload is folded before it is ever sent.
    doubtful = [
        upload
        for upload, name in first_names.items()
        if name not in taken and isinstance(one := folded.get(upload[0]), Reckoned) and one.old.may_have_held(upload[1])
    ]
    taken |= {first_names[upload] for upload in taken_uploads(connection, doubtful)}
    answers: list[Folded | Never | None] = []
    for event, name in zip(events, names, strict=True):
        found = folded.get(event.shopper_id)
        answers.append(found.told(name, known=name in taken) if isinstance(found, Reckoned) else found)
    return answers
