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
from urllib.parse import quote, unquote, urlsplit

from obstore.exceptions import BaseError, InvalidPathError, NotFoundError, PermissionDeniedError, UnauthenticatedError
from obstore.store import LocalStore, ObjectStore, from_url

from schemas.outcomes import Later, Misconfigured, Never
from streams.photos.store_exit import wait_at_exit

_TROUBLE = (BaseError, OSError, ValueError)
#: Empty parts, dots, control characters: obstore takes none of them, and a backslash is a slash to some.
_UNSAFE_PATH = re.compile(r"(^|/)\.{0,2}(/|$)|[\x00-\x1f\x7f\\]")
#: Bytes of a whole key (docs.aws.amazon.com, "Naming Amazon S3 objects"), and of one name on disk: what Linux takes
#: (NAME_MAX, 255), less the `#1` that obstore adds while it writes.
_LONGEST_KEY: Final = 1024
_LONGEST_NAME: Final = 250
_ESCAPED = re.compile(r"(?:=[0-9A-F]{2})+")
_NOT_OURS = Never("photo-not-ours", "photo.uri lies outside the store (HANGTAG_STORE_URL); nothing was read")
#: Producers store first and publish then, but not every bucket shows a new object at once.
_MISSING = Later("photo-missing", "there is no photo at photo.uri", tries=4)
#: How a store of objects answers when it does not do as it was asked: the status, and a code in its XML (S3, Google and
#: Azure alike). It comes last in obstore's message, after the key, so that no key can pass for it.
_ANSWER = re.compile(r"(\d{3}) [^:<]*:(?:\s|\ufeff|<\?xml[^>]*>)*(?:<Error>\s*<Code>(\w{1,60})</Code>)?")
#: The same, of one of many that were to be deleted.
_ANSWER_TO_DELETE = re.compile(r"\(code: (\w{1,60})\)$")
#: Codes that stay until a person mends something, beside all with the statuses 401 and 403.
_REFUSALS: Final = {"AccessDenied", "ExpiredToken", "InvalidToken", "NoSuchBucket", "ContainerNotFound"}
_REFUSED_STATUS: Final = {"401", "403"}
#: Folders of the store: photos, and the marks of those that were deleted once they were read.
UPLOADS: Final = "uploads"
READ: Final = "read"
_OWN_KEY = re.compile(rf"(?:{READ}/)?{UPLOADS}/([^/]+)/[^/]+")
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
        wait_at_exit()
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
        if self._is_too_long(key):
            return Never("invalid-upload", "shopper_id and upload_id make too long a name for the photo store")
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
        except _TROUBLE as error:
            return _MISSING if _is_gone(error) else _why(error)

    async def labels(self, uri: str) -> dict[str, str] | Later | Never | Misconfigured:
        """Read what was noted beside a photo (metadata, content type): names in lower case, with `_` for `-`."""
        key = self._key(uri)
        if key is None:
            return _NOT_OURS
        try:
            found = await self._store.get_async(key, options={"head": True})
        except _TROUBLE as error:
            if not _is_gone(error):
                return _why(error)
            # An answer to HEAD has no body, which alone tells a missing bucket from a missing photo.
            said = await self.get(uri)
            return _MISSING if isinstance(said, bytes | TooLarge) else said
        return {name.lower().replace("-", "_"): value for name, value in found.attributes.items()}

    async def remove(self, uri: str) -> Later | Never | Misconfigured | None:
        """Remove what `put` stored; what is not there is as good as removed."""
        key = self._key(uri)
        if key is None:
            return Never("photo-not-ours", "the address lies outside the store (HANGTAG_STORE_URL)")
        try:
            await self._store.delete_async(key)
        except _TROUBLE as error:
            return None if _is_gone(error) else _why(error)
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
            except _TROUBLE as error:
                if not _is_gone(error):
                    raise StoreError(_why(error)) from None
        if not found:
            # As with labels: whether the bucket is there says only an answer with a body.
            said = await self.get(uri)
            if isinstance(said, Later | Misconfigured) and said != _MISSING:
                raise StoreError(said)
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
        except (NotFoundError, FileNotFoundError) as error:
            if not _is_gone(error):
                raise
            # Another sweep got there first, with one of them at least.
            for key in keys:
                with suppress(NotFoundError, FileNotFoundError):
                    await self._store.delete_async(key)

    def _key(self, uri: str) -> str | None:
        """Take the path inside the store out of a URI; None when it is none."""
        if not uri.startswith(f"{self._url}/"):
            return None
        key = unquote(uri[len(self._url) + 1 :])
        if _UNSAFE_PATH.search(key) or self._is_too_long(key) or self._leads_out(key):
            return None
        return key

    def _is_too_long(self, key: str) -> bool:
        if self._folder is not None:
            return any(len(name.encode()) > _LONGEST_NAME for name in key.split("/"))
        # There must be room for its mark, too.
        return len(f"{urlsplit(self._url).path}/{READ}/{key}".lstrip("/").encode()) > _LONGEST_KEY

    def _leads_out(self, key: str) -> bool:
        """Tell whether a link in a local folder points elsewhere; buckets have none."""
        return self._folder is not None and not (self._folder / key).resolve().is_relative_to(self._folder)


def _answer_in(error: Exception) -> tuple[str, str]:
    """Take the store's answer out of obstore's message: status and code, each empty where it has none."""
    message = str(error).partition("\n\nDebug source:")[0]
    if found := _ANSWER_TO_DELETE.search(message):
        return "", found[1]
    found = _ANSWER.match(message.rpartition("Server returned non-2xx status code: ")[2])
    return (found[1], found[2] or "") if found else ("", "")


def _is_gone(error: Exception) -> bool:
    """Tell whether it is the object that is missing, and not its bucket."""
    return isinstance(error, NotFoundError | FileNotFoundError) and _answer_in(error)[1] not in _REFUSALS


def _why(error: Exception) -> Later | Misconfigured:
    status, code = _answer_in(error)
    what = code or type(error).__name__
    denied = isinstance(error, PermissionDeniedError | UnauthenticatedError | PermissionError)
    if denied or status in _REFUSED_STATUS or code in _REFUSALS:
        return Misconfigured(
            "store-refused", f"the photo store refused us ({what}); check HANGTAG_STORE_URL, the credentials and rights"
        )
    if isinstance(error, InvalidPathError):
        # Only lists meet it, and no upload waits for those.
        return Later(
            "store-odd-key",
            "an object of the photo store has empty parts, control characters or no UTF-8 in its key; remove it",
        )
    return Later("store-unreachable", f"the photo store did not answer as it should ({what}); check HANGTAG_STORE_URL")


def folder_of(shopper_id: str) -> str:
    """Name the folder of a shopper's photos."""
    return f"{UPLOADS}/{segment(shopper_id)}"


def owner_of(key: str) -> str | None:
    """Give the shopper in whose folder a photo or a mark lies; None where the key is not of the store's own form."""
    found = _OWN_KEY.fullmatch(key)
    return id_in(found[1]) if found is not None else None


def segment(part: str) -> str:
    """Make any id one plain path segment: no slash, no leading dot, nothing a store would rewrite."""
    return re.sub(r"[^A-Za-z0-9_-]", lambda hit: "".join(f"={byte:02X}" for byte in hit[0].encode()), part)


def id_in(written: str) -> str:
    """Give the id that `segment` wrote so; what it would have written otherwise stays as it is."""
    return _ESCAPED.sub(lambda hit: bytes.fromhex(hit[0].replace("=", "")).decode(errors="replace"), written)
