"""
What a Klaviyo account remembers: profiles, metrics, events. In memory, without HTTP.

Unlike Klaviyo, which answers first and processes later, everything is visible at once.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

#: In the order in which they name a profile.
IDENTIFIERS: Final = ("email", "phone_number", "external_id", "anonymous_id")


@dataclass(slots=True)
class StoredProfile:
    """A profile: top-level fields (identifiers among them) and custom properties."""

    id: str
    created: datetime
    updated: datetime
    fields: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it was recorded. `backfill` events trigger no flow."""

    id: str
    metric: str
    profile_id: str
    unique_id: str
    time: datetime
    backfill: bool
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric, created by its first event."""

    id: str
    name: str
    created: datetime


class ConflictError(Exception):
    """The identifiers given belong to two profiles; `profile_id` is the other one."""

    def __init__(self, profile_id: str) -> None:
        super().__init__(profile_id)
        self.profile_id = profile_id


class Account:
    """One account. `now` tells the time."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.profiles: dict[str, StoredProfile] = {}
        self.metrics: dict[str, Metric] = {}
        self.events: list[StoredEvent] = []
        self.deletions = 0
        #: Ids of profiles that may be texted; segments and flows made here; texts (`automation.Text`).
        self.sms_consent: set[str] = set()
        self.segments: list[dict[str, Any]] = []
        self.flows: list[Any] = []
        self.texts: list[Any] = []
        #: Import jobs by id, and how the next one ends.
        self.imports: dict[str, Any] = {}
        self.next_import: Literal["complete", "cancelled", "expired", "stuck"] = "complete"
        self.counters: Counter[str] = Counter()
        self._by_identifier: dict[tuple[str, str], str] = {}
        self._recorded: set[tuple[str, str, str]] = set()

    def find(self, profile_id: str | None, attributes: Mapping[str, Any]) -> StoredProfile | None:
        """
        Find the profile that an id and identifiers name.

        Raises:
            ConflictError: they name two.

        """
        found = {self._by_identifier.get((name, attributes.get(name) or "")) for name in IDENTIFIERS}
        named = [self.profiles[one] for one in sorted(found - {None}, key=str) if one is not None]
        if profile_id is not None and profile_id in self.profiles:
            named = [self.profiles[profile_id], *(one for one in named if one.id != profile_id)]
        if len(named) > 1:
            raise ConflictError(named[1].id)
        return named[0] if named else None

    def upsert(
        self, profile_id: str | None, attributes: Mapping[str, Any], patch: Mapping[str, Any]
    ) -> tuple[StoredProfile, bool]:
        """
        Merge into a profile, making it if need be; say whether it was made.

        Top-level fields and each key of `properties` are replaced whole, lists too; null clears; what is omitted
        stays. `patch` is `patch_properties`: append, unappend, unset.
        """
        profile = self.find(profile_id, attributes)
        made = profile is None
        now = self.now()
        if profile is None:
            profile = StoredProfile(id="01" + uuid.uuid4().hex[:24].upper(), created=now, updated=now)
            self.profiles[profile.id] = profile
        for name, value in attributes.items():
            if name != "properties":
                _put(profile.fields, name, value)
        for name, value in (attributes.get("properties") or {}).items():
            _put(profile.properties, name, value)
        _patch(profile.properties, patch)
        profile.updated = now
        for name in IDENTIFIERS:
            if value := profile.fields.get(name):
                self._by_identifier[name, value] = profile.id
        return profile, made

    def recorded(self, profile: StoredProfile | None, metric: str, unique_id: str) -> bool:
        """Tell whether this profile's event is there already."""
        return profile is not None and (profile.id, metric, unique_id) in self._recorded

    def record(
        self,
        profile: StoredProfile,
        metric: str,
        *,
        unique_id: str,
        time: datetime,
        backfill: bool,
        properties: Mapping[str, Any],
    ) -> StoredEvent | None:
        """Record an event, unless it is there already: the first one counts, and None is given."""
        if self.recorded(profile, metric, unique_id):
            self.counters["events_deduplicated"] += 1
            return None
        self._recorded.add((profile.id, metric, unique_id))
        self.metrics.setdefault(metric, Metric(uuid.uuid4().hex[:6].upper(), metric, self.now()))
        # Klaviyo ignores these three values of event properties.
        kept = {name: value for name, value in properties.items() if value is not None and value not in ("", 0)}
        event = StoredEvent(str(uuid.uuid4()), metric, profile.id, unique_id, time, backfill, kept)
        self.events.append(event)
        return event

    def erase(self, profile: StoredProfile) -> None:
        """Delete a profile and its events."""
        del self.profiles[profile.id]
        self._by_identifier = {key: one for key, one in self._by_identifier.items() if one != profile.id}
        self.texts = [text for text in self.texts if text.profile_id != profile.id]
        self.sms_consent.discard(profile.id)
        self.events = [event for event in self.events if event.profile_id != profile.id]
        self._recorded = {key for key in self._recorded if key[0] != profile.id}
        self.deletions += 1


def _put(target: dict[str, Any], name: str, value: Any) -> None:
    if value is None:
        target.pop(name, None)
    else:
        target[name] = value


def _patch(properties: dict[str, Any], patch: Mapping[str, Any]) -> None:
    for name, value in (patch.get("append") or {}).items():
        properties[name] = _as_list(properties.get(name)) + _as_list(value)
    for name, value in (patch.get("unappend") or {}).items():
        properties[name] = [one for one in _as_list(properties.get(name)) if one not in _as_list(value)]
    unset = patch.get("unset") or []
    for name in [unset] if isinstance(unset, str) else unset:
        properties.pop(name, None)


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
