"""Segments and flows: made, found, set live; and consent, which only a person can give, as an order of the tests."""

import uuid
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from klaviyo_sink.sandbox.automation import StoredFlow
from klaviyo_sink.sandbox.filters import matches
from klaviyo_sink.sandbox.flow_shapes import FlowRequest, FlowStatusRequest, SegmentRequest, as_sent
from klaviyo_sink.sandbox.gate import KlaviyoRoute, account_of, read_body
from klaviyo_sink.sandbox.pages import page_of
from klaviyo_sink.sandbox.problems import MEDIA_TYPE, RefusedError, invalid, not_found

router = APIRouter(route_class=KlaviyoRoute)
orders = APIRouter()


class Consents(BaseModel):
    """Who may be texted: profiles by external_id or email; they are made if need be."""

    model_config = ConfigDict(extra="forbid")

    external_ids: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()


@orders.post("/sandbox/consent")
async def give_consent(consents: Consents, request: Request) -> Consents:
    """Let shoppers have agreed to be texted."""
    account = account_of(request)
    named = [{"external_id": one} for one in consents.external_ids] + [{"email": one} for one in consents.emails]
    for attributes in named:
        profile, _made = account.upsert(None, attributes, {})
        account.sms_consent.add(profile.id)
    return consents


@router.post("/api/segments")
async def create_segment(request: Request) -> JSONResponse:
    """Make a segment."""
    attributes = (await read_body(request, SegmentRequest)).data.attributes
    segment = {"id": uuid.uuid4().hex[:6], "name": attributes.name, "definition": as_sent(attributes.definition)}
    account_of(request).segments.append(segment)
    return JSONResponse({"data": _segment(segment)}, 201, media_type=MEDIA_TYPE)


@router.get("/api/segments")
async def get_segments(request: Request) -> JSONResponse:
    """Find segments by name."""
    wanted = matches(request.query_params.get("filter"), ("name", "id"))
    found = [_segment(one) for one in account_of(request).segments if wanted(one)]
    return page_of(found, request, default=10, largest=10)


@router.post("/api/flows")
async def create_flow(request: Request) -> JSONResponse:
    """Make a flow, as draft."""
    attributes = (await read_body(request, FlowRequest)).data.attributes
    definition = attributes.definition
    if definition.entry_action_id != definition.actions[0].temporary_id:
        raise RefusedError(400, invalid("/data/attributes/definition/entry_action_id", "No such action."))
    flow = StoredFlow(uuid.uuid4().hex[:6], attributes.name, definition, as_sent(definition))
    account_of(request).flows.append(flow)
    return JSONResponse({"data": _flow(flow, whole=True)}, 201, media_type=MEDIA_TYPE)


@router.get("/api/flows")
async def get_flows(request: Request) -> JSONResponse:
    """Find flows by name; without their definitions."""
    wanted = matches(request.query_params.get("filter"), ("name", "id", "status"))
    found = [one for one in account_of(request).flows if wanted({"name": one.name, "id": one.id, "status": one.status})]
    return page_of([_flow(one, whole=False) for one in found], request, default=50, largest=50)


@router.get("/api/flows/{id}")
async def get_flow(request: Request, id: str) -> JSONResponse:  # noqa: A002 - the name in the official path
    """Read a flow; with its definition if asked."""
    whole = request.query_params.get("additional-fields[flow]") == "definition"
    return JSONResponse({"data": _flow(_named(request, id), whole=whole)}, media_type=MEDIA_TYPE)


@router.patch("/api/flows/{id}")
async def update_flow(request: Request, id: str) -> JSONResponse:  # noqa: A002 - the name in the official path
    """Set the status of a flow and its actions."""
    data = (await read_body(request, FlowStatusRequest)).data
    flow = _named(request, id)
    if data.id != id:
        raise RefusedError(400, invalid("/data/id", "The id does not match the path."))
    flow.status = data.attributes.status
    return JSONResponse({"data": _flow(flow, whole=False)}, media_type=MEDIA_TYPE)


def _named(request: Request, flow_id: str) -> StoredFlow:
    for flow in account_of(request).flows:
        if flow.id == flow_id:
            found: StoredFlow = flow
            return found
    raise not_found("A flow with this id does not exist.")


def _segment(segment: dict[str, Any]) -> dict[str, Any]:
    attributes = {"name": segment["name"], "definition": segment["definition"], "is_active": True}
    return {"type": "segment", "id": segment["id"], "attributes": attributes, "links": {"self": "/api/segments"}}


def _flow(flow: StoredFlow, *, whole: bool) -> dict[str, Any]:
    attributes: dict[str, Any] = {"name": flow.name, "status": flow.status, "archived": False, "trigger_type": "Metric"}
    if whole:
        attributes["definition"] = flow.said
    return {"type": "flow", "id": flow.id, "attributes": attributes, "links": {"self": f"/api/flows/{flow.id}"}}
