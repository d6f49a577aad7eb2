"""
The style profile: a fold of tagged uploads; and the event properties of one upload. Pure.

The fold keeps, for each upload, its greatest contribution, and of the uploads the newest `MEMORY`. Both are joins of a
semilattice, so the state depends only on the set of uploads: order, repetition and grouping change nothing.
`wording.py` writes the properties of the whole profile.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple, Self

from pydantic import AwareDatetime, TypeAdapter
from pydantic_core import from_json, to_json

from klaviyo_sink.bodies import Properties
from klaviyo_sink.profile.naming import SEEN, Labels, SeenTags, plural
from schemas.events import Identity, OutfitTagged

#: Uploads remembered per shopper. With all of them the stored row stays under about 60 kB, and the lists for Klaviyo
#: stay far below its 95 kB for a profile on an event (developers.klaviyo.com, events overview).
MEMORY: Final = 200


#: Number of fields of a contribution that was stored before there were looks.
_BEFORE_LOOKS: Final = 6


class Contribution(NamedTuple):
    """
    The tags of one upload. Of two for the same upload the greater counts, by the order of the fields.

    `uploaded_at` comes first because it limits memory: an upload that was once too old to remember stays so.
    """

    uploaded_at: AwareDatetime
    upload_id: str
    tagged_at: AwareDatetime
    lexicon_version: str
    #: The tags read from text. Sorted, without duplicates.
    tags: tuple[str, ...]
    #: The words of `tags`, then of `seen`, in the same order; empty if the profile contains ids.
    labels: tuple[str, ...] = ()
    #: The tags that only the picture shows. Sorted, no repetition.
    seen: tuple[str, ...] = ()
    #: Whether anything looked at the picture.
    looked: bool = False

    @property
    def every(self) -> tuple[str, ...]:
        """The tags that were read, then those that were only seen."""
        return self.tags + self.seen

    @staticmethod
    def read(stored: str) -> "Contribution":
        """
        Parse what `stored` returned.

        Raises:
            ValueError: The text is damaged, or was not written by `stored`.

        """
        return _ONE.validate_json(stored)

    def stored(self) -> str:
        """Return the upload as text for the database."""
        return to_json(self._short()).decode()

    def _short(self) -> tuple[object, ...]:
        # An upload whose picture was not looked at is stored in the older, shorter form, which older versions can read.
        return self if self.looked else self[:_BEFORE_LOOKS]


@dataclass(frozen=True, slots=True)
class StyleProfile:
    """The remembered contributions of a shopper's uploads, sorted."""

    uploads: tuple[Contribution, ...] = ()

    @classmethod
    def read(cls, stored: str) -> Self:
        """
        Parse what `stored` returned.

        Raises:
            ValueError: The text is damaged, or was not written by `stored`.

        """
        if stored.startswith("{"):
            # The format before migration 0003.
            return cls(_STORED.validate_python(from_json(stored).get("uploads")))
        return cls(_STORED.validate_json(stored))

    def stored(self) -> str:
        """Return the profile as text for the database."""
        return f"[{','.join([one.stored() for one in self.uploads])}]"


_ONE: Final = TypeAdapter(Contribution)
_STORED: Final = TypeAdapter(tuple[Contribution, ...])


def contribution(event: OutfitTagged, labels: Labels = "ids") -> Contribution:
    """Return what the style profile remembers of an event: no text, no evidence, no identity."""
    read, seen = read_and_seen(event)
    words: tuple[str, ...] = ()
    if labels != "ids":
        said = {tag.id: getattr(tag.labels, labels) for tag in event.tags}
        words = tuple(said[one] for one in read + seen)
    looked = event.look is not None or bool(seen)
    at, of = event.uploaded_at, event.upload_id
    return Contribution(at, of, event.tagged_at, event.lexicon_version, read, words, seen, looked)


def fold(profile: StyleProfile, new: Iterable[Contribution], *, memory: int = MEMORY) -> StyleProfile:
    """Add contributions. Commutative, associative and idempotent."""
    kept = {one.upload_id: one for one in profile.uploads}
    for one in new:
        known = kept.get(one.upload_id)
        if known is None or one > known:
            kept[one.upload_id] = one
    return StyleProfile(tuple(sorted(kept.values())[-memory:]))


def event_properties(event: OutfitTagged, seen: SeenTags = "separate") -> Properties:
    """
    Return one upload's tags as event properties. Flows filter by these, which cannot race with the profile.

    They are `upload_id`, `tags` (ids), one list per category (`materials`, `styles`, `categories`, `patterns`, …), and
    the lexicon's version. Always ids, so that flows work in any language. The setting `seen` decides whether tags seen
    only in the picture are in lists of their own (`seen_tags`, `seen_styles`, …), with the others, or omitted.
    """
    read, only_seen = read_and_seen(event)
    ids = tuple(sorted(read + only_seen)) if seen == "merged" else read
    said: Properties = {"upload_id": event.upload_id, "tags": ids}
    said |= _by_category(ids)
    if only_seen and seen == "separate":
        said[f"{SEEN}tags"] = only_seen
        said |= {SEEN + name: values for name, values in _by_category(only_seen).items()}
    said["lexicon_version"] = event.lexicon_version
    return said


def _by_category(ids: Iterable[str]) -> Properties:
    categories: dict[str, list[str]] = {}
    for tag in ids:
        category, _, value = tag.partition("/")
        categories.setdefault(category, []).append(value)
    return {plural(category): tuple(sorted(categories[category])) for category in sorted(categories)}


def unique_id(event: OutfitTagged) -> str:
    """
    Return the event's name at Klaviyo: 64 hex digits over identity, upload and schema version.

    A redelivery has the same name, so Klaviyo drops it. So does an upload that is tagged again: one upload is one
    event, which may trigger a flow once.
    """
    named = (event.schema_version, *identifiers(event.identity)[0], event.upload_id)
    return hashlib.sha256(to_json(named)).hexdigest()


def identifiers(identity: Identity) -> tuple[tuple[str, str], ...]:
    """Return the shopper's identifiers at Klaviyo, in the order to try them; one is sent at a time."""
    known = (("id", identity.klaviyo_id), ("email", identity.email), ("external_id", identity.external_id))
    return tuple((name, value) for name, value in known if value is not None)


def read_and_seen(event: OutfitTagged) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the ids of the tags read from text, and of those seen only in the picture; each sorted."""
    read, seen = set[str](), set[str]()
    for tag in event.tags:
        (seen if tag.seen_only else read).add(tag.id)
    return tuple(sorted(read)), tuple(sorted(seen))


def instant(moment: datetime) -> str:
    """Return a time as Klaviyo keeps it: whole seconds, UTC."""
    return f"{moment.astimezone(UTC).isoformat(timespec='seconds')[:19]}Z"
