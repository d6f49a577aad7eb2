"""
Computes digests of the identifiers and photos that an event combines with a shopper's id. Pure.

Omits what is the shopper's own: the shop's id of the shopper, and photos in the shopper's folder.
"""

import hashlib

from klaviyo_sink.profile.style import identifiers
from schemas.events import Event, OutfitTagged, PhotoUploaded
from streams.photos.keys import owner_of

#: A kind of Klaviyo identifier (`id`, `email`, `external_id`) and its value.
Name = tuple[str, str]

#: How many of the last parts of a photo's address are its key in the store: two folders, day, shopper and file; without
#: a day a folder, shopper and file.
_KEY_PARTS = (5, 3)


def claimed(event: Event) -> set[str]:
    """Return the digests of the identifiers and photos that an event claims."""
    if not isinstance(event, PhotoUploaded | OutfitTagged):
        return set()
    digests = {
        digest_of_name(name) for name in identifiers(event.identity) if name != ("external_id", event.shopper_id)
    }
    if isinstance(event, PhotoUploaded):
        parts = event.photo.uri.split("/")
        if event.shopper_id not in {owner_of("/".join(parts[-count:])) for count in _KEY_PARTS}:
            digests.add(digest_of_photo(event.photo.uri))
    return digests


def digest_of_name(name: Name) -> str:
    """Return the digest of an identifier; two that Klaviyo treats as equal have the same digest."""
    kind, value = comparable(name)
    return _digest(kind, value)


def digest_of_photo(uri: str) -> str:
    """Return the digest of a photo's address."""
    return _digest("photo", uri)


def comparable(name: Name) -> Name:
    """Return the identifier in the form in which Klaviyo compares it: it ignores the case of e-mail addresses."""
    kind, value = name
    return (kind, value.strip().casefold()) if kind == "email" else name


def _digest(kind: str, value: str) -> str:
    return hashlib.sha256(f"{kind}\n{value}".encode(errors="surrogatepass")).hexdigest()
