"""
Removes a shopper's photos: everything in their folder, and the photos that their events name.

An event may name any photo. So a photo that another shopper's event names too, or that is in another shopper's folder,
is kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from schemas.events import Event, PhotoUploaded
from streams.photos.answers import StoreError
from streams.photos.bucket.versions import BucketVersions, VersionsError
from streams.photos.keys import DATED, READ, folder_of, owner_of, possible_day_folders, segment
from streams.photos.local_folder import Stored
from streams.photos.store import PhotoStore

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class PhotosRemoved:
    """How many photos were removed, or would be. `troubles` say why some may be left."""

    removed: int
    troubles: tuple[str, ...]
    #: What a person may still do.
    note: str | None = None


async def remove_photos(
    store: PhotoStore,
    shopper_id: str,
    named: Mapping[str, set[str]],
    *,
    dry_run: bool,
    now: datetime,
    versions: BucketVersions | None = None,
) -> PhotosRemoved:
    """
    Remove photos and marks.

    Args:
        store: The photo store.
        shopper_id: Whose photos to remove.
        named: The addresses in the shopper's events, and who else names each.
        dry_run: Only count them.
        now: The current time, in UTC.
        versions: The bucket's old versions, to remove them too.

    """
    found, unlisted = await _find_own(store, shopper_id, now)
    try:
        troubles = await _find_named(store, shopper_id, named, found)
        if not dry_run:
            await store.remove_all(list(found.values()))
    except StoreError as error:
        return PhotosRemoved(0, (*unlisted, error.failure.message))
    note = None
    if versions is not None and not dry_run:
        note = await _remove_versions(versions, store, shopper_id, named)
        # Names that prevent listing a folder do not prevent removing its versions.
        unlisted = unlisted if note is not None else []
    removed = sum(not key.startswith(f"{READ}/") for key in found)
    return PhotosRemoved(removed, (*unlisted, *troubles), note)


async def _find_own(store: PhotoStore, shopper_id: str, now: datetime) -> tuple[dict[str, Stored], list[str]]:
    """Return the objects in the shopper's folders by key, and the folders that cannot be listed."""
    found: dict[str, Stored] = {}
    unlisted: list[str] = []
    days: list[str] = []
    for dated in DATED:
        try:
            days += await store.folders(dated)
        except StoreError as error:
            unlisted.append(f"folder {dated}/: {error.failure.message}")
            days += possible_day_folders(dated, now)
    for folder in _folders(shopper_id, days):
        try:
            async for some in store.find(folder):
                found |= {stored.key: stored for stored in some}
        except StoreError as error:
            # Remove the others nevertheless.
            unlisted.append(f"folder {folder}/: {error.failure.message}")
    return found, unlisted


async def _find_named(
    store: PhotoStore, shopper_id: str, named: Mapping[str, set[str]], found: dict[str, Stored]
) -> list[str]:
    """Add the photos that only this shopper's events name; return why others are kept."""
    outside = shared = 0
    for uri, others in sorted(named.items()):
        there = await store.stored(uri)
        if there is None:
            outside += 1
            continue
        theirs = [stored for stored in there if not _is_own(stored.key, others, shopper_id)]
        shared += bool(theirs)
        found |= {stored.key: stored for stored in there if stored not in theirs}
    troubles = [f"{outside} uploads point outside the store (HANGTAG_STORE_URL)"] if outside else []
    return [*troubles, f"{shared} photos belong to other shoppers too, and were kept"] if shared else troubles


async def _remove_versions(
    versions: BucketVersions, store: PhotoStore, shopper_id: str, named: Mapping[str, set[str]]
) -> str | None:
    """Remove every version of the same photos and marks from a bucket; return why not, or None."""
    try:
        # A day of which only old versions are left is no folder of the store any more.
        days = [folder for dated in DATED for folder in await versions.folders(dated)]
        for folder in _folders(shopper_id, days):
            await versions.remove(folder)
        for uri, others in sorted(named.items()):
            key = store.key_of(uri)
            if key is not None and _is_own(key, others, shopper_id):
                for one in (key, f"{READ}/{key}"):
                    await versions.remove_one(one)
    except VersionsError as error:
        return f"old versions of photos, in a versioned bucket, are left to its rule: {error}"
    return None


def _folders(shopper_id: str, days: list[str]) -> list[str]:
    """Return the shopper's folders; `days` are the folders of days."""
    folder = folder_of(shopper_id)
    return [folder, f"{READ}/{folder}", *(f"{day}/{segment(shopper_id)}" for day in days)]


def _is_own(key: str, others: set[str], shopper_id: str) -> bool:
    return not others and owner_of(key) in {None, shopper_id}


async def delete_forgotten(event: Event, *, store: PhotoStore) -> None:
    """Delete the photo of a forgotten shopper's upload if it is in their own folder; else the sweep does."""
    if not isinstance(event, PhotoUploaded) or store.owner(event.photo.uri) != event.shopper_id:
        # An event may name any photo.
        return
    refused = await store.remove(event.photo.uri)
    if refused is not None:
        log.warning("photo not deleted, left to the sweep", reason=refused.reason, message=refused.message)
