"""
Writes a style profile as the properties of a Klaviyo profile. Pure.

Tags fade relative to the newest upload, not to the clock. So the properties depend only on the set of uploads.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from klaviyo_sink.bodies import Properties
from klaviyo_sink.profile.naming import DEFAULT_NAMES, PropertyNames
from klaviyo_sink.profile.recency import DEFAULT_RECENCY, Recency
from klaviyo_sink.profile.style import Contribution, StyleProfile, instant
from schemas.events import Labels


class InterestsOf(Protocol):
    """Derives interests from several uploads. The code that opens the sink passes it, with the rules as data."""

    def __call__(self, uploads: Sequence[Contribution], as_of: datetime, /) -> Mapping[str, Labels]:
        """Return the interests at a time, by id (`interest/sustainable`), each with its display names."""
        ...


def no_interests(_uploads: Sequence[Contribution], _as_of: datetime, /) -> Mapping[str, Labels]:
    """Return no interests."""
    return {}


@dataclass(frozen=True, slots=True)
class Wording:
    """Writes a style profile as Klaviyo properties, by their names, the fading of tags, and the interests."""

    names: PropertyNames = DEFAULT_NAMES
    recency: Recency = DEFAULT_RECENCY
    interests_of: InterestsOf = no_interests

    def properties(self, profile: StyleProfile, version: int) -> Properties:
        """
        Return the whole state as Klaviyo profile properties.

        `version` counts the changes of the properties. `…updated_at` is the time of the newest upload, so that it also
        depends only on the set of uploads.
        """
        names, lists, seen_lists = self.names, self.names.lists, self.names.seen_lists
        as_of = profile.as_of()
        held = self.interests_of(profile.uploads, as_of) if as_of is not None else {}
        words = self._words(profile, held)
        read = self._unfaded(profile, as_of, lambda one: one.every if names.seen == "merged" else one.tags)
        values = _listed(read | held.keys(), lists.values(), words)
        properties: Properties = {names.prefix + name: values[category] for name, category in lists.items()}
        # If no photo of the shopper was looked at, the profile has no such lists.
        if seen_lists and any(one.looked for one in profile.uploads):
            seen = self._unfaded(profile, as_of, lambda one: one.seen) - read
            shown = _listed(seen, seen_lists.values(), words)
            properties |= {names.prefix + name: shown[category] for name, category in seen_lists.items()}
        for alias, name in sorted(names.aliases.items()):
            properties[alias] = values[lists[name]]
        properties[names.version] = version
        if profile.uploads:
            properties[f"{names.prefix}updated_at"] = instant(profile.uploads[-1].uploaded_at)
        return properties

    def _unfaded(
        self, profile: StyleProfile, as_of: datetime | None, tags_of: Callable[[Contribution], tuple[str, ...]]
    ) -> set[str]:
        """Return the tags that have not faded at a time; none of a profile without uploads, which has no time."""
        if as_of is None:
            return set()
        weights: dict[str, float] = {}
        for upload in profile.uploads:
            weight = self.recency.weight(as_of - upload.uploaded_at)
            for tag in tags_of(upload):
                weights[tag] = weights.get(tag, 0) + weight
        return {tag for tag, weight in weights.items() if weight >= self.recency.least}

    def _words(self, profile: StyleProfile, held: Mapping[str, Labels]) -> dict[str, str]:
        if self.names.labels == "ids":
            return {}
        # Uploads are sorted by time, so the newest upload's word for a tag counts.
        words = {tag: word for one in profile.uploads for tag, word in zip(one.every, one.labels, strict=False)}
        return words | {interest: getattr(known_as, self.names.labels) for interest, known_as in held.items()}


def _listed(tags: Iterable[str], categories: Iterable[str], words: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return the values of each listed category, sorted, without duplicates."""
    values: dict[str, list[str]] = {category: [] for category in categories}
    for tag in tags:
        category, _, value = tag.partition("/")
        if category in values:
            values[category].append(words.get(tag) or value)
    return {category: tuple(sorted(set(found))) for category, found in values.items()}


DEFAULT_WORDING: Final = Wording()
