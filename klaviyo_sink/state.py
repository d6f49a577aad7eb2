"""
What must be remembered across events: style profiles, the written ledger, the erasure ledger, the request budget.

Blocking; knows neither HTTP nor asyncio. Every method is one transaction over a batch. Times are passed in.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from pydantic import StrictInt, StrictStr, TypeAdapter
from pydantic_core import from_json, to_json
from sqlalchemy import Connection, Engine, Row, bindparam, select, update

from klaviyo_sink.bodies import Properties
from klaviyo_sink.database import insert_new, open_database
from klaviyo_sink.ledgers import forgotten, taken_names, taken_uploads
from klaviyo_sink.limits import Spent
from klaviyo_sink.profile import StyleProfile, contribution, fold, unique_id
from klaviyo_sink.tables import spent_requests, style_profiles, written_events
from klaviyo_sink.wording import DEFAULT_WORDING, Wording
from schemas.events import OutfitTagged
from schemas.outcomes import Never

T = TypeVar("T")

#: Attempts to fold a batch while other processes store the same shoppers' profiles.
FOLD_ATTEMPTS: Final = 8
#: Answers the events of a shopper whose row is damaged: no retry mends it, and nobody else's event waits for it.
UNREADABLE: Final = Never(
    "style-profile-unreadable",
    "the shopper's row of style_profiles is damaged; mend it, or delete it to begin anew, then replay the dead letters",
)

#: SQLite keeps whatever kind of value it was given: `profile`, `version`, `written_version`, `row_version`.
_KINDS: Final = TypeAdapter(tuple[StrictStr, StrictInt, StrictInt, StrictInt])

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

    def fold(self, events: Sequence[OutfitTagged]) -> list[Folded | Never | None]:
        """
        Fold events into their shoppers' profiles; each answer has the shopper's newest; None for the forgotten.

        `UNREADABLE` for those whose stored profile cannot be read; it is left as it is.

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

    def forgotten(self, shoppers: Collection[str]) -> set[str]:
        """Pick the shoppers who were forgotten."""
        with self._engine.begin() as connection:
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

    def _fold(self, connection: Connection, events: Sequence[OutfitTagged]) -> list[Folded | Never | None]:
        mine: dict[str, list[OutfitTagged]] = {}
        for event in events:
            mine.setdefault(event.shopper_id, []).append(event)
        for shopper_id in forgotten(connection, mine):
            del mine[shopper_id]
        # Where rows can be locked they are, in one order, so that writers of one shopper queue.
        theirs = style_profiles.c.shopper_id.in_(sorted(mine))
        query = select(style_profiles).where(theirs).order_by("shopper_id").with_for_update()
        found = {row.shopper_id: row for row in connection.execute(query)}
        folded: dict[str, _Folding | Never] = {}
        made, changed = [], []
        for shopper_id, uploads in sorted(mine.items()):
            row = found.get(shopper_id)
            one = folded[shopper_id] = self._folding(row, uploads)
            if isinstance(one, Never):
                continue
            if row is None:
                first = {"shopper_id": shopper_id, "row_version": 1, "version": one.version, "written_version": 0}
                made.append(first | {"profile": one.stored, "said": one.text})
            elif (one.stored, one.text) != (row.profile, row.said):
                late = {"of_shopper": shopper_id, "read_row": row.row_version, "row": row.row_version + 1}
                changed.append(late | {"to_version": one.version, "to_profile": one.stored, "to_said": one.text})
        if insert_new(connection, style_profiles, made) < len(made):
            raise OvertakenError
        if changed and connection.execute(_STORE, changed).rowcount < len(changed):
            raise OvertakenError
        return _told(connection, events, folded)

    def _folding(self, row: Row[Any] | None, events: Sequence[OutfitTagged]) -> "_Folding | Never":
        old, version, written = StyleProfile(), 0, 0
        if row is not None:
            try:
                columns = row.profile, row.version, row.written_version, row.row_version
                profile, version, written, _ = _KINDS.validate_python(columns)
                old = StyleProfile.read(profile)
            except ValueError:
                return UNREADABLE
        new = fold(old, [contribution(event, self._wording.names.labels) for event in events])
        said = self._wording.properties(new, version)
        text = to_json(said).decode()
        if row is None or text != row.said:
            version += 1
            said[self._wording.names.version] = version
            text = to_json(said).decode()
        return _Folding(old, new, new.stored(), said, text, version, written)

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
class _Folding:
    """A shopper's style profile before and after a batch, as it is told and as it is stored."""

    old: StyleProfile
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


def _told(
    connection: Connection, events: Sequence[OutfitTagged], folded: Mapping[str, _Folding | Never]
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
        if name not in taken and isinstance(one := folded.get(upload[0]), _Folding) and one.old.may_have_held(upload[1])
    ]
    taken |= {first_names[upload] for upload in taken_uploads(connection, doubtful)}
    answers: list[Folded | Never | None] = []
    for event, name in zip(events, names, strict=True):
        found = folded.get(event.shopper_id)
        answers.append(found.told(name, known=name in taken) if isinstance(found, _Folding) else found)
    return answers
