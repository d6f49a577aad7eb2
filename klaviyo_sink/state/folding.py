"""Computes a shopper's style profile after a batch of events: what is stored, and what Klaviyo gets. Pure."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

from pydantic import StrictInt, StrictStr, TypeAdapter
from pydantic_core import to_json
from sqlalchemy import Row

from klaviyo_sink.bodies import Properties
from klaviyo_sink.profile.style import StyleProfile, contribution, fold, unique_id
from klaviyo_sink.profile.wording import Wording
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

    profile: StyleProfile
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
class Reckoned:
    """A shopper's style profile before and after a batch, as stored and as Klaviyo gets it."""

    old: StyleProfile
    profile: StyleProfile
    stored: str
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
        alone = self.dirty < 0 or (not known and self.old.was_given(event))
        return Folded(
            self.profile,
            self.properties,
            self.version,
            self.written_version,
            name,
            known,
            ticket,
            alone=alone,
            dirty=self.dirty,
        )


def reckon(
    row: Row[Any] | None, events: Sequence[OutfitTagged], wording: Wording, *, above: int = 0
) -> Reckoned | Never:
    """
    Fold events into a row (None: the shopper is new). Returns `UNREADABLE` if the row is damaged.

    `above` is the version at Klaviyo. A row with an older one, as after a restore, continues from it.
    """
    old, version, written, row_version, dirty = StyleProfile(), 0, 0, 0, 0
    if row is not None:
        try:
            columns = row.profile, row.version, row.written_version, row.row_version, row.dirty
            profile, version, written, row_version, dirty = _KINDS.validate_python(columns)
            old = StyleProfile.read(profile)
        except ValueError:
            return UNREADABLE
    new = fold(old, [contribution(event, wording.names.labels) for event in events])
    properties = wording.properties(new, version)
    text = to_json(properties).decode()
    if row is None or text != row.said or version < above:
        version = max(version, above) + 1
        properties[wording.names.version] = version
        text = to_json(properties).decode()
    stored = new.stored()
    changed = row is None or (stored, text) != (row.profile, row.said)
    return Reckoned(old, new, stored, properties, text, version, written, row_version, dirty, changed=changed)


@dataclass(frozen=True, slots=True)
class Batch:
    """A folded batch that is not stored yet: rows to insert, rows to change, and the result of each event."""

    made: list[dict[str, Any]]
    changed: list[dict[str, Any]]
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
    made, changed, tickets = [], [], {}
    for shopper_id, one in sorted(reckoned.items()):
        if isinstance(one, Never):
            continue
        begins = forced or shopper_id in fresh or not one.settled
        ticket = tickets[shopper_id] = one.row_version + 1 if begins else 0
        if not one.row_version:
            first = {"shopper_id": shopper_id, "row_version": 1, "version": one.version, "written_version": 0}
            made.append(first | {"profile": one.stored, "said": one.text, "dirty": ticket})
        elif one.changed or begins:
            late = {"of_shopper": shopper_id, "read_row": one.row_version, "row": one.row_version + 1}
            late |= {"to_version": one.version, "to_profile": one.stored, "to_said": one.text}
            changed.append(late | {"to_dirty": ticket or one.dirty})
    answers: list[Folded | Never | None] = []
    for event in events:
        of_shopper = reckoned.get(event.shopper_id)
        if isinstance(of_shopper, Reckoned):
            name = names[event.shopper_id, event.upload_id]
            answers.append(of_shopper.folded(event, name, tickets[event.shopper_id], known=name in known))
        else:
            answers.append(of_shopper)
    return Batch(made, changed, answers)
