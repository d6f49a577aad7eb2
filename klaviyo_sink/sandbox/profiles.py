"""Profiles: import (create or update), read, find."""

import re
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from klaviyo_sink.sandbox.account import Account, ConflictError, StoredProfile
from klaviyo_sink.sandbox.filters import matches
from klaviyo_sink.sandbox.gate import KlaviyoRoute, account_of, read_body
from klaviyo_sink.sandbox.pages import page_of
from klaviyo_sink.sandbox.problems import MEDIA_TYPE, Problem, RefusedError, invalid, not_found
from klaviyo_sink.sandbox.shapes import ImportRequest, Meta

#: Characters of an e-mail address, bytes of a profile (developers.klaviyo.com, profiles overview).
LONGEST_EMAIL: Final = 100
LARGEST_PROFILE: Final = 100_000
_ADDRESS: Final = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_NAMING: Final = ("email", "phone_number", "external_id", "_kx", "anonymous_id")

router = APIRouter(route_class=KlaviyoRoute)


@router.post("/api/profile-import")
async def import_profile(request: Request) -> JSONResponse:
    """Create (201) or update (200) a profile."""
    data = (await read_body(request, ImportRequest)).data
    account = account_of(request)
    attributes = given(data.attributes)
    check_named(data.id, attributes, "/data")
    check_attributes(attributes, "/data/attributes", largest=LARGEST_PROFILE, size=len(await request.body()))
    if data.id is not None and data.id not in account.profiles:
        raise not_found("A profile with this id does not exist.", "/data/id")
    try:
        profile, made = account.upsert(data.id, attributes, patch_of(data.meta))
    except ConflictError as conflict:
        raise duplicate(conflict) from None
    return JSONResponse({"data": as_json(profile)}, 201 if made else 200, media_type=MEDIA_TYPE)


@router.get("/api/profiles")
async def get_profiles(request: Request) -> JSONResponse:
    """Find profiles; `filter` by id, email, phone_number or external_id."""
    account = account_of(request)
    wanted = matches(request.query_params.get("filter"), ("id", "email", "phone_number", "external_id"))
    found = [one for one in account.profiles.values() if wanted({"id": one.id, **one.fields})]
    return page_of([as_json(one) for one in found], request, default=20, largest=100)


@router.get("/api/profiles/{id}")
async def get_profile(request: Request, id: str) -> JSONResponse:  # noqa: A002 - the name in the official path
    """Read one profile."""
    profile = account_of(request).profiles.get(id)
    if profile is None:
        raise not_found("A profile with this id does not exist.", "/data/id")
    return JSONResponse({"data": as_json(profile)}, media_type=MEDIA_TYPE)


def given(attributes: BaseModel) -> dict[str, Any]:
    """Give the fields that the request named, explicit nulls included, by Klaviyo's names."""
    return attributes.model_dump(by_alias=True, exclude_unset=True, exclude={"meta"})


def patch_of(meta: Meta | None) -> dict[str, Any]:
    """Give `patch_properties`, or nothing."""
    if meta is None or meta.patch_properties is None:
        return {}
    return meta.patch_properties.model_dump(exclude_unset=True)


def check_named(profile_id: str | None, attributes: dict[str, Any], pointer: str) -> None:
    """Demand at least one identifier."""
    if not profile_id and not any(attributes.get(name) for name in _NAMING):
        detail = "One or more of the following identifiers must be provided: email, phone_number, external_id, id."
        raise RefusedError(400, invalid(f"{pointer}/attributes", detail))


def check_attributes(attributes: dict[str, Any], pointer: str, *, largest: int, size: int) -> None:
    """Refuse an address that is none, a phone number that is not E.164, a profile that is too large."""
    email = attributes.get("email")
    if email is not None and (len(email) > LONGEST_EMAIL or not _ADDRESS.fullmatch(email)):
        raise RefusedError(400, invalid(f"{pointer}/email", "Invalid email address."))
    phone = attributes.get("phone_number")
    if phone is not None and not (phone.startswith("+") and phone[1:].isascii() and phone[1:].isdigit()):
        raise RefusedError(400, invalid(f"{pointer}/phone_number", "Invalid phone number format (Must use E.164)."))
    if size > largest:
        raise RefusedError(400, invalid(pointer, f"The profile exceeds {largest} bytes."))


def duplicate(conflict: ConflictError, pointer: str = "/data/attributes") -> RefusedError:
    """Two profiles are named."""
    title = "Conflict."
    detail = "A profile already exists with one of these identifiers."
    meta = {"duplicate_profile_id": conflict.profile_id}
    return RefusedError(409, Problem("duplicate_profile", title, detail, pointer, meta=meta))


def as_json(profile: StoredProfile) -> dict[str, Any]:
    """Write a profile as a JSON:API resource."""
    times = {"created": profile.created.isoformat(), "updated": profile.updated.isoformat()}
    attributes = {**profile.fields, **times, "properties": profile.properties}
    return {"type": "profile", "id": profile.id, "attributes": attributes, "links": {"self": _link(profile)}}


def find_for_event(
    account: Account, profile_id: str | None, attributes: dict[str, Any], pointer: str
) -> StoredProfile | None:
    """Find an event's profile; an unknown id is refused, since a merge or deletion ends ids."""
    if profile_id is not None and profile_id not in account.profiles:
        raise not_found("A profile with this id does not exist.", f"{pointer}/id")
    try:
        return account.find(profile_id, attributes)
    except ConflictError as conflict:
        raise duplicate(conflict, pointer) from None


def _link(profile: StoredProfile) -> str:
    return f"/api/profiles/{profile.id}"
