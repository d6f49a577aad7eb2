"""
The photo store: one folder, in a bucket or on disk. Reads and writes only inside it.

Knows no event and no Kafka. obstore accesses S3, Google, Azure and the local disk.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from obstore.exceptions import AlreadyExistsError
from obstore.store import LocalStore, ObjectStore, from_url

from schemas.outcomes import Later, Misconfigured, Never
from schemas.producer import AlreadyStored
from schemas.steady_clock import now as steady_now
from streams.photos.addresses import Addresses
from streams.photos.answers import TROUBLE, StoreError, is_gone, why
from streams.photos.bucket.listing import BucketFolder
from streams.photos.keys import READ, day_of, key_of, owner_of
from streams.photos.local_folder import LocalFolder, Stored
from streams.photos.store_exit import wait_at_exit

_NOT_OURS = Never("photo-not-ours", "photo.uri is outside the store (HANGTAG_STORE_URL); nothing was read")
_OTHER_PHOTO = Never("other-photo", "the store has another photo of this shopper_id and upload_id; it was kept")
#: Producers store first and publish then, but some buckets do not show a new object at once.
MISSING = Later("photo-missing", "there is no photo at photo.uri", tries=4)
_TIME_KEY: Final = f"{READ}/.time"
#: Objects to delete per request: S3's limit (DeleteObjects, AWS API reference).
_AT_ONCE: Final = 1000
#: How far the clocks of two machines that store the same upload may be apart.
_CLOCKS_APART: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The photo has more bytes than allowed, and was not read."""

    size: int


