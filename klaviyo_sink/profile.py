"""
The style profile: a fold of tagged uploads, and what the shopper's Klaviyo profile says of it. Pure.

The fold keeps, for each upload, its greatest contribution, and of the uploads the newest `MEMORY`. Both are joins of a
semilattice, so the state depends only on the set of uploads seen: order, repetition and grouping change nothing.
"""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict

from klaviyo_sink.bodies import Properties
from klaviyo_sink.naming import DEFAULT_NAMES, LISTS, Labels, PropertyNames
from schemas.events import Identity, OutfitTagged, TagId

#: Uploads remembered per shopper. With all of them the stored row stays under about 60 kB, and the lists that Klaviyo
#: gets stay far below its 95 kB for a profile carried on an event (developers.klaviyo.com, events overview).
MEMORY: Final = 200


class Contribution(BaseModel):
    """What one upload says. Of two for the same upload the one later by `rank` counts."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    upload_id: str
    uploaded_at: AwareDatetime
    tagged_at: AwareDatetime
    lexicon_version: str
    #: Sorted, no repetition.
    tags: tuple[TagId, ...]
    #: The tags' words, in the same order; empty where the profile says ids.
    labels: tuple[str, ...] = ()

    def rank(self) -> tuple[datetime, datetime, str, tuple[str, ...], tuple[str, ...]]:
        """
        Order the contributions of one upload, totally.

        `uploaded_at` leads because memory is bounded by it: what was once too old to remember then stays so.
        """
        return (self.uploaded_at, self.tagged_at, self.lexicon_version, self.tags, self.labels)


class StyleProfile(BaseModel):
    """What is known of a shopper from all uploads: the contributions remembered, sorted by (uploaded_at, upload_id)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    uploads: tuple[Contribution, ...] = ()


def contribution(event: OutfitTagged, labels: Labels = "ids") -> Contribution:
    """Take from an event what the style profile remembers: no text, no evidence, no identity."""
    ids = tag_ids(event)
    words: tuple[str, ...] = ()
    if labels != "ids":
        said = {tag.id: tag.labels.zh if labels == "zh" else tag.labels.en for tag in event.tags}
        words = tuple(said[one] for one in ids)
    return Contribution(
        upload_id=event.upload_id,
        uploaded_at=event.uploaded_at,
        tagged_at=event.tagged_at,
        lexicon_version=event.lexicon_version,
        tags=ids,
        labels=words,
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
    values: dict[str, set[str]] = {category: set() for category in LISTS.values()}
    for tag in {tag for one in profile.uploads for tag in one.tags}:
        category, _, value = tag.partition("/")
        if category in values:
            values[category].add(value)
    return {category: tuple(sorted(found)) for category, found in values.items()}


def meaning(profile: StyleProfile) -> tuple[object, ...]:
    """Give all that the profile can make Klaviyo say: equal meanings need no write."""
    return (lists(profile), _words(profile), profile.uploads[-1].uploaded_at if profile.uploads else None)


def profile_properties(profile: StyleProfile, version: int, names: PropertyNames = DEFAULT_NAMES) -> Properties:
    """
    Write the whole state as Klaviyo profile properties.

    `version` counts the changes of what this says. `…updated_at` is the time of the newest upload, so that it, too,
    depends on the set of uploads alone.
    """
    said = lists(profile)
    if names.labels != "ids":
        words = _words(profile)
        said = {
            category: tuple(sorted({words.get(f"{category}/{one}") or one for one in values}))
            for category, values in said.items()
        }
    properties: Properties = {names.prefix + holds: said[category] for holds, category in LISTS.items()}
    for alias, holds in sorted(names.aliases.items()):
        properties[alias] = said[LISTS[holds]]
    properties[f"{names.prefix}version"] = version
    if profile.uploads:
        properties[f"{names.prefix}updated_at"] = instant(profile.uploads[-1].uploaded_at)
    return properties


def event_properties(event: OutfitTagged) -> Properties:
    """
    Write one upload's tags as event properties: a flow's filter reads these, which cannot race the profile.

    `upload_id`, `tags` (ids), one list per category (`materials`, `styles`, `categories`, `patterns`, …), and the
    lexicon that gave them. Always ids, so that flows work in any language.
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
    whom = identifiers(event.identity)[0]
    named = [event.schema_version, *whom, event.upload_id, *tag_ids(event)]
    return hashlib.sha256(json.dumps(named, separators=(",", ":")).encode()).hexdigest()


def identifiers(identity: Identity) -> tuple[tuple[str, str], ...]:
    """Give Klaviyo's names for the shopper, in the order to try them: one is sent at a time."""
    known = (("id", identity.klaviyo_id), ("email", identity.email), ("external_id", identity.external_id))
    return tuple((name, value) for name, value in known if value is not None)


def tag_ids(event: OutfitTagged) -> tuple[str, ...]:
    """Give the event's tag set, sorted."""
    return tuple(sorted({tag.id for tag in event.tags}))


def instant(moment: datetime) -> str:
    """Write a moment as Klaviyo keeps it: whole seconds, UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _words(profile: StyleProfile) -> dict[str, str]:
    # Sorted by time: the newest upload's word for a tag counts.
    return {tag: word for one in profile.uploads for tag, word in zip(one.tags, one.labels, strict=False)}


def _values(ids: Iterable[str], category: str) -> tuple[str, ...]:
    return tuple(sorted(tag.partition("/")[2] for tag in ids if tag.startswith(f"{category}/")))


def _plural(category: str) -> str:
    name = category.replace("-", "_")
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"
