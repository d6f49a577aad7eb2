"""Profiles: create, update, import, read, find, merge."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from klaviyo_sink.sandbox.access.problems import MEDIA_TYPE, RefusedError, invalid, not_found
from klaviyo_sink.sandbox.account.account import Account, ConflictError
from klaviyo_sink.sandbox.account.profiles import StoredProfile
from klaviyo_sink.sandbox.api.gate import KlaviyoRoute, account_of, read_body
from klaviyo_sink.sandbox.api.writes import (
    LARGEST_PROFILE,
    check_attributes,
    check_named,
    duplicate,
    given,
    patch_of,
)
from klaviyo_sink.sandbox.automation.conditions import members
from klaviyo_sink.sandbox.automation.engine import on_change
from klaviyo_sink.sandbox.queries.answers import answer_one, answer_page
from klaviyo_sink.sandbox.resources.automations import list_json, segment_json
from klaviyo_sink.sandbox.resources.links import links
from klaviyo_sink.sandbox.resources.people import profile_json
from klaviyo_sink.sandbox.shapes.profiles import CreateRequest, ImportRequest, MergeRequest, UpdateRequest

router = APIRouter(route_class=KlaviyoRoute)


@router.post("/api/profile-import")
async def create_or_update_profile(request: Request) -> JSONResponse:
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
    on_change(account, profile)
    return answer_one(request, _json(request, profile), status=201 if made else 200)


@router.post("/api/profiles")
async def create_profile(request: Request) -> JSONResponse:
    """Create a profile; 409 if another has the identifier already."""
    data = (await read_body(request, CreateRequest)).data
    account = account_of(request)
    attributes = given(data.attributes)
    check_named(None, attributes, "/data")
    check_attributes(attributes, "/data/attributes", largest=LARGEST_PROFILE, size=len(await request.body()))
    try:
        there = account.find(None, attributes)
    except ConflictError as conflict:
        raise duplicate(conflict) from None
    if there is not None:
        raise duplicate(ConflictError(there.id))
    profile, _made = account.upsert(None, attributes, {})
    on_change(account, profile)
    return answer_one(request, _json(request, profile), status=201)


@router.patch("/api/profiles/{id}")
async def update_profile(request: Request, id: str) -> JSONResponse:  # noqa: A002 - the name in the official path
    """Update a profile; an identifier of another one conflicts."""
    data = (await read_body(request, UpdateRequest)).data
    account = account_of(request)
    profile = named(account, id)
    if data.id != id:
        raise RefusedError(400, invalid("/data/id", "The id does not match the path."))
    attributes = given(data.attributes)
    check_attributes(attributes, "/data/attributes", largest=LARGEST_PROFILE, size=len(await request.body()))
    try:
        account.upsert(id, attributes, patch_of(data.meta))
    except ConflictError as conflict:
        raise duplicate(conflict) from None
    on_change(account, profile)
    return answer_one(request, _json(request, profile))


@router.get("/api/profiles")
async def get_profiles(request: Request) -> JSONResponse:
    """Find profiles."""
    return answer_page(request, (_json(request, one) for one in account_of(request).profiles.values()))


@router.get("/api/profiles/{id}")
async def get_profile(request: Request, id: str) -> JSONResponse:  # noqa: A002 - the name in the official path
    """Read one profile, with its lists and segments if asked for."""
    account, base = account_of(request), str(request.base_url)
    profile = named(account, id)
    related = {
        "lists": lambda _one: [list_json(group, base) for group in account.lists.values() if id in group.members],
        "segments": lambda _one: [
            segment_json(segment, base) for segment in account.segments.values() if profile in members(account, segment)
        ],
    }
    return answer_one(request, _json(request, profile), related=related)


@router.get("/api/profiles/{id}/lists")
async def get_lists_for_profile(request: Request, id: str) -> JSONResponse:  # noqa: A002 - the name in the official path
    """List the lists of a person."""
    account = account_of(request)
    named(account, id)
    mine = (one for one in account.lists.values() if id in one.members)
    return answer_page(request, (list_json(one, str(request.base_url)) for one in mine))


@router.get("/api/profiles/{id}/segments")
async def get_segments_for_profile(request: Request, id: str) -> JSONResponse:  # noqa: A002 - same
    """List the segments of a person."""
    account = account_of(request)
    profile = named(account, id)
    mine = (one for one in account.segments.values() if profile in members(account, one))
    return answer_page(request, (segment_json(one, str(request.base_url)) for one in mine))


@router.post("/api/profile-merge")
async def merge_profiles(request: Request) -> JSONResponse:
    """Merge one profile into another; the first one's values win."""
    data = (await read_body(request, MergeRequest)).data
    account = account_of(request)
    into = named(account, data.id)
    others = data.relationships.profiles.data
    if len(others) != 1 or others[0].id == data.id:
        raise RefusedError(400, invalid("/data/relationships/profiles/data", "Name exactly one other profile."))
    account.merge(into, named(account, others[0].id, "/data/relationships/profiles/data/0/id"))
    on_change(account, into)
    base = str(request.base_url)
    resource = {"type": "profile", "id": into.id, "links": links(base, "profiles", into.id)}
    return JSONResponse({"data": resource, "links": {"self": str(request.url)}}, 201, media_type=MEDIA_TYPE)


def named(account: Account, profile_id: str, pointer: str = "/data/id") -> StoredProfile:
    """
    Return a profile by its id.

    Raises:
        RefusedError: 404, there is none.

    """
    found = account.profiles.get(profile_id)
    if found is None:
        raise not_found("A profile with this id does not exist.", pointer)
    return found


def _json(request: Request, profile: StoredProfile) -> dict[str, object]:
    return profile_json(account_of(request), profile, str(request.base_url))
