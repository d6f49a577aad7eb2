"""Segments and their members."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from klaviyo_sink.sandbox.access.problems import RefusedError, invalid, not_found
from klaviyo_sink.sandbox.account.account import Account, new_id
from klaviyo_sink.sandbox.account.groups import StoredSegment
from klaviyo_sink.sandbox.api.gate import KlaviyoRoute, account_of, read_body, read_json
from klaviyo_sink.sandbox.api.lists import with_joined
from klaviyo_sink.sandbox.api.modelled import refuse_unmodelled
from klaviyo_sink.sandbox.automation.conditions import members
from klaviyo_sink.sandbox.automation.engine import on_change
from klaviyo_sink.sandbox.queries.answers import answer_one, answer_page
from klaviyo_sink.sandbox.resources.automations import flow_json, segment_json
from klaviyo_sink.sandbox.resources.people import profile_json
from klaviyo_sink.sandbox.shapes.actions import SegmentTrigger
from klaviyo_sink.sandbox.shapes.flows import SegmentRequest, SegmentUpdateRequest

router = APIRouter(route_class=KlaviyoRoute)


@router.post("/api/segments")
async def create_segment(request: Request) -> JSONResponse:
    """Create a segment."""
    content = await read_json(request)
    refuse_unmodelled(content)
    attributes = (await read_body(request, SegmentRequest)).data.attributes
    account = account_of(request)
    now = account.now()
    raw = content["data"]["attributes"]["definition"]
    made = StoredSegment(new_id(), attributes.name, now, now, raw, attributes.definition, bool(attributes.is_starred))
    account.segments[made.id] = made
    members(account, made)
    return answer_one(request, segment_json(made, str(request.base_url)), status=201)


@router.get("/api/segments")
async def get_segments(request: Request) -> JSONResponse:
    """Find segments."""
    base = str(request.base_url)
    rows = (segment_json(one, base) for one in account_of(request).segments.values())
    return answer_page(request, rows, related=_flows(request))


@router.get("/api/segments/{id}")
async def get_segment(request: Request, id: str) -> JSONResponse:  # noqa: A002 - the name in the official path
    """Read a segment."""
    account = account_of(request)
    segment = segment_named(account, id)
    resource = segment_json(segment, str(request.base_url), count=len(members(account, segment)))
    return answer_one(request, resource, related=_flows(request))


@router.patch("/api/segments/{id}")
async def update_segment(request: Request, id: str) -> JSONResponse:  # noqa: A002 - same
    """Change a segment's name, star or definition."""
    content = await read_json(request)
    refuse_unmodelled(content)
    data = (await read_body(request, SegmentUpdateRequest)).data
    account = account_of(request)
    segment = segment_named(account, id)
    if data.id != id:
        raise RefusedError(400, invalid("/data/id", "The id does not match the path."))
    segment.name = data.attributes.name or segment.name
    if data.attributes.is_starred is not None:
        segment.is_starred = data.attributes.is_starred
    if "definition" in data.attributes.model_fields_set:
        segment.definition = data.attributes.definition
        segment.raw = content["data"]["attributes"]["definition"]
    segment.updated = account.now()
    on_change(account, *account.profiles.values())
    return answer_one(request, segment_json(segment, str(request.base_url)))


@router.delete("/api/segments/{id}")
async def delete_segment(request: Request, id: str) -> Response:  # noqa: A002 - same
    """Delete a segment; its members' profiles stay."""
    account = account_of(request)
    del account.segments[segment_named(account, id).id]
    return Response(status_code=204)


@router.get("/api/segments/{id}/profiles")
async def get_profiles_for_segment(request: Request, id: str) -> JSONResponse:  # noqa: A002 - same
    """List the members of a segment, and since when they belong to it."""
    account, base = account_of(request), str(request.base_url)
    segment = segment_named(account, id)
    rows = (profile_json(account, one, base) for one in members(account, segment))
    return answer_page(request, (with_joined(row, segment.seen[row["id"]]) for row in rows))


def segment_named(account: Account, segment_id: str) -> StoredSegment:
    """
    Return a segment by its id.

    Raises:
        RefusedError: 404, there is none.

    """
    found = account.segments.get(segment_id)
    if found is None:
        raise not_found("A segment with this id does not exist.", "/data/id")
    return found


def _flows(request: Request) -> dict[str, Callable[[dict[str, Any]], list[dict[str, Any]]]]:
    account, base = account_of(request), str(request.base_url)

    def flows(row: dict[str, Any]) -> list[dict[str, Any]]:
        triggers = ((one, one.definition.triggers[0]) for one in account.flows.values())
        return [flow_json(one, base) for one, by in triggers if isinstance(by, SegmentTrigger) and by.id == row["id"]]

    return {"flow-triggers": flows}
