"""A row: one upload with the shopper's state, or the state alone; and the bytes that are sent. Pure."""

from dataclasses import dataclass, replace
from typing import Any

from klaviyo_sink.bodies import BulkEntry, EventBody, Profile, ProfileImportBody, Properties
from klaviyo_sink.profile.naming import SeenTags
from klaviyo_sink.profile.style import event_properties, identifiers, instant
from schemas.events import OutfitTagged
from schemas.spans import TraceHeaders


@dataclass(frozen=True, slots=True)
class Row:
    """One event with the shopper's newest state, or (`with_event` false) only the state."""

    event: OutfitTagged
    unique_id: str
    #: The shopper's whole state as Klaviyo properties, and its version.
    properties: Properties
    metric: str
    backfill: bool
    with_event: bool = True
    version: int = 0
    #: The ticket of its write (`state/settling.py`).
    ticket: int = 0
    #: How many of the shopper's identifiers were tried that Klaviyo does not know.
    skip: int = 0
    #: How tags seen only in the picture are written: not at all, in separate lists, or with the others.
    seen: SeenTags = "separate"
    #: Trace headers of the event, which the request carries too.
    trace: TraceHeaders = ()

    @property
    def key(self) -> str:
        """Key of its result: the event's name, or the shopper if the state is sent alone."""
        return self.unique_id if self.with_event else self.event.shopper_id

    @property
    def name(self) -> tuple[str, str]:
        """The one identifier that is sent: its kind and its value."""
        return identifiers(self.event.identity)[self.skip]

    def by_next_name(self) -> "Row | None":
        """Return the row with the next identifier; None if there is none."""
        more = self.skip + 1 < len(identifiers(self.event.identity))
        return replace(self, skip=self.skip + 1) if more else None

    def single(self) -> bytes:
        """
        Return the body of `POST /api/events` or, for state alone, `POST /api/profile-import`.

        Raises:
            pydantic.ValidationError: The content breaks a limit of Klaviyo; also from the other two methods.

        """
        if not self.with_event:
            return ProfileImportBody.model_validate({"data": self._profile()}).wire()
        attributes = self._entry() | {"profile": {"data": self._profile()}}
        return EventBody.model_validate({"data": {"attributes": attributes}}).wire()

    def bulk(self) -> bytes:
        """Return a row of `POST /api/event-bulk-create-jobs` or, for state alone, of `…/profile-bulk-import-jobs`."""
        if not self.with_event:
            return Profile.model_validate(self._profile()).wire()
        events = {"data": ({"attributes": self._entry()},)}
        return BulkEntry.model_validate({"attributes": {"profile": {"data": self._profile()}, "events": events}}).wire()

    # Pass plain values: the closed models validate and complete them in one call. Thousands are written per second.

    def _entry(self) -> dict[str, Any]:
        return {
            "metric": {"data": {"attributes": {"name": self.metric}}},
            "unique_id": self.unique_id,
            "time": instant(self.event.uploaded_at),
            "backfill": self.backfill,
            "properties": event_properties(self.event, self.seen),
        }

    def _profile(self) -> dict[str, Any]:
        name, value = self.name
        if name == "id":
            return {"id": value, "attributes": {"properties": self.properties}}
        return {"attributes": {name: value, "properties": self.properties}}
