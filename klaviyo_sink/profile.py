"""
The style profile: a fold of tagged uploads, and the exact bodies that tell Klaviyo about it. Pure.

The fold keeps, for each upload, its greatest contribution, and of the uploads the newest `MEMORY`. Both are joins of a
semilattice, so the state depends only on the set of uploads seen: order, repetition and grouping change nothing.
"""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict

from klaviyo_sink.bodies import (
    Event,
    EventAttributes,
    EventBody,
    Metric,
    MetricAttributes,
    MetricData,
    Profile,
    ProfileAttributes,
    ProfileData,
    ProfileImportBody,
    Properties,
)
from schemas.events import Identity, OutfitTagged, TagId

#: Uploads remembered per shopper. With all of them the stored row stays under about 60 kB, and the lists that Klaviyo
#: gets stay far below its 95 kB for a profile carried on an event (developers.klaviyo.com, events overview).
MEMORY: Final = 200
#: Tag categories that become lists on the profile. All are always sent, empty ones too: Klaviyo keeps what is omitted.
PROFILE_CATEGORIES: Final = ("material", "style", "category", "interest")


class Contribution(BaseModel):
    """What one upload says. Of two for the same upload the one later by `rank` counts."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    upload_id: str
    uploaded_at: AwareDatetime
    tagged_at: AwareDatetime
    lexicon_version: str
    #: Sorted, no repetition.
    tags: tuple[TagId, ...]

    def rank(self) -> tuple[datetime, datetime, str, tuple[str, ...]]:
        """
        Order the contributions of one upload, totally.

        `uploaded_at` leads because memory is bounded by it: what was once too old to remember then stays so.
        """
        return (self.uploaded_at, self.tagged_at, self.lexicon_version, self.tags)


class StyleProfile(BaseModel):
    """What is known of a shopper from all uploads: the contributions remembered, sorted by (uploaded_at, upload_id)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    uploads: tuple[Contribution, ...] = ()


def contribution(event: OutfitTagged) -> Contribution:
    """Take from an event what the style profile remembers: no text, no evidence, no identity."""
    return Contribution(
        upload_id=event.upload_id,
        uploaded_at=event.uploaded_at,
        tagged_at=event.tagged_at,
        lexicon_version=event.lexicon_version,
        tags=tag_ids(event),
    )


def fold(profile: StyleProfile, new: Iterable[Contribution], *, memory: int = MEMORY) -> StyleProfile:
    """Take contributions in. Commutative, associative and idempotent."""
    kept = {one.upload_id: one for one in profile.uploads}
    for one in new:
        known = kept.get(one.upload_id)
        if known is None or one.rank() > known.rank():
            kept[one.upload_id] = one
    ordered = sorted(kept.values(), key=lambda one: (one.uploaded_at, one.upload_id))
    return StyleProfile(uploads=tuple(ordered[-memory:]))


def lists(profile: StyleProfile) -> dict[str, tuple[str, ...]]:
    """Give each profile category's values over all remembered uploads, sorted, each once."""
    ids = {tag for one in profile.uploads for tag in one.tags}
    return {category: _values(ids, category) for category in PROFILE_CATEGORIES}


def profile_properties(profile: StyleProfile, version: int) -> Properties:
    """
    Write the whole state as Klaviyo profile properties.

    `version` counts the changes of what this says. `outfit_updated_at` is the time of the newest upload, so that it,
    too, depends on the set of uploads alone.
    """
    said: Properties = {f"outfit_{_plural(category)}": values for category, values in lists(profile).items()}
    said["outfit_version"] = version
    if profile.uploads:
        said["outfit_updated_at"] = _instant(profile.uploads[-1].uploaded_at)
    return said


def event_properties(event: OutfitTagged) -> Properties:
    """
    Write one upload's tags as event properties: a flow's filter reads these, which cannot race the profile.

    `upload_id`, `tags` (ids), one list per category (`materials`, `styles`, `categories`, `patterns`, …), and the
    lexicon that gave them.
    """
    ids = tag_ids(event)
    said: Properties = {"upload_id": event.upload_id, "tags": ids}
    for category in sorted({tag.partition("/")[0] for tag in ids}):
        said[_plural(category)] = _values(ids, category)
    said["lexicon_version"] = event.lexicon_version
    return said


def unique_id(event: OutfitTagged) -> str:
    """
    Name the event for Klaviyo: 64 hex digits over identity, upload, tag set and schema version.

    A redelivery has the same name and is dropped there; an upload tagged differently is a new event.
    """
    meaning = [event.schema_version, *identifier(event.identity), event.upload_id, *tag_ids(event)]
    return hashlib.sha256(json.dumps(meaning, separators=(",", ":")).encode()).hexdigest()


def event_body(event: OutfitTagged, profile: StyleProfile, version: int, *, metric: str, backfill: bool) -> EventBody:
    """Build the one event that both records the upload and sets the profile to the full current state."""
    return EventBody(
        data=Event(
            attributes=EventAttributes(
                metric=MetricData(data=Metric(attributes=MetricAttributes(name=metric))),
                unique_id=unique_id(event),
                time=_instant(event.uploaded_at),
                backfill=backfill,
                properties=event_properties(event),
                profile=ProfileData(data=_profile(event.identity, profile_properties(profile, version))),
            )
        )
    )


def import_body(identity: Identity, profile: StyleProfile, version: int) -> ProfileImportBody:
    """Build the write that sets the profile's state without an event."""
    return ProfileImportBody(data=_profile(identity, profile_properties(profile, version)))


def identifier(identity: Identity) -> tuple[str, str]:
    """Choose the one identifier that is sent: its name at Klaviyo and its value."""
    if identity.klaviyo_id is not None:
        return "id", identity.klaviyo_id
    if identity.email is not None:
        return "email", identity.email
    # Identity guarantees one of the three.
    return "external_id", identity.external_id or ""


def tag_ids(event: OutfitTagged) -> tuple[str, ...]:
    """Give the event's tag set, sorted."""
    return tuple(sorted({tag.id for tag in event.tags}))


def _profile(identity: Identity, properties: Properties) -> Profile:
    name, value = identifier(identity)
    if name == "id":
        return Profile(id=value, attributes=ProfileAttributes(properties=properties))
    email, external_id = (value, None) if name == "email" else (None, value)
    return Profile(attributes=ProfileAttributes(email=email, external_id=external_id, properties=properties))


def _values(ids: Iterable[str], category: str) -> tuple[str, ...]:
    return tuple(sorted(tag.partition("/")[2] for tag in ids if tag.startswith(f"{category}/")))


def _plural(category: str) -> str:
    name = category.replace("-", "_")
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
