"""
Names of photos in the store: one folder per shopper, ids written as plain path segments. Pure.

`uploads/<shopper>/<upload>.<ext>` holds a photo; the same below `read/` is the mark of one that was read and deleted.
"""

import re
from typing import Final

#: Folders of the store: photos, and the marks of those that were deleted once they were read.
UPLOADS: Final = "uploads"
READ: Final = "read"
_OWN_KEY = re.compile(rf"(?:{READ}/)?{UPLOADS}/([^/]+)/[^/]+")
_ESCAPED = re.compile(r"(?:=[0-9A-F]{2})+")


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
