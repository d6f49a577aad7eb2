"""
Collects from the topics what is known of a shopper before erasure: identifiers, photos, and who else has the same ones.

An event proves nothing: whoever may publish can combine any e-mail address or photo with any shopper id. So an
identifier in an event is a claim, and other shoppers may claim the same one. Removes nothing and asks Klaviyo nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from klaviyo_sink.profile.style import identifiers
from schemas.codec import UndecodableError, decode
from schemas.events import OutfitTagged, PhotoUploaded
from schemas.topics import topics
from streams.config.settings import Settings
from streams.index.claims import Name, comparable, digest_of_name, digest_of_photo
from streams.index.lookup import UploadIndex
from streams.kafka.reader import Seen


@dataclass(slots=True)
class Claims:
    """Identifiers and photo addresses of a shopper, each with the other shoppers whose events have the same one."""

    names: dict[Name, set[str]] = field(default_factory=dict, repr=False)
    photos: dict[str, set[str]] = field(default_factory=dict, repr=False)

    def add_names(self, shopper_id: str, names: Iterable[Name]) -> None:
        """Add identifiers of this shopper. If one is another shopper's id, that shopper shares it."""
        for kind, value in names:
            others = self.names.setdefault((kind, value), set())
            if kind == "external_id" and value != shopper_id:
                others.add(value)

    def without(self, forgotten: set[str]) -> "Claims":
        """Return the claims without those of forgotten shoppers."""
        return Claims(
            {name: others - forgotten for name, others in self.names.items()},
            {uri: others - forgotten for uri, others in self.photos.items()},
        )

    def others(self) -> set[str]:
        """Return every other shopper with a claim."""
        return set().union(*self.names.values(), *self.photos.values())


def add_own(claims: Claims, messages: Iterable[Seen], settings: Settings, shopper_id: str) -> None:
    """Add the identifiers and photos of the shopper's own events among these messages of uploads and tags."""
    for event in _events(messages, settings):
        if event.shopper_id == shopper_id:
            claims.add_names(shopper_id, identifiers(event.identity))
            if isinstance(event, PhotoUploaded):
                claims.photos.setdefault(event.photo.uri, set())


def add_others(claims: Claims, messages: Iterable[Seen], settings: Settings, shopper_id: str) -> None:
    """
    Add the other shoppers whose events, among these messages of uploads and tags, have one of these identifiers or
    photos.

    This is a separate pass over the topics, so that only one shopper's identifiers are in memory.
    """
    alike: dict[Name, set[Name]] = {}
    for name in claims.names:
        alike.setdefault(comparable(name), set()).add(name)
    for event in _events(messages, settings):
        if event.shopper_id == shopper_id:
            continue
        for name in identifiers(event.identity):
            for mine in alike.get(comparable(name), ()):
                claims.names[mine].add(event.shopper_id)
        if isinstance(event, PhotoUploaded) and event.photo.uri in claims.photos:
            claims.photos[event.photo.uri].add(event.shopper_id)


def add_indexed(claims: Claims, index: UploadIndex, shopper_id: str) -> None:
    """
    Add the other shoppers whose indexed events have one of these identifiers or photos.

    Raises:
        SQLAlchemyError: The state database failed.

    """
    names = {name: digest_of_name(name) for name in claims.names}
    photos = {uri: digest_of_photo(uri) for uri in claims.photos}
    found = index.claimants({*names.values(), *photos.values()})
    for name, digest in names.items():
        claims.names[name] |= found.get(digest, set()) - {shopper_id}
    for uri, digest in photos.items():
        claims.photos[uri] |= found.get(digest, set()) - {shopper_id}


def topics_with_claims(settings: Settings) -> list[str]:
    """Return the topics whose events claim names or photos."""
    names = topics(settings.topic_prefix)
    return [names.uploads.name, names.tags.name]


def _events(messages: Iterable[Seen], settings: Settings) -> Iterator[PhotoUploaded | OutfitTagged]:
    names = topics(settings.topic_prefix)
    kinds: dict[str, type[PhotoUploaded | OutfitTagged]] = {
        names.uploads.name: PhotoUploaded,
        names.tags.name: OutfitTagged,
    }
    for seen in messages:
        try:
            event = decode(kinds[seen.topic], seen.value)
        except UndecodableError:
            continue
        # The stages use the shopper in the event; the key only selects the partition.
        yield event
