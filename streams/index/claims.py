"""
Which names and photos an event puts beside a shopper's id, as digests. Pure.

What a shopper has by itself is left out: the shop's own id as a name, and photos in the shopper's own folder.
"""

import hashlib

from klaviyo_sink.profile.style import identifiers
from schemas.events import Event, OutfitTagged, PhotoUploaded
from streams.photos.keys import owner_of

#: One of Klaviyo's identifiers (`id`, `email`, `external_id`) and its value.
Name = tuple[str, str]

#: Folder, shopper and file: the last parts of the address of a photo that lies where the store puts it.
_KEY_PARTS = 3


def claimed(event: Event) -> set[str]:
    """Give the digests of what an event claims."""
    if not isinstance(event, PhotoUploaded | OutfitTagged):
        return set()
    digests = {
        digest_of_name(name) for name in identifiers(event.identity) if name != ("external_id", event.shopper_id)
    }
    if isinstance(event, PhotoUploaded):
        key = "/".join(event.photo.uri.split("/")[-_KEY_PARTS:])
        if owner_of(key) != event.shopper_id:
            digests.add(digest_of_photo(event.photo.uri))
    return digests


def digest_of_name(name: Name) -> str:
    """Give the digest of a name; two that Klaviyo takes for one have the same."""
    kind, value = comparable(name)
    return _digest(kind, value)


def digest_of_photo(uri: str) -> str:
    """Give the digest of a photo's address."""
    return _digest("photo", uri)


def comparable(name: Name) -> Name:
    """Write a name so that two which Klaviyo takes for one compare equal: it does not tell the case of addresses."""
    kind, value = name
    return (kind, value.strip().casefold()) if kind == "email" else name


def _digest(kind: str, value: str) -> str:
    return hashlib.sha256(f"{kind}\n{value}".encode(errors="surrogatepass")).hexdigest()
