"""Computes a shopper's style profile after a batch of events: what is stored, and what Klaviyo gets. Pure."""

from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

from pydantic import StrictInt, StrictStr, TypeAdapter
from pydantic_core import to_json
from sqlalchemy import Row

from klaviyo_sink.bodies import Properties
from klaviyo_sink.profile.style import StyleProfile, contribution, unique_id
from klaviyo_sink.profile.summary import Summary
from klaviyo_sink.profile.wording import Wording
from klaviyo_sink.state.memory import Changes, Memory, Texts, add, oldest_needed, read_profile
from schemas.events import OutfitTagged
from schemas.outcomes import Never

#: Result for events of a shopper whose row is damaged: no retry helps, and no other event waits for it.
UNREADABLE: Final = Never(
    "style-profile-unreadable",
    "the shopper's row of style_profiles is damaged; repair or delete it, then replay the dead letters",
)

#: Types of `profile`, `version`, `written_version`, `row_version` and `dirty`. SQLite itself accepts any type.
_KINDS: Final = TypeAdapter(tuple[StrictStr, StrictInt, StrictInt, StrictInt, StrictInt])


@dataclass(frozen=True, slots=True)
class Folded:
    """A shopper's style profile after a batch, for one event of the batch."""

    #: The Klaviyo properties, and how often they have changed.
    properties: Properties
    version: int
    #: The greatest version that Klaviyo has accepted; 0 before the first.
    written_version: int
    #: The event's name at Klaviyo, and whether the ledger has it: then Klaviyo has accepted it.
    unique_id: str
    known: bool
    #: Ticket of the write that begins here (`settling.py`); 0: Klaviyo has everything, nothing is written.
    ticket: int = 0
    #: Whether the profile must also be set without an event: Klaviyo may know the event, and drop it with its state.
    alone: bool = False
    #: The row's `dirty` when this write began (`settling.py`).
    dirty: int = 0


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A row of `style_profiles`, parsed."""

    profile: StyleProfile | Summary
    version: int
    written_version: int
    row_version: int
    dirty: int
    #: The texts of `profile` and `said`.
    texts: tuple[str, str]


#: The row of a new shopper.
NEW_ROW: Final = StoredRow(StyleProfile(), 0, 0, 0, 0, ("", ""))


@dataclass(frozen=True, slots=True)
class Reckoned:
    """A shopper's style profile before and after a batch, as stored and as Klaviyo gets it."""

    memory: Memory
    properties: Properties
    text: str
    version: int
    written_version: int
    row_version: int
    dirty: int
    #: Whether the row changes.
    changed: bool

    @property
    def settled(self) -> bool:
        """Whether Klaviyo has the newest state, as far as is known."""
        return self.dirty == 0 and self.written_version >= self.version

    def folded(self, event: OutfitTagged, name: str, ticket: int, *, known: bool) -> Folded:
        """Return the result for an event of this shopper; `name` is the event's name at Klaviyo."""
        alone = self.dirty < 0 or (not known and self.memory.before.was_given(event))
        return Folded(
            self.properties,
            self.version,
            self.written_version,
            name,
            known,
            ticket,
            alone=alone,
            dirty=self.dirty,
        )


def read_row(row: Row[Any]) -> StoredRow | Never:
    """Return a row of `style_profiles`, parsed; `UNREADABLE` if it is damaged."""
    try:
        columns = row.profile, row.version, row.written_version, row.row_version, row.dirty
        text, version, written, row_version, dirty = _KINDS.validate_python(columns)
        return StoredRow(read_profile(text), version, written, row_version, dirty, (text, row.said))
    except ValueError:
        return UNREADABLE


def reckon(
    row: StoredRow | Never,
    events: Sequence[OutfitTagged],
    wording: Wording,
    known: Collection[str] = (),
    *,
    complete: bool = False,
    above: int = 0,
) -> Reckoned | Never | None:
    """
    Fold events into a row (`NEW_ROW`: the shopper is new). Returns `UNREADABLE` if the row is damaged.

    `known` are texts of remembered uploads, as `memory.add` needs them; returns None if it needs all of them.
    `above` is the version at Klaviyo. A row with an older one, as after a restore, continues from it.
    """
    if isinstance(row, Never):
        return row
    uploads = [contribution(event, wording.names.labels) for event in events]
    try:
        memory = add(row.profile, uploads, known, wording.summarizing, complete=complete)
    except ValueError:
        return UNREADABLE
    if memory is None:
        return None
    version, said = row.version, row.texts[1]
    properties = wording.properties(memory.summary, version)
    text = to_json(properties).decode()
    if row is NEW_ROW or text != said or version < above:
        version = max(version, above) + 1
        properties[wording.names.version] = version
        text = to_json(properties).decode()
    changed = (memory.stored, text) != row.texts or bool(memory.new or memory.gone)
    return Reckoned(memory, properties, text, version, row.written_version, row.row_version, row.dirty, changed=changed)


