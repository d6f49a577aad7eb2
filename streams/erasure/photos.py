"""
Removes a shopper's photos: all of their folder, and those that their events name.

An event may name any photo, so one that another shopper's event names too, or that lies in another shopper's folder,
is left alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from streams.photos.answers import StoreError
from streams.photos.keys import READ, folder_of, owner_of
from streams.photos.local_folder import Stored
from streams.photos.store import PhotoStore


@dataclass(frozen=True, slots=True)
class PhotosRemoved:
    """How many photos were removed, or would be; `troubles` say why these may not be all."""

    removed: int
    troubles: tuple[str, ...]


async def remove_photos(
    store: PhotoStore, shopper_id: str, named: Mapping[str, set[str]], *, dry_run: bool
) -> PhotosRemoved:
    """Remove photos and marks. `named` are the addresses in the shopper's events, with who else names each."""
    found: dict[str, Stored] = {}
    troubles: list[str] = []
    folder = folder_of(shopper_id)
    for one in (folder, f"{READ}/{folder}"):
        try:
            async for some in store.find(one):
                found |= {stored.key: stored for stored in some}
        except StoreError as error:
            # What can be reached goes all the same.
            troubles.append(f"folder {one}/: {error.failure.message}")
    outside = shared = 0
    try:
        for uri, others in sorted(named.items()):
            there = await store.stored(uri)
            if there is None:
                outside += 1
                continue
            theirs = [stored for stored in there if others or owner_of(stored.key) not in {None, shopper_id}]
            shared += bool(theirs)
            found |= {stored.key: stored for stored in there if stored not in theirs}
        if not dry_run:
            await store.remove_all(list(found.values()))
    except StoreError as error:
        return PhotosRemoved(0, (*troubles, error.failure.message))
    if outside:
        troubles.append(f"{outside} uploads point outside the store (HANGTAG_STORE_URL)")
    if shared:
        troubles.append(f"{shared} photos belong to other shoppers too, and stay")
    return PhotosRemoved(sum(not key.startswith(f"{READ}/") for key in found), tuple(troubles))
