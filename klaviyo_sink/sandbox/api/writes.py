"""Code that all writes of profiles share: named fields, checks, and finding the profile."""

import re
from typing import Any, Final

from pydantic import BaseModel

from klaviyo_sink.sandbox.access.problems import Problem, RefusedError, invalid, not_found
from klaviyo_sink.sandbox.account.account import Account, ConflictError
from klaviyo_sink.sandbox.account.profiles import StoredProfile
from klaviyo_sink.sandbox.shapes.profiles import Meta

#: Most characters of an e-mail address, most bytes of a profile (developers.klaviyo.com, profiles overview).
LONGEST_EMAIL: Final = 100
LARGEST_PROFILE: Final = 100_000
_ADDRESS: Final = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
#: E.164: a country code and a number, 7 to 15 digits.
_PHONE: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_NAMING: Final = ("email", "phone_number", "external_id", "_kx", "anonymous_id")


def given(attributes: BaseModel) -> dict[str, Any]:
    """Return the fields in the request, explicit nulls included, by Klaviyo's names."""
    return attributes.model_dump(by_alias=True, exclude_unset=True, exclude={"meta"})


def patch_of(meta: Meta | None) -> dict[str, Any]:
    """Return `patch_properties`, or an empty dict."""
    if meta is None or meta.patch_properties is None:
        return {}
    return meta.patch_properties.model_dump(exclude_unset=True)


def check_named(profile_id: str | None, attributes: dict[str, Any], pointer: str) -> None:
    """Require at least one identifier."""
    if not profile_id and not any(attributes.get(name) for name in _NAMING):
        detail = "One or more of the following identifiers must be provided: email, phone_number, external_id, id."
        raise RefusedError(400, invalid(f"{pointer}/attributes", detail))


def check_attributes(attributes: dict[str, Any], pointer: str, *, largest: int, size: int) -> None:
    """Reject an invalid e-mail address, a phone number that is not E.164, and a profile that is too large."""
    email = attributes.get("email")
    if email is not None and (len(email) > LONGEST_EMAIL or not _ADDRESS.fullmatch(email)):
        raise RefusedError(400, invalid(f"{pointer}/email", "Invalid email address."))
    phone = attributes.get("phone_number")
    if phone is not None and not _PHONE.fullmatch(phone):
        raise RefusedError(400, invalid(f"{pointer}/phone_number", "Invalid phone number format (Must use E.164)."))
    if size > largest:
        raise RefusedError(400, invalid(pointer, f"The profile exceeds {largest} bytes."))


def duplicate(conflict: ConflictError, pointer: str = "/data/attributes") -> RefusedError:
    """Return a 409: the identifiers belong to two profiles."""
    title = "Conflict."
    detail = "A profile already exists with one of these identifiers."
    meta = {"duplicate_profile_id": conflict.profile_id}
    return RefusedError(409, Problem("duplicate_profile", title, detail, pointer, meta=meta))


def find_for_event(
    account: Account, profile_id: str | None, attributes: dict[str, Any], pointer: str
) -> StoredProfile | None:
    """Return an event's profile. An unknown id is rejected, because ids end with a merge or deletion."""
    if profile_id is not None and profile_id not in account.profiles:
        raise not_found("A profile with this id does not exist.", f"{pointer}/id")
    try:
        return account.find(profile_id, attributes)
    except ConflictError as conflict:
        raise duplicate(conflict, pointer) from None
