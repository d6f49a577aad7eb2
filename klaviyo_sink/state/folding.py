"""A shopper's style profile before and after a batch of events: what is stored, and what Klaviyo gets. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import StrictInt, StrictStr, TypeAdapter
from pydantic_core import to_json
from sqlalchemy import Row

from klaviyo_sink.bodies import Properties
from klaviyo_sink.profile.style import StyleProfile, contribution, fold
from klaviyo_sink.profile.wording import Wording
from schemas.events import OutfitTagged
from schemas.outcomes import Never

#: Answers the events of a shopper whose row is damaged: no retry mends it, and nobody else's event waits for it.
UNREADABLE: Final = Never(
    "style-profile-unreadable",
    "the shopper's row of style_profiles is damaged; mend it, or delete it to begin anew, then replay the dead letters",
)

#: SQLite keeps whatever kind of value it was given: `profile`, `version`, `written_version`, `row_version`, `dirty`.
_KINDS: Final = TypeAdapter(tuple[StrictStr, StrictInt, StrictInt, StrictInt, StrictInt])


@dataclass(frozen=True, slots=True)
class Folded:
    """A shopper's style profile with the batch's events folded in, as one event of the batch finds it."""

    profile: StyleProfile
    #: The Klaviyo properties, and how often they have changed.
    properties: Properties
    version: int
    #: The greatest version that Klaviyo has taken; 0 before the first.
    written_version: int
    #: The event's name at Klaviyo, and whether the ledger knows that Klaviyo has taken it.
    unique_id: str
    known: bool
    #: Names the write that begins here (`settling.py`); 0: Klaviyo has everything, nothing is written.
    ticket: int = 0
    #: Whether the profile must also be set by itself: Klaviyo may know the event, and drop it with its state.
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Reckoned:
    """A shopper's style profile before and after a batch, as Klaviyo is to have it and as it is stored."""

    old: StyleProfile
    profile: StyleProfile
    stored: str
    properties: Properties
    text: str
    version: int
    written_version: int
    row_version: int
    dirty: int

    @property
    def settled(self) -> bool:
        """Whether Klaviyo has the newest state, as far as anyone knows."""
        return self.dirty == 0 and self.written_version >= self.version

    def folded(self, event: OutfitTagged, name: str, ticket: int, *, known: bool) -> Folded:
        """Answer an event of this shopper; `name` is the event's at Klaviyo."""
        alone = self.dirty < 0 or (not known and self.old.was_given(event))
        return Folded(
            self.profile, self.properties, self.version, self.written_version, name, known, ticket, alone=alone
        )


def reckon(row: Row[Any] | None, events: Sequence[OutfitTagged], wording: Wording) -> Reckoned | Never:
    """Fold events into what the row holds (None: the shopper is new); `UNREADABLE` where that is damaged."""
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
    if row is None or text != row.said:
        version += 1
        properties[wording.names.version] = version
        text = to_json(properties).decode()
    return Reckoned(old, new, new.stored(), properties, text, version, written, row_version, dirty)