class PhotoStore:
    """The photos under one URL."""

    def __init__(self, url: str, *, max_bytes: int, now: Callable[[], datetime] = steady_now) -> None:
        """
        Open a store.

        Args:
            url: `file:PATH` (created if missing), `s3://`, `gs://` or `az://`.
            max_bytes: `get` reads no photo with more bytes.
            now: Returns the time in UTC. Its day becomes part of the keys that `put` writes.

        """
        wait_at_exit()
        self._folder: Path | None = None
        if url.startswith("file:"):
            self._folder = folder = Path(unquote(url.removeprefix("file:").removeprefix("//"))).resolve()
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            url = folder.as_uri()
        url = url.rstrip("/")
        self._addresses = Addresses(url, self._folder)
        # A folder on disk disappears with its last photo, as in a bucket.
        self._store: ObjectStore = (
            from_url(url) if self._folder is None else LocalStore(self._folder, automatic_cleanup=True)
        )
        self._listing: LocalFolder | BucketFolder = (
            BucketFolder(self._store, scheme=urlsplit(url).scheme)
            if self._folder is None
            else LocalFolder(self._folder)
        )
        self._max_bytes, self._now = max_bytes, now

    async def put(
        self, *, shopper_id: str, upload_id: str, suffix: str, photo: bytes
    ) -> str | AlreadyStored | Later | Never | Misconfigured:
        """
        Store a photo and return its URI, or why not. Never overwrites: see `schemas.producer.Photos`.

        The key has the day, so it first looks for the photo under the day before: a try after midnight finds the photo
        of the try before midnight. In the last hour of a day it also looks under the next day, on which another
        machine, whose clock is ahead, may have stored it.
        """
        now = self._now().astimezone(UTC)
        key = key_of(day=now.date(), shopper_id=shopper_id, upload_id=upload_id, suffix=suffix)
        if self._addresses.is_too_long(key):
            return Never("invalid-upload", "shopper_id and upload_id are too long together for the photo store")
        for day in sorted({now.date() - timedelta(days=1), (now + _CLOCKS_APART).date()} - {now.date()}):
            other = self._addresses.uri_of(key_of(day=day, shopper_id=shopper_id, upload_id=upload_id, suffix=suffix))
            exists = await self._exists(other)
            if not isinstance(exists, bool):
                return exists
            if exists:
                return await self._compared(other, photo)
        uri = self._addresses.uri_of(key)
        try:
            await self._store.put_async(key, photo, mode="create")
        except AlreadyExistsError:
            return await self._compared(uri, photo)
        except TROUBLE as error:
            return why(error)
        return uri

    async def _exists(self, uri: str) -> bool | Later | Never | Misconfigured:
        """Return whether there is a photo at a URI, or why the store does not say."""
        key = self._addresses.key_of(uri)
        if key is None:
            return _NOT_OURS
        try:
            await self._store.head_async(key)
        except TROUBLE as error:
            if is_gone(error) or isinstance(why(error), Misconfigured):
                # Without the right to list, S3 answers 403 for a missing object. `put` finds out what else is wrong.
                return False
            # As in `labels`: only a response with a body says what is wrong.
            said = await self.get(uri)
            if said == MISSING:
                return False
            return True if isinstance(said, bytes | TooLarge) else said
        return True

    async def _compared(self, uri: str, photo: bytes) -> AlreadyStored | Later | Never | Misconfigured:
        there = await self.get(uri)
        if isinstance(there, Later | Misconfigured):
            # If the photo was deleted in between, it is missing, and the next try stores it.
            return there
        return AlreadyStored(uri) if there == photo else _OTHER_PHOTO

    async def get(self, uri: str) -> bytes | TooLarge | Later | Never | Misconfigured:
        """Read the photo at a URI that `put` returned."""
        key = self._addresses.key_of(uri)
        if key is None:
            return _NOT_OURS
        try:
            found = await self._store.get_async(key)
            size = found.meta["size"]
            return TooLarge(size) if size > self._max_bytes else bytes(await found.bytes_async())
        except TROUBLE as error:
            return MISSING if is_gone(error) else why(error)

    async def labels(self, uri: str) -> dict[str, str] | Later | Never | Misconfigured:
        """Read an object's metadata and content type: names in lower case, with `_` for `-`."""
        key = self._addresses.key_of(uri)
        if key is None:
            return _NOT_OURS
        try:
            found = await self._store.get_async(key, options={"head": True})
        except TROUBLE as error:
            if not is_gone(error):
                return why(error)
            # The response to HEAD has no body, and only a body distinguishes a missing bucket from a missing photo.
            said = await self.get(uri)
            return MISSING if isinstance(said, bytes | TooLarge) else said
        return {name.lower().replace("-", "_"): value for name, value in found.attributes.items()}

    async def remove(self, uri: str) -> Later | Never | Misconfigured | None:
        """Remove what `put` stored; a missing object counts as removed."""
        key = self._addresses.key_of(uri)
        if key is None:
            return Never("photo-not-ours", "the address is outside the store (HANGTAG_STORE_URL)")
        try:
            await self._store.delete_async(key)
        except TROUBLE as error:
            return None if is_gone(error) else why(error)
        return None

    async def remove_read(self, uri: str, *, upload_id: str) -> Later | Never | Misconfigured | None:
        """Remove a photo whose text was published, and leave a mark, by which `was_read` knows that it existed."""
        key = self._addresses.key_of(uri)
        if key is None:
            return _NOT_OURS
        try:
            # Write the mark first: an upload that is delivered again in between is read again, which does no harm.
            await self._store.put_async(f"{READ}/{key}", upload_id.encode())
        except TROUBLE as error:
            return why(error)
        return await self.remove(uri)

    async def was_read(self, uri: str, *, upload_id: str) -> bool:
        """Return whether `remove_read` removed this upload's photo; also False if the store does not respond."""
        key = self._addresses.key_of(uri)
        if key is None:
            return False
        try:
            mark = await self._store.get_async(f"{READ}/{key}")
            return bytes(await mark.bytes_async()) == upload_id.encode()
        except TROUBLE:
            return False

    def owner(self, uri: str) -> str | None:
        """Return the shopper whose folder contains a photo; None if it is elsewhere."""
        key = self._addresses.key_of(uri)
        return owner_of(key) if key is not None else None

    def key_of(self, uri: str) -> str | None:
        """Return the key of a URI inside the store; None if it is outside."""
        return self._addresses.key_of(uri)

    def is_dated(self, uri: str) -> bool:
        """Return whether `put` of this version made a URI, or `remove_read` did for a mark: its key has a day."""
        return day_of(self._addresses.key_of(uri) or "") is not None

    def is_mark(self, uri: str) -> bool:
        """Return whether a URI is that of a mark, not of a photo."""
        return (self._addresses.key_of(uri) or "").startswith(f"{READ}/")

    async def time(self) -> datetime | None:
        """
        Return a bucket's time, by which it dates its objects; None if it does not report one.

        A folder on disk only has the machine's time, which may have jumped.
        """
        if self._folder is not None:
            return None
        try:
            # Write the object into the folder of marks, so that sweep and `forget` find it too.
            await self._store.put_async(_TIME_KEY, b"")
            return (await self._store.head_async(_TIME_KEY))["last_modified"]
        except TROUBLE:
            # No permission to write: see docs/privacy.md.
            return None

    async def find(self, folder: str, *, without_days: bool = False) -> AsyncIterator[Sequence[Stored]]:
        """
        List everything in a folder, in chunks, while objects may come and go.

        Args:
            folder: Its key; empty for the whole store.
            without_days: Pass over the folders of days (`streams.photos.keys`).

        Raises:
            StoreError: The store did not respond, or refused.

        """
        try:
            async for listed in self._listing.find(folder, without_days=without_days):
                yield listed
        except TROUBLE as error:
            raise StoreError(why(error)) from None

    async def folders(self, folder: str) -> list[str]:
        """
        Return the keys of the folders directly in a folder, in order.

        Raises:
            StoreError: The store did not respond, or refused.

        """
        try:
            return await self._listing.folders(folder)
        except TROUBLE as error:
            raise StoreError(why(error)) from None

    async def stored(self, uri: str) -> list[Stored] | None:
        """
        Return the objects of a URI that exist: the photo and its mark; None for an address outside the store.

        Raises:
            StoreError: The store did not respond, or refused.

        """
        key = self._addresses.key_of(uri)
        if key is None:
            return None
        found = []
        for one in (key, f"{READ}/{key}"):
            try:
                there = await self._store.head_async(one)
                found.append(Stored(one, there["size"], there["last_modified"]))
            except TROUBLE as error:
                if not is_gone(error):
                    raise StoreError(why(error)) from None
        if not found:
            # As in `labels`: only a response with a body says whether the bucket exists.
            said = await self.get(uri)
            if isinstance(said, Later | Misconfigured) and said != MISSING:
                raise StoreError(said)
        return found

    async def remove_all(self, found: Sequence[Stored]) -> None:
        """
        Remove objects; missing ones count as removed.

        Raises:
            StoreError: The store did not respond, or refused; some may be removed.

        """
        try:
            for at in range(0, len(found), _AT_ONCE):
                await self._listing.remove([one.key for one in found[at : at + _AT_ONCE]])
        except TROUBLE as error:
            raise StoreError(why(error)) from None
