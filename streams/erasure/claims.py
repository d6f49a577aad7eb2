"""
What the topics say of a shopper before they are forgotten: names, photos, and who else used the same ones.

An event proves nothing: whoever may publish can put any e-mail address or photo beside any shopper id. So a name is a
claim, and the claims of other shoppers to the same name come with it. Removes nothing and asks Klaviyo nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from klaviyo_sink.profile.style import identifiers
from schemas.codec import UndecodableError, decode
from schemas.events import OutfitTagged, PhotoUploaded
from schemas.topics import topics
from streams.config.settings import Settings
from streams.kafka.reader import follow

#: One of Klaviyo's identifiers (`id`, `email`, `external_id`) and its value.
Name = tuple[str, str]


@dataclass(slots=True)
class Claims:
    """Names and photo addresses, each with the other shoppers whose events have the same one."""

    names: dict[Name, set[str]] = field(default_factory=dict, repr=False)
    photos: dict[str, set[str]] = field(default_factory=dict, repr=False)

    def add_names(self, shopper_id: str, names: Iterable[Name]) -> None:
        """Add names of this shopper. The shop's own id of somebody else is a name they share by itself."""
        for kind, value in names:
            others = self.names.setdefault((kind, value), set())
            if kind == "external_id" and value != shopper_id:
                others.add(value)

    def without(self, forgotten: set[str]) -> "Claims":
        """Leave out shoppers who were forgotten: they have no claim any more."""
        return Claims(
            {name: others - forgotten for name, others in self.names.items()},
            {uri: others - forgotten for uri, others in self.photos.items()},
        )

    def others(self) -> set[str]:
        """Name every other shopper with a claim."""
        return set().union(*self.names.values(), *self.photos.values())


def add_own(claims: Claims, settings: Settings, shopper_id: str) -> None:
    """
    Add the names and photos of the shopper's own events.

    Raises:
        UnreadableTopicError: a topic is missing, or no broker answered.

    """
    for event in _events(settings):
        if event.shopper_id == shopper_id:
            claims.add_names(shopper_id, identifiers(event.identity))
            if isinstance(event, PhotoUploaded):
                claims.photos.setdefault(event.photo.uri, set())


def add_others(claims: Claims, settings: Settings, shopper_id: str) -> None:
    """
    Add the other shoppers whose events have one of these names or photos. Raises as `add_own`.

    A pass of its own, so that memory holds one shopper's names and not everybody's.
    """
    alike: dict[Name, set[Name]] = {}
    for name in claims.names:
        alike.setdefault(comparable(name), set()).add(name)
    for event in _events(settings):
        if event.shopper_id == shopper_id:
            continue
        for name in identifiers(event.identity):
            for mine in alike.get(comparable(name), ()):
                claims.names[mine].add(event.shopper_id)
        if isinstance(event, PhotoUploaded) and event.photo.uri in claims.photos:
            claims.photos[event.photo.uri].add(event.shopper_id)


def comparable(name: Name) -> Name:
    """Write a name so that two which Klaviyo takes for one compare equal: it does not tell the case of addresses."""
    kind, value = name
    return (kind, value.strip().casefold()) if kind == "email" else name


def _events(settings: Settings) -> Iterator[PhotoUploaded | OutfitTagged]:
    names = topics(settings.topic_prefix)
    kinds: dict[str, type[PhotoUploaded | OutfitTagged]] = {
        names.uploads.name: PhotoUploaded,
        names.tags.name: OutfitTagged,
    }
    for seen in follow(settings, list(kinds)):
        try:
            event = decode(kinds[seen.topic], seen.value)
        except UndecodableError:
            continue
        # The stages go by the shopper in the event; the key only chooses the partition.
        yield event
