"""
Where photos lie: one folder, in a bucket or on disk. Reads and writes inside it, and nowhere else.

Knows no event and no Kafka; obstore speaks to S3, Google, Azure and the local disk alike.
"""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from obstore.exceptions import BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError
from obstore.store import LocalStore, ObjectStore, from_url

from schemas.outcomes import Later, Misconfigured, Never

_TROUBLE = (BaseError, OSError, ValueError)
_UNSAFE_PATH = re.compile(r"(^|/)\.{0,2}(/|$)")
_ESCAPED = re.compile(r"(?:=[0-9A-F]{2})+")
_NOT_OURS = Never("photo-not-ours", "photo.uri lies outside the store (HANGTAG_STORE_URL); nothing was read")
#: Producers store first and publish then, but not every bucket shows a new object at once.
_MISSING = Later("photo-missing", "there is no photo at photo.uri", tries=4)
#: Folders of the store: photos, and the marks of those that were deleted once they were read.
UPLOADS: Final = "uploads"
READ: Final = "read"
#: Objects listed, and removed, in one go: what S3 takes (DeleteObjects, AWS API reference).
_AT_ONCE: Final = 1000


class StoreError(Exception):
    """The store did not do as it was asked; `failure` says why."""

    def __init__(self, failure: Later | Misconfigured) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Stored:
    """An object of the store: its path there, and when the store took it."""

    key: str
    size: int
    stored_at: datetime


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The photo has more bytes than allowed, and was not read."""

    size: int


class PhotoStore:
    """Photos under one URL."""

    def __init__(self, url: str, *, max_bytes: int) -> None:
        """Open `file:PATH` (made if missing), `s3://`, `gs://` or `az://`; photos over `max_bytes` stay unread."""
        self._folder: Path | None = None
        if url.startswith("file:"):
            self._folder = folder = Path(unquote(url.removeprefix("file:").removeprefix("//"))).resolve()
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            url = folder.as_uri()
        self._url = url.rstrip("/")
        # A folder on disk is gone with its last photo, as in a bucket.
        self._store: ObjectStore = (
            from_url(self._url) if self._folder is None else LocalStore(self._folder, automatic_cleanup=True)
        )
        self._max_bytes = max_bytes

    async def put(
        self, *, shopper_id: str, upload_id: str, suffix: str, photo: bytes
    ) -> str | Later | Never | Misconfigured:
        """Store a photo and answer its URI, or why not. The same upload stored twice is stored once."""
        key = f"{folder_of(shopper_id)}/{segment(upload_id)}{suffix.lower()}"
        try:
            await self._store.put_async(key, photo)
        except _TROUBLE as error:
            return _why(error)
        return f"{self._url}/{quote(key)}"

    async def get(self, uri: str) -> bytes | TooLarge | Later | Never | Misconfigured:
        """Read the photo at a URI that `put` could have answered."""
        key = self._key(uri)
        if key is None:
            return _NOT_OURS
        try:
            found = await self._store.get_async(key)
            size = found.meta["size"]
            return TooLarge(size) if size > self._max_bytes else bytes(await found.bytes_async())
        except (NotFoundError, FileNotFoundError):
            return _MISSING
        except _TROUBLE as error:
            return _why(error)

    async def labels(self, uri: str) -> dict[str, str] | Later | Never | Misconfigured:
        """Read what was noted beside a photo (metadata, content type): names in lower case, with `_` for `-`."""
        key = self._key(uri)
        if key is None:
            return _NOT_OURS
        try:
            found = await self._store.get_async(key, options={"head": True})
        except (NotFoundError, FileNotFoundError):
            return _MISSING
        except _TROUBLE as error:
            return _why(error)
        return {name.lower().replace("-", "_"): value for name, value in found.attributes.items()}

    async def remove(self, uri: str) -> Later | Never | Misconfigured | None:
        """Remove what `put` stored; what is not there is as good as removed."""
        key = self._key(uri)
        if key is None:
            return Never("photo-not-ours", "the address lies outside the store (HANGTAG_STORE_URL)")
        try:
            await self._store.delete_async(key)
        except (NotFoundError, FileNotFoundError):
            return None
        except _TROUBLE as error:
            return _why(error)
        return None

    async def remove_read(self, uri: str, *, upload_id: str) -> Later | Never | Misconfigured | None:
        """Remove a photo whose text is safe, and leave a mark, so that `was_read` can tell it from one never there."""
        key = self._key(uri)
        if key is None:
            return _NOT_OURS
        try:
            # The mark first: an upload delivered again between the two is read again, which does no harm.
            await self._store.put_async(f"{READ}/{key}", upload_id.encode())
        except _TROUBLE as error:
            return _why(error)
        return await self.remove(uri)

    async def was_read(self, uri: str, *, upload_id: str) -> bool:
        """Tell whether `remove_read` removed this upload's photo; False, too, when the store does not say."""
        key = self._key(uri)
        if key is None:
            return False
        try:
            mark = await self._store.get_async(f"{READ}/{key}")
            return bytes(await mark.bytes_async()) == upload_id.encode()
        except _TROUBLE:
            return False

    def is_mark(self, uri: str) -> bool:
        """Tell whether a URI is that of a mark, and no photo's."""
        return (self._key(uri) or "").startswith(f"{READ}/")

    async def find(self, folder: str) -> AsyncIterator[Sequence[Stored]]:
        """
        List what lies in a folder and below, some at a time, while others may come and go.

        Raises:
            StoreError: the store did not answer, or refused us.

        """
        try:
            async for some in self._store.list(f"{folder}/", chunk_size=_AT_ONCE):
                yield [
                    Stored(one["path"], one["size"], one["last_modified"])
                    for one in some
                    if not self._leads_out(one["path"])
                ]
        except _TROUBLE as error:
            raise StoreError(_why(error)) from None

    async def stored(self, uri: str) -> list[Stored] | None:
        """
        Look up the photo at a URI and its mark: what of them there is; None for an address outside the store.

        Raises:
            StoreError: the store did not answer, or refused us.

        """
        key = self._key(uri)
        if key is None:
            return None
        found = []
        for one in (key, f"{READ}/{key}"):
            try:
                there = await self._store.head_async(one)
                found.append(Stored(one, there["size"], there["last_modified"]))
            except (NotFoundError, FileNotFoundError):
                continue
            except _TROUBLE as error:
                raise StoreError(_why(error)) from None
        return found

    async def remove_all(self, found: Sequence[Stored]) -> None:
        """
        Remove what was found; what is gone by now is as good as removed.

        Raises:
            StoreError: the store did not answer, or refused us; some may be removed.

        """
        try:
            for at in range(0, len(found), _AT_ONCE):
                await self._remove([one.key for one in found[at : at + _AT_ONCE]])
        except _TROUBLE as error:
            raise StoreError(_why(error)) from None

    async def _remove(self, keys: list[str]) -> None:
        try:
            await self._store.delete_async(keys)
        except (NotFoundError, FileNotFoundError):
            # Another sweep got there first, with one of them at least.
            for key in keys:
                with suppress(NotFoundError, FileNotFoundError):
                    await self._store.delete_async(key)

    def _key(self, uri: str) -> str | None:
        """Take the path inside the store out of a URI; None when it is none."""
        if not uri.startswith(f"{self._url}/"):
            return None
        key = unquote(uri[len(self._url) + 1 :])
        if _UNSAFE_PATH.search(key) or "\x00" in key or "\\" in key or self._leads_out(key):
            return None
        return key

    def _leads_out(self, key: str) -> bool:
        """Tell whether a link in a local folder points elsewhere; buckets have none."""
        return self._folder is not None and not (self._folder / key).resolve().is_relative_to(self._folder)


def _why(error: Exception) -> Later | Misconfigured:
    if isinstance(error, PermissionDeniedError | UnauthenticatedError | PermissionError):
        return Misconfigured("store-refused", "the photo store refused us; check its credentials")
    kind = type(error).__name__
    return Later("store-unreachable", f"the photo store did not answer ({kind}); check HANGTAG_STORE_URL")


def folder_of(shopper_id: str) -> str:
    """Name the folder of a shopper's photos."""
    return f"{UPLOADS}/{segment(shopper_id)}"


def segment(part: str) -> str:
    """Make any id one plain path segment: no slash, no leading dot, nothing a store would rewrite."""
    return re.sub(r"[^A-Za-z0-9_-]", lambda hit: "".join(f"={byte:02X}" for byte in hit[0].encode()), part)


def id_in(written: str) -> str:
    """Give the id that `segment` wrote so; what it would have written otherwise stays as it is."""
    return _ESCAPED.sub(lambda hit: bytes.fromhex(hit[0].replace("=", "")).decode(errors="replace"), written)
