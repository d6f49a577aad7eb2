"""
Builds and parses keys of photos in the store: one folder per shopper, ids as plain path segments. Pure.

`uploads/<shopper>/<upload>.<ext>` is a photo. The same key below `read/` marks a photo that was read and deleted.
"""

import re
from typing import Final

#: Folders of the store: photos, and marks of photos that were deleted after reading.
UPLOADS: Final = "uploads"
READ: Final = "read"
_OWN_KEY = re.compile(rf"(?:{READ}/)?{UPLOADS}/([^/]+)/[^/]+")
_ESCAPED = re.compile(r"(?:=[0-9A-F]{2})+")


def folder_of(shopper_id: str) -> str:
    """Return the folder of a shopper's photos."""
    return f"{UPLOADS}/{segment(shopper_id)}"


def owner_of(key: str) -> str | None:
    """Return the shopper whose folder contains a photo or a mark; None if the key does not have the store's form."""
    found = _OWN_KEY.fullmatch(key)
    return id_in(found[1]) if found is not None else None


def segment(part: str) -> str:
    """Encode any id as one plain path segment: no slash, no leading dot, nothing that a store would change."""
    return re.sub(r"[^A-Za-z0-9_-]", lambda hit: "".join(f"={byte:02X}" for byte in hit[0].encode()), part)


def id_in(written: str) -> str:
    """Decode an id that `segment` encoded. Other text is returned unchanged."""
    return _ESCAPED.sub(lambda hit: bytes.fromhex(hit[0].replace("=", "")).decode(errors="replace"), written)
