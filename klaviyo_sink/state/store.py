"""
What must be remembered across events: style profiles, the written ledger, the erasure ledger, the request budget.

Blocking; knows neither HTTP nor asyncio. Every method is one transaction over a batch. Times are passed in.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
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
from klaviyo_sink.state.settling import Duty, dirty_after, duty_after
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


@dataclass(frozen=True, slots=True)
class Write:
    """How the write to a shopper's profile ended that began with `ticket`."""

    shopper_id: str
    ticket: int
    #: The version that Klaviyo took; None: the write failed, or its answer was lost.
    version: int | None
    #: The events that Klaviyo took: upload ids by the events' names.
    events: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Current:
    """A shopper's newest state: what Klaviyo should have now."""

    version: int
    #: The Klaviyo properties as JSON.
    text: str

    @property
    def properties(self) -> Properties:
        """The Klaviyo properties."""
        properties: Properties = from_json(self.text)
        return properties


@dataclass(frozen=True, slots=True)
class Settled:
    """How a shopper's row stands after a write has ended."""

    duty: Duty
    #: With `Duty.MEND`: the ticket of the mending write, and what it must send.
    ticket: int = 0
    newest: Current | None = None


class StateDatabase:
    """The state database, opened by `open_state`."""

    def __init__(self, engine: Engine, wording: Wording) -> None:
        self._engine, self._wording = engine, wording

    @property
    def serial(self) -> bool:
        """Whether one writer at a time is all that the database takes (SQLite)."""
        return self._engine.dialect.name == "sqlite"

    def fold(self, events: Sequence[OutfitTagged]) -> list[Folded | Never | None]:
        """
        Fold events into their shoppers' profiles; each answer has the shopper's newest; None for the forgotten.

        A write begins for each shopper who needs one, with a ticket; `settle` is told how it ended.

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

    def settle(self, writes: Sequence[Write], *, at: datetime) -> dict[str, Settled | None]:
        """
        Enter how writes ended, and tell by shopper what remains to be done; None for the forgotten.

        The ledger gets a shopper's events once nothing remains for this process to do: until then a crash brings the
        events back, and with them the duty to set the profile.
        """
        with self._engine.begin() as connection:
            return self._settle(connection, writes, at)

    def current(self, shoppers: Collection[str]) -> dict[str, Current | None]:
        """Give shoppers' newest states; None for the forgotten. Whoever has no row is left out."""
        columns = style_profiles.c
        with reading(self._engine) as connection:
            found: dict[str, Current | None] = dict.fromkeys(forgotten(connection, shoppers))
            theirs = select(columns.shopper_id, columns.version, columns.said).where(
                columns.shopper_id.in_(sorted(set(shoppers) - found.keys()))
            )
            return found | {row.shopper_id: Current(row.version, row.said) for row in connection.execute(theirs)}

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
        reckoned = {
            shopper_id: reckon(found.get(shopper_id), uploads, self._wording) for shopper_id, uploads in mine.items()
        }
        names = _names(events)
        known = _known(connection, names, reckoned)
        fresh = {shopper_id for (shopper_id, _), name in names.items() if name not in known}
        made, changed, tickets = [], [], {}
        for shopper_id, one in sorted(reckoned.items()):
            if isinstance(one, Never):
                continue
            row = found.get(shopper_id)
            same = row is not None and (one.stored, one.text) == (row.profile, row.said)
            begins = shopper_id in fresh or not one.settled
            # Writes of one version may share a ticket: in whatever order they land, Klaviyo ends with the same.
            shares = begins and same and one.dirty > 0
            ticket = tickets[shopper_id] = (one.dirty if shares else one.row_version + 1) if begins else 0
            if row is None:
                first = {"shopper_id": shopper_id, "row_version": 1, "version": one.version, "written_version": 0}
                made.append(first | {"profile": one.stored, "said": one.text, "dirty": ticket})
            elif not same or (begins and not shares):
                late = {"of_shopper": shopper_id, "read_row": row.row_version, "row": row.row_version + 1}
                late |= {"to_version": one.version, "to_profile": one.stored, "to_said": one.text}
                changed.append(late | {"to_dirty": ticket or row.dirty})
        answers: list[Folded | Never | None] = []
        for event in events:
            of_shopper = reckoned.get(event.shopper_id)
            if isinstance(of_shopper, Reckoned):
                name = names[event.shopper_id, event.upload_id]
                answers.append(of_shopper.folded(event, name, tickets[event.shopper_id], known=name in known))
            else:
                answers.append(of_shopper)
        return _Batch(made, changed, answers)

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

    def _settle(self, connection: Connection, writes: Sequence[Write], at: datetime) -> dict[str, Settled | None]:
        # A shopper forgotten while the write was under way must not come back through the ledger.
        gone = forgotten(connection, {write.shopper_id for write in writes})
        mine = {write.shopper_id: write for write in writes if write.shopper_id not in gone}
        columns = style_profiles.c
        standing = (columns.row_version, columns.version, columns.written_version, columns.dirty, columns.said)
        theirs = select(columns.shopper_id, *standing).where(columns.shopper_id.in_(sorted(mine)))
        query = theirs.order_by(columns.shopper_id).with_for_update()
        settled: dict[str, Settled | None] = dict.fromkeys(gone)
        changed, entries = [], []
        for row in connection.execute(query):
            write = mine[row.shopper_id]
            duty = duty_after(row.dirty, write.ticket, row.version, write.version)
            row_version = row.row_version + 1
            settled[row.shopper_id] = Settled(duty, row_version, Current(row.version, row.said))
            written = max(row.written_version, write.version or 0)
            to = {"row": row_version, "to_written": written, "to_dirty": dirty_after(duty, row_version)}
            changed.append({"of_shopper": row.shopper_id} | to)
            if duty is not Duty.MEND:
                entry = {"shopper_id": row.shopper_id, "written_at": at}
                entries += [entry | {"unique_id": name, "upload_id": one} for name, one in write.events.items()]
        if changed:
            connection.execute(_SETTLE, changed)
        insert_new(connection, written_events, entries)
        return settled


@dataclass(frozen=True, slots=True)
class _Batch:
    """A batch folded and not yet stored: rows to insert, rows to change, and what each event is answered."""

    made: list[dict[str, Any]]
    changed: list[dict[str, Any]]
    answers: list[Folded | Never | None]


def open_state(url: str, wording: Wording = DEFAULT_WORDING) -> StateDatabase:
    """
    Open the database, migrated to the newest schema. `wording` says how Klaviyo is told of a style profile.

    Raises:
        StateUnavailableError: as `open_database`.

    """
    return StateDatabase(open_database(url), wording)


def _names(events: Sequence[OutfitTagged]) -> dict[tuple[str, str], str]:
    """Name each upload's event: one event, even when two of a batch name the shopper differently."""
    names: dict[tuple[str, str], str] = {}
    for event in events:
        names.setdefault((event.shopper_id, event.upload_id), unique_id(event))
    return names


def _known(
    connection: Connection, names: Mapping[tuple[str, str], str], reckoned: Mapping[str, Reckoned | Never]
) -> set[str]:
    """Pick the names of events that Klaviyo has taken."""
    taken = taken_names(connection, names.values())
    # The recipe of names has changed between versions, and what names the shopper may change; an upload stays itself.
    # Only what the style profile may have held before is asked about: an upload is folded before it is ever sent.
    doubtful = [
        upload
        for upload, name in names.items()
        if name not in taken
        and isinstance(one := reckoned.get(upload[0]), Reckoned)
        and one.old.may_have_held(upload[1])
    ]
    return taken | {names[upload] for upload in taken_uploads(connection, doubtful)}
