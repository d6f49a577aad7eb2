"""
Finds the rows of a bulk job that Klaviyo refuses. It accepts all rows or none, and points at those that it refuses.

Pure. Sources: openapi 2026-07-15 (`bulk_create_events`: a repeated unique_id refuses the whole job);
github.com/rudderlabs/rudder-server pull request 7107 (pointers of refused rows).
"""

import re
from collections.abc import Iterable
from enum import Enum
from typing import Final

from klaviyo_sink.api.errors import PROFILE_NOT_FOUND, ApiError

_ROW: Final = re.compile(r"/data/attributes/(events-bulk-create|profiles)/data/([0-9]{1,5})(/.*)?")


class Fault(Enum):
    """What is wrong with a row."""

    #: Klaviyo has this event already: it accepted an earlier write whose response was lost.
    REPEATED = "repeated"
    #: The profile id no longer exists (merged or deleted).
    UNKNOWN_PROFILE = PROFILE_NOT_FOUND
    REFUSED = "refused"
    #: Our own: the shopper was forgotten while the row waited.
    FORGOTTEN = "forgotten"
    #: Our own: another write of the shopper began while the row waited.
    OVERTAKEN = "overtaken"


def refused_rows(errors: Iterable[ApiError]) -> dict[int, tuple[Fault, str]]:
    """Return the refused rows by index, each with its fault and a sentence that quotes no value."""
    rows: dict[int, tuple[Fault, str]] = {}
    for error in errors:
        found = _ROW.fullmatch(error.pointer)
        if found is None:
            continue
        # Keep the first error of a row, but replace an error that only reports a repeated event.
        index, fault = int(found[2]), _fault(error, found[1], found[3] or "")
        if index not in rows or rows[index][0] is Fault.REPEATED:
            rows[index] = (fault, f"Klaviyo refused the row: {error}")
    return rows


def _fault(error: ApiError, rows: str, place: str) -> Fault:
    if place.endswith("/unique_id") and error.code in {"duplicate", "duplicated", "invalid"}:
        return Fault.REPEATED
    if error.code == "not_found" and (rows == "profiles" or "/profile/" in place):
        return Fault.UNKNOWN_PROFILE
    return Fault.REFUSED
