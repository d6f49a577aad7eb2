"""
One account: profiles, metrics, events, groups, flows, messages.

Everything is visible at once, unlike at Klaviyo, which answers first and processes later.
"""

import heapq
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Any

from klaviyo_sink.sandbox.account.groups import StoredList, StoredSegment, StoredTemplate
from klaviyo_sink.sandbox.account.jobs import End, ImportJob, SuppressionJob
from klaviyo_sink.sandbox.account.journeys import Journey, Message, StoredFlow
from klaviyo_sink.sandbox.account.profiles import (
    IDENTIFIERS,
    Metric,
    StoredEvent,
    StoredProfile,
    patch_properties,
    put,
)


class ConflictError(Exception):
    """The identifiers belong to two profiles; `profile_id` is the other one."""

    def __init__(self, profile_id: str) -> None:
        super().__init__(profile_id)
        self.profile_id = profile_id


class Account:
    """One account. `now` returns the time."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.created = now()
        self.profiles: dict[str, StoredProfile] = {}
        #: By name and integration.
        self.metrics: dict[tuple[str, str], Metric] = {}
        self.events: list[StoredEvent] = []
        self.events_of: defaultdict[str, list[StoredEvent]] = defaultdict(list)
        self.lists: dict[str, StoredList] = {}
        self.segments: dict[str, StoredSegment] = {}
        self.templates: dict[str, StoredTemplate] = {}
        self.flows: dict[str, StoredFlow] = {}
        self.journeys: list[Journey] = []
        self.journeys_of: defaultdict[str, list[Journey]] = defaultdict(list)
        #: A heap of journeys and messages that wait for a time.
        self._agenda: list[tuple[datetime, int, Journey | Message]] = []
        self.messages: list[Message] = []
        self.messages_to: defaultdict[str, list[Message]] = defaultdict(list)
        self.imports: dict[str, ImportJob] = {}
        #: How the next import job ends.
        self.next_import: End = "complete"
        self.suppression_jobs: dict[str, SuppressionJob] = {}
        self.deletions = 0
        self.counters: Counter[str] = Counter()
        self._numbers = count()
        self._by_identifier: dict[tuple[str, str], str] = {}
        self._recorded: set[tuple[str, tuple[str, str], str]] = set()

    def find(self, profile_id: str | None, attributes: Mapping[str, Any]) -> StoredProfile | None:
        """
        Return the profile with an id and identifiers.

        Raises:
            ConflictError: They belong to two profiles.

        """
        found = {self._by_identifier.get((name, _written(name, attributes.get(name) or ""))) for name in IDENTIFIERS}
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
        Merge into a profile, creating it if necessary. Also return whether it was created.

        Top-level fields and each key of `properties` are replaced as a whole, lists too; null clears; omitted ones
        stay. `patch` is `patch_properties`: append, unappend, unset.
        """
        profile = self.find(profile_id, attributes)
        made = profile is None
        now = self.now()
        if profile is None:
            profile = StoredProfile(id="01" + uuid.uuid4().hex[:24].upper(), created=now, updated=now)
            self.profiles[profile.id] = profile
        for name, value in attributes.items():
            if name != "properties":
                self._set(profile, name, value)
        for name, value in (attributes.get("properties") or {}).items():
            put(profile.properties, name, value)
        patch_properties(profile.properties, patch)
        profile.updated = now
        return profile, made

    def _set(self, profile: StoredProfile, name: str, value: Any) -> None:
        if name not in IDENTIFIERS:
            put(profile.fields, name, value)
            return
        value = None if value is None else _written(name, value)
        old = profile.fields.get(name)
        if old == value:
            return
        put(profile.fields, name, value)
        if old is not None:
            self._by_identifier.pop((name, old), None)
        if value is not None:
            self._by_identifier[name, value] = profile.id

    def recorded(self, profile: StoredProfile | None, metric: tuple[str, str], unique_id: str) -> bool:
        """Return whether this profile's event exists already."""
        return profile is not None and (profile.id, metric, unique_id) in self._recorded

    def record(
        self,
        profile: StoredProfile,
        metric: tuple[str, str],
        *,
        unique_id: str,
        time: datetime,
        backfill: bool,
        properties: Mapping[str, Any],
        value: float | None = None,
        currency: str | None = None,
    ) -> StoredEvent | None:
        """Record an event and return it; None if it exists already, because the first one counts."""
        if self.recorded(profile, metric, unique_id):
            self.counters["events_deduplicated"] += 1
            return None
        self._recorded.add((profile.id, metric, unique_id))
        counted = self.metrics.get(metric)
        if counted is None:
            counted = self.metrics[metric] = Metric(new_id().upper(), metric[0], self.now(), metric[1])
        # Klaviyo ignores these three values of event properties.
        kept = {name: one for name, one in properties.items() if one is not None and one not in ("", 0)}
        event = StoredEvent(str(uuid.uuid4()), counted, profile.id, unique_id, time, backfill, kept, value, currency)
        self.events.append(event)
        self.events_of[profile.id].append(event)
        return event

    def tell(self, message: Message) -> None:
        """Store a message, sent or not."""
        self.messages.append(message)
        self.messages_to[message.profile_id].append(message)

    def begin(self, journey: Journey) -> None:
        """Store a person's journey through a flow."""
        self.journeys.append(journey)
        self.journeys_of[journey.profile_id].append(journey)

    def wait(self, until: datetime, what: Journey | Message) -> None:
        """Let `due` return a journey or message at a time."""
        # The number keeps the order of those due at the same time.
        heapq.heappush(self._agenda, (until, next(self._numbers), what))

    def due(self) -> Iterator[Journey | Message]:
        """Yield the journeys and messages that are due, oldest first, without those of deleted or merged profiles."""
        while self._agenda and self._agenda[0][0] <= self.now():
            _until, _number, what = heapq.heappop(self._agenda)
            if what.profile_id in self.profiles:
                yield what

    def erase(self, profile: StoredProfile) -> None:
        """Delete a profile and all of its data."""
        self._drop(profile)
        self.deletions += 1

    def merge(self, into: StoredProfile, other: StoredProfile) -> None:
        """Move events, identifiers, memberships and consent of another profile into this one, and delete the other."""
        events = [replace(event, profile_id=into.id) for event in self.events_of[other.id]]
        messages = [replace(message, profile_id=into.id) for message in self.messages_to[other.id]]
        memberships = {one.id: one.members[other.id] for one in self.lists.values() if other.id in one.members}
        recorded = {(into.id, metric, name) for who, metric, name in self._recorded if who == other.id}
        self._drop(other)
        self.events = sorted([*self.events, *events], key=lambda event: event.time)
        self.events_of[into.id] += events
        self.messages += messages
        for one in messages:
            if one.status == "waiting":
                self.wait(one.at, one)
        self.messages_to[into.id] += messages
        self._recorded |= recorded
        for list_id, joined in memberships.items():
            self.lists[list_id].members.setdefault(into.id, joined)
        for name, value in other.fields.items():
            if name not in into.fields:
                self._set(into, name, value)
            elif name in IDENTIFIERS:
                # Both addresses then belong to the remaining profile.
                self._by_identifier[name, value] = into.id
        into.properties = other.properties | into.properties
        into.consents = other.consents | into.consents
        into.suppressions += [one for one in other.suppressions if one not in into.suppressions]
        into.updated = self.now()

    def _drop(self, profile: StoredProfile) -> None:
        del self.profiles[profile.id]
        self._by_identifier = {key: one for key, one in self._by_identifier.items() if one != profile.id}
        self._recorded = {key for key in self._recorded if key[0] != profile.id}
        self.events = [event for event in self.events if event.profile_id != profile.id]
        self.messages = [message for message in self.messages if message.profile_id != profile.id]
        self.journeys = [one for one in self.journeys if one.profile_id != profile.id]
        self.journeys_of.pop(profile.id, None)
        self.events_of.pop(profile.id, None)
        self.messages_to.pop(profile.id, None)
        for group in self.lists.values():
            group.members.pop(profile.id, None)
        for segment in self.segments.values():
            segment.seen.pop(profile.id, None)
            segment.entered.discard(profile.id)


def new_id() -> str:
    """Return a new id, as metrics, lists, segments and flows have."""
    return uuid.uuid4().hex[:6]


def _written(name: str, value: str) -> str:
    # Klaviyo keeps addresses in lower case.
    return value.lower() if name == "email" else value
