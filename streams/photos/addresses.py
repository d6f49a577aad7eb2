"""Converts between keys and addresses of a photo store, and rejects those that lead out of it."""

import re
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from streams.photos.keys import READ

#: Rejected in keys: obstore accepts no empty parts, dots or control characters, and some systems read `\` as a slash.
_UNSAFE_PATH = re.compile(r"(^|/)\.{0,2}(/|$)|[\x00-\x1f\x7f\\]")
#: Most bytes of a whole key (docs.aws.amazon.com, "Naming Amazon S3 objects"), and of one name on disk: Linux's limit
#: (NAME_MAX, 255) minus the `#1` that obstore appends while it writes.
_LONGEST_KEY: Final = 1024
_LONGEST_NAME: Final = 250


class Addresses:
    """The addresses below one URL."""

    def __init__(self, url: str, folder: Path | None) -> None:
        """Create them from the store's URL without a last slash, and its folder, if it is on disk."""
        self._url, self._folder = url, folder

    def uri_of(self, key: str) -> str:
        """Return the URI of a key."""
        return f"{self._url}/{quote(key)}"

    def key_of(self, uri: str) -> str | None:
        """Return the key of a URI; None if the URI is outside the store or not valid."""
        if not uri.startswith(f"{self._url}/"):
            return None
        key = unquote(uri[len(self._url) + 1 :])
        if _UNSAFE_PATH.search(key) or self.is_too_long(key) or self._leads_out(key):
            return None
        return key

    def is_too_long(self, key: str) -> bool:
        """Return whether the store cannot hold a key, or the key of its mark."""
        if self._folder is not None:
            return any(len(name.encode()) > _LONGEST_NAME for name in key.split("/"))
        return len(f"{urlsplit(self._url).path}/{READ}/{key}".lstrip("/").encode()) > _LONGEST_KEY

    def _leads_out(self, key: str) -> bool:
        """Return whether a link in a local folder leads outside; buckets have no links."""
        return self._folder is not None and not (self._folder / key).resolve().is_relative_to(self._folder)
