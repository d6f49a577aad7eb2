"""
Builds and parses keys of photos in the store: one folder per day and shopper, ids as plain path segments. Pure.

`uploads/by.day/<day>/<shopper>/<upload>.<ext>` is a photo; its day is the day (UTC) on which it was stored. Keys of
older versions, and those that a shop writes itself, have no day: `uploads/<shopper>/<upload>.<ext>`. The same key below
`read/` marks a photo that was read and deleted.
"""

import re
from datetime import date, datetime, timedelta
from typing import Final

#: Folders of the store: photos, and marks of photos that were deleted after reading.
UPLOADS: Final = "uploads"
READ: Final = "read"
#: Folder with a folder for each day. It contains a dot, which `segment` encodes, so no shopper's folder has its name.
BY_DAY: Final = f"{UPLOADS}/by.day"
#: The folders with folders of days: of photos, and of marks.
DATED: Final = (BY_DAY, f"{READ}/{BY_DAY}")
#: Longest time for which a photo, or a mark, is kept (the limit of HANGTAG_PHOTO_RETENTION_DAYS).
_LONGEST_KEPT: Final = timedelta(days=7)
_DAY = r"\d{4}-\d\d-\d\d"
_OWN_KEY = re.compile(rf"(?:{READ}/)?(?:{UPLOADS}|{re.escape(BY_DAY)}/{_DAY})/([^/]+)/[^/]+")
_DAY_FOLDER = re.compile(rf"(?:{READ}/)?{re.escape(BY_DAY)}/({_DAY})(?=/)", re.ASCII)
_ESCAPED = re.compile(r"(?:=[0-9A-F]{2})+")


def key_of(*, day: date, shopper_id: str, upload_id: str, suffix: str) -> str:
    """Return the key of a photo that is stored on a day."""
    return f"{BY_DAY}/{day.isoformat()}/{segment(shopper_id)}/{segment(upload_id)}{suffix.lower()}"


def folder_of(shopper_id: str) -> str:
    """Return the folder of a shopper's photos whose keys have no day."""
    return f"{UPLOADS}/{segment(shopper_id)}"


def owner_of(key: str) -> str | None:
    """Return the shopper whose folder contains a photo or a mark; None if the key does not have the store's form."""
    found = _OWN_KEY.fullmatch(key)
    return id_in(found[1]) if found is not None else None


def day_folder_of(key: str) -> str | None:
    """Return the folder of a day that contains a photo or a mark; None if its key has no day."""
    found = _DAY_FOLDER.match(key)
    return found[0] if found is not None and _day(found[1]) is not None else None


def day_of(key: str) -> date | None:
    """Return the day in the key of a photo or a mark; None if it has none."""
    found = _DAY_FOLDER.match(key)
    return _day(found[1]) if found is not None else None


def possible_day_folders(dated: str, stored_at: datetime) -> list[str]:
    """
    Return the folders of days of photos and marks that the store received up to a week before a time.

    Use them where a store cannot list its folders of days. A mark is under the day of its photo, which is up to a week
    older. The clock that dates a key may be a day away from the store's.

    Args:
        dated: The folder of the folders of days, one of `DATED`.
        stored_at: The time, in UTC.

    """
    last = stored_at.date() + timedelta(days=1)
    days = (2 * _LONGEST_KEPT).days + 3
    return [f"{dated}/{last - timedelta(days=back)}" for back in range(days)]


def segment(part: str) -> str:
    """Encode any id as one plain path segment: no slash, no leading dot, nothing that a store would change."""
    return re.sub(r"[^A-Za-z0-9_-]", lambda hit: "".join(f"={byte:02X}" for byte in hit[0].encode()), part)


def id_in(written: str) -> str:
    """Decode an id that `segment` encoded. Other text is returned unchanged."""
    return _ESCAPED.sub(lambda hit: bytes.fromhex(hit[0].replace("=", "")).decode(errors="replace"), written)


def _day(written: str) -> date | None:
    try:
        day = date.fromisoformat(written)
    except ValueError:
        return None
    # Who reads a key computes with the day before and the day after.
    return day if date.min < day < date.max else None
