"""Erasure: deletes the profile with exactly one identifier. Returns 202 whether or not it existed."""

from fastapi import APIRouter, Request, Response

from klaviyo_sink.sandbox.access.problems import RefusedError, invalid
from klaviyo_sink.sandbox.api.gate import KlaviyoRoute, account_of, read_body
from klaviyo_sink.sandbox.shapes.profiles import ErasureRequest

router = APIRouter(route_class=KlaviyoRoute)


@router.post("/api/data-privacy-deletion-jobs")
async def request_profile_deletion(request: Request) -> Response:
    """Delete a profile and its events."""
    whom = (await read_body(request, ErasureRequest)).data.attributes.profile.data
    named = [name for name in (whom.id, whom.attributes.email, whom.attributes.phone_number) if name]
    if len(named) != 1:
        detail = "Exactly one of id, email, phone_number must be provided."
        raise RefusedError(400, invalid("/data/attributes/profile/data", detail))
    account = account_of(request)
    found = account.find(whom.id, whom.attributes.model_dump(exclude_none=True))
    if found is not None:
        account.erase(found)
    return Response(status_code=202)