def reckon_all(
    rows: Mapping[str, StoredRow | Never],
    mine: Mapping[str, Sequence[OutfitTagged]],
    wording: Wording,
    some_uploads: Callable[[Mapping[str, Collection[str]], Mapping[str, int]], Texts],
    all_uploads: Callable[[Collection[str]], Texts],
    *,
    above: Mapping[str, int],
) -> dict[str, Reckoned | Never]:
    """
    Fold each shopper's events, and read the remembered uploads that this needs.

    `some_uploads` returns those of given ids and a number of the oldest, `all_uploads` all of a few shoppers.
    """
    wanted: dict[str, set[str]] = {}
    oldest: dict[str, int] = {}
    for shopper_id, row in rows.items():
        if isinstance(row, StoredRow) and isinstance(row.profile, Summary):
            ids = wanted[shopper_id] = {event.upload_id for event in mine[shopper_id]}
            if needed := oldest_needed(row.profile, len(ids)):
                oldest[shopper_id] = needed
    reckoned: dict[str, Reckoned | Never] = {}
    left, known, complete = set(rows), some_uploads(wanted, oldest), False
    while left:
        for shopper_id in left:
            texts, least = known.get(shopper_id, ()), above.get(shopper_id, 0)
            one = reckon(rows[shopper_id], mine[shopper_id], wording, texts, complete=complete, above=least)
            if one is not None:
                reckoned[shopper_id] = one
        left -= reckoned.keys()
        known, complete = all_uploads(left), True
    return reckoned


@dataclass(frozen=True, slots=True)
class Batch:
    """A folded batch that is not stored yet: rows to insert, rows to change, and the result of each event."""

    made: list[dict[str, Any]]
    changed: list[dict[str, Any]]
    uploads: Changes
    answers: list[Folded | Never | None]


def event_names(events: Sequence[OutfitTagged]) -> dict[tuple[str, str], str]:
    """Return the name of each upload's event: one name, even if two events of a batch have different identifiers."""
    names: dict[tuple[str, str], str] = {}
    for event in events:
        names.setdefault((event.shopper_id, event.upload_id), unique_id(event))
    return names


def begin_writes(
    events: Sequence[OutfitTagged],
    names: Mapping[tuple[str, str], str],
    known: AbstractSet[str],
    reckoned: Mapping[str, Reckoned | Never],
    *,
    forced: bool = False,
) -> Batch:
    """Begin a write for each shopper who needs one (`forced`: for each shopper). Return rows and results."""
    fresh = {shopper_id for (shopper_id, _), name in names.items() if name not in known}
    made, changed, tickets, uploads = [], [], {}, Changes([], [], [])
    for shopper_id, one in sorted(reckoned.items()):
        if isinstance(one, Never):
            continue
        begins = forced or shopper_id in fresh or not one.settled
        ticket = tickets[shopper_id] = one.row_version + 1 if begins else 0
        uploads.add(shopper_id, one.memory)
        if not one.row_version:
            first = {"shopper_id": shopper_id, "row_version": 1, "version": one.version, "written_version": 0}
            made.append(first | {"profile": one.memory.stored, "said": one.text, "dirty": ticket})
        elif one.changed or begins:
            late = {"of_shopper": shopper_id, "read_row": one.row_version, "row": one.row_version + 1}
            late |= {"to_version": one.version, "to_profile": one.memory.stored, "to_said": one.text}
            changed.append(late | {"to_dirty": ticket or one.dirty})
    answers: list[Folded | Never | None] = []
    for event in events:
        of_shopper = reckoned.get(event.shopper_id)
        if isinstance(of_shopper, Reckoned):
            name = names[event.shopper_id, event.upload_id]
            answers.append(of_shopper.folded(event, name, tickets[event.shopper_id], known=name in known))
        else:
            answers.append(of_shopper)
    return Batch(made, changed, uploads, answers)
