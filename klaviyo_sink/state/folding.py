"""A shopper's style profile before and after a batch of events: what is stored, and what is told. Knows no query."""

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

#: SQLite keeps whatever kind of value it was given: `profile`, `version`, `written_version`, `row_version`.
_KINDS: Final = TypeAdapter(tuple[StrictStr, StrictInt, StrictInt, StrictInt])


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
class Reckoned:
    """A shopper's style profile before and after a batch, as it is told and as it is stored."""

    old: StyleProfile
    profile: StyleProfile
    stored: str
    said: Properties
    text: str
    version: int
    written_version: int

    def told(self, name: str, *, known: bool) -> Folded:
        """Answer an event of this shopper."""
        return Folded(self.profile, self.said, self.version, self.written_version, name, known)


def reckon(row: Row[Any] | None, events: Sequence[OutfitTagged], wording: Wording) -> Reckoned | Never:
    """Fold events into what the row holds (None: the shopper is new); `UNREADABLE` where that is damaged."""
    old, version, written = StyleProfile(), 0, 0
    if row is not None:
        try:
            columns = row.profile, row.version, row.written_version, row.row_version
            profile, version, written, _ = _KINDS.validate_python(columns)
            old = StyleProfile.read(profile)
        except ValueError:
            return UNREADABLE
    new = fold(old, [contribution(event, wording.names.labels) for event in events])
    said = wording.properties(new, version)
    text = to_json(said).decode()
    if row is None or text != row.said:
        version += 1
        said[wording.names.version] = version
        text = to_json(said).decode()
    return Reckoned(old, new, new.stored(), said, text, version, written)
