"""
Where photos lie: one folder, in a bucket or on disk. Reads and writes inside it, and nowhere else.

Knows no event and no Kafka; obstore speaks to S3, Google, Azure and the local disk alike.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from obstore.exceptions import BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError
from obstore.store import ObjectStore, from_url

from schemas.outcomes import Later, Misconfigured, Never

_UNSAFE_PATH = re.compile(r"(^|/)\.{0,2}(/|$)")


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
        self._store: ObjectStore = from_url(self._url)
        self._max_bytes = max_bytes

    async def put(self, *, shopper_id: str, upload_id: str, suffix: str, photo: bytes) -> str:
        """Store a photo and answer its URI. The same upload stored twice is stored once."""
        key = f"uploads/{_name(shopper_id)}/{_name(upload_id)}{suffix.lower()}"
        await self._store.put_async(key, photo)
        return f"{self._url}/{quote(key)}"

    async def get(self, uri: str) -> bytes | TooLarge | Later | Never | Misconfigured:
        """Read the photo at a URI that `put` could have answered."""
        key = self._key(uri)
        if key is None:
            return Never("photo-not-ours", "photo.uri lies outside the store (HANGTAG_STORE_URL); nothing was read")
        try:
            found = await self._store.get_async(key)
            size = found.meta["size"]
            return TooLarge(size) if size > self._max_bytes else bytes(await found.bytes_async())
        except (NotFoundError, FileNotFoundError):
            # Producers store first and publish then, but not every bucket shows a new object at once.
            return Later("photo-missing", "there is no photo at photo.uri", tries=4)
        except (PermissionDeniedError, UnauthenticatedError, PermissionError):
            return Misconfigured("store-refused", "the photo store refused us; check its credentials")
        except (BaseError, OSError, ValueError) as error:
            kind = type(error).__name__
            return Later("store-unreachable", f"the photo store did not answer ({kind}); check HANGTAG_STORE_URL")

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


def _name(part: str) -> str:
    """Make any id one plain path segment: no slash, no leading dot, nothing a store would rewrite."""
    return re.sub(r"[^A-Za-z0-9_-]", lambda hit: "".join(f"={byte:02X}" for byte in hit[0].encode()), part)
