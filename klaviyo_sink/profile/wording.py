"""
Writes a style profile as the properties of a Klaviyo profile. Pure.

Tags fade relative to the newest upload, not to the clock. So the properties depend only on the set of uploads.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from klaviyo_sink.bodies import Properties
from klaviyo_sink.profile.interests import NO_INTERESTS, Interests
from klaviyo_sink.profile.naming import DEFAULT_NAMES, PropertyNames
from klaviyo_sink.profile.recency import DEFAULT_RECENCY, Recency, from_micros
from klaviyo_sink.profile.style import StyleProfile, instant
from klaviyo_sink.profile.summary import Summarizing, Summary, Tally
from schemas.events import Labels


@dataclass(frozen=True, slots=True)
class Wording:
    """Writes a style profile as Klaviyo properties, by their names, the fading of tags, and the interests."""

    names: PropertyNames = DEFAULT_NAMES
    recency: Recency = DEFAULT_RECENCY
    interests: Interests = NO_INTERESTS

    @property
    def summarizing(self) -> Summarizing:
        """How a style profile is summarized for these properties."""
        return Summarizing(self.recency, self.interests, self.names.labels != "ids")

    def properties(self, profile: StyleProfile | Summary, version: int) -> Properties:
        """
        Return the whole state as Klaviyo profile properties.

        `version` counts the changes of the properties. `…updated_at` is the time of the newest upload, so that it also
        depends only on the set of uploads.
        """
        summary = profile if isinstance(profile, Summary) else self.summarizing.of(profile.uploads)
        names, lists, seen_lists = self.names, self.names.lists, self.names.seen_lists
        held = self.interests.held(summary.interests, summary.as_of)
        words = self._words(summary, held)
        read = self._unfaded(summary, _merged(summary) if names.seen == "merged" else summary.read)
        values = _listed(read | held.keys(), lists.values(), words)
        properties: Properties = {names.prefix + name: values[category] for name, category in lists.items()}
        # If no photo of the shopper was looked at, the profile has no such lists.
        if seen_lists and summary.looked:
            shown = _listed(self._unfaded(summary, summary.seen) - read, seen_lists.values(), words)
            properties |= {names.prefix + name: shown[category] for name, category in seen_lists.items()}
        for alias, name in sorted(names.aliases.items()):
            properties[alias] = values[lists[name]]
        properties[names.version] = version
        if summary.uploads:
            properties[names.updated_at] = instant(from_micros(summary.newest))
        return properties

    def _unfaded(self, summary: Summary, tallies: Mapping[str, Tally]) -> set[str]:
        needed = self.recency.needed(summary.as_of, summary.frame)
        return {tag for tag, (_, units) in tallies.items() if units >= needed}

    def _words(self, summary: Summary, held: Mapping[str, Labels]) -> dict[str, str]:
        if self.names.labels == "ids":
            return {}
        words = {tag: word for tag, (_, _, word) in summary.words.items()}
        return words | {interest: getattr(known_as, self.names.labels) for interest, known_as in held.items()}


def _merged(summary: Summary) -> dict[str, Tally]:
    """Return the tallies of tags that were read or seen."""
    merged = summary.read.copy()
    for tag, (count, units) in summary.seen.items():
        of_read = merged.get(tag, (0, 0))
        merged[tag] = of_read[0] + count, of_read[1] + units
    return merged


def _listed(tags: Iterable[str], categories: Iterable[str], words: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return the values of each listed category, sorted, without duplicates."""
    values: dict[str, list[str]] = {category: [] for category in categories}
    for tag in tags:
        category, _, value = tag.partition("/")
        if category in values:
            values[category].append(words.get(tag) or value)
    return {category: tuple(sorted(set(found))) for category, found in values.items()}


DEFAULT_WORDING: Final = Wording()
