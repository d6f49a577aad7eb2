"""Flows and their actions."""

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from klaviyo_sink.sandbox.access.problems import RefusedError, invalid, not_found
from klaviyo_sink.sandbox.account.account import Account, new_id
from klaviyo_sink.sandbox.account.journeys import StoredFlow
from klaviyo_sink.sandbox.api.gate import KlaviyoRoute, account_of, read_body, read_json
from klaviyo_sink.sandbox.api.modelled import refuse_unmodelled
from klaviyo_sink.sandbox.automation.engine import watch
from klaviyo_sink.sandbox.queries.answers import answer_one, answer_page
from klaviyo_sink.sandbox.resources.automations import action_json, flow_json
from klaviyo_sink.sandbox.shapes.actions import Branches, FlowDefinition
from klaviyo_sink.sandbox.shapes.flows import FlowRequest, FlowStatusRequest

router = APIRouter(route_class=KlaviyoRoute)
_DEFINITION = "/data/attributes/definition"


@router.post("/api/flows")
async def create_flow(request: Request) -> JSONResponse:
    """Create a flow, as a draft. Klaviyo replaces the temporary id of each action."""
    content = await read_json(request)
    refuse_unmodelled(content)
    attributes = (await read_body(request, FlowRequest)).data.attributes
    _check_graph(attributes.definition)
    account = account_of(request)
    raw = _with_ids(content["data"]["attributes"]["definition"], attributes.definition)
    definition = FlowDefinition.model_validate(_without_ids(raw))
    ids = [one["id"] for one in raw["actions"]]
    now = account.now()
    made = StoredFlow(
        id=new_id(),
        name=attributes.name,
        created=now,
        updated=now,
        definition=definition,
        raw=raw,
        actions=dict(zip(ids, definition.actions, strict=True)),
        entry=raw["entry_action_id"],
    )
    account.flows[made.id] = made
    watch(account, made)
    return answer_one(request, flow_json(made, str(request.base_url)), status=201)


@router.get("/api/flows")
async def get_flows(request: Request) -> JSONResponse:
    """Find flows, without their definitions."""
    account, base = account_of(request), str(request.base_url)
    related = {"flow-actions": lambda row: _actions(account.flows[row["id"]], base)}
    return answer_page(request, (flow_json(one, base) for one in account.flows.values()), related=related)


@router.get("/api/flows/{id}")
async def get_flow(request: Request, id: str) -> JSONResponse:  # noqa: A002 - the name in the official path
    """Read a flow, with its definition if asked for."""
    flow, base = flow_named(account_of(request), id), str(request.base_url)
    return answer_one(request, flow_json(flow, base), related={"flow-actions": lambda _row: _actions(flow, base)})


@router.patch("/api/flows/{id}")
async def update_flow(request: Request, id: str) -> JSONResponse:  # noqa: A002 - same
    """Set the status of a flow and its actions."""
    data = (await read_body(request, FlowStatusRequest)).data
    account = account_of(request)
    flow = flow_named(account, id)
    if data.id != id:
        raise RefusedError(400, invalid("/data/id", "The id does not match the path."))
    flow.status = data.attributes.status
    flow.updated = account.now()
    for action in flow.raw["actions"]:
        if "status" in action.get("data", {}):
            action["data"]["status"] = flow.status
    return answer_one(request, flow_json(flow, str(request.base_url)))


@router.delete("/api/flows/{id}")
async def delete_flow(request: Request, id: str) -> Response:  # noqa: A002 - same
    """Delete a flow; people in it stop where they are."""
    account = account_of(request)
    del account.flows[flow_named(account, id).id]
    return Response(status_code=204)


@router.get("/api/flows/{id}/flow-actions")
async def get_actions_for_flow(request: Request, id: str) -> JSONResponse:  # noqa: A002 - same
    """List a flow's actions."""
    return answer_page(request, _actions(flow_named(account_of(request), id), str(request.base_url)))


@router.get("/api/flow-actions/{id}")
async def get_flow_action(request: Request, id: str) -> JSONResponse:  # noqa: A002 - same
    """Read one action."""
    base = str(request.base_url)
    for flow in account_of(request).flows.values():
        for one in _actions(flow, base):
            if one["id"] == id:
                return answer_one(request, one, related={"flow": lambda _row: [flow_json(flow, base)]})  # noqa: B023 - called at once
    raise not_found("A flow action with this id does not exist.")


def flow_named(account: Account, flow_id: str) -> StoredFlow:
    """
    Return a flow by its id.

    Raises:
        RefusedError: 404, there is none.

    """
    found = account.flows.get(flow_id)
    if found is None:
        raise not_found("A flow with this id does not exist.")
    return found


def _actions(flow: StoredFlow, base: str) -> list[dict[str, Any]]:
    return [action_json(flow, one, base) for one in flow.raw["actions"]]


def _ways(definition: FlowDefinition) -> dict[str, list[str]]:
    """Return each action's links, by temporary id."""
    ways: dict[str, list[str]] = {}
    for one in definition.actions:
        on = one.links
        targets = (on.next_if_true, on.next_if_false) if isinstance(on, Branches) else (on.next,) if on else ()
        ways[one.temporary_id or ""] = [target for target in targets if target is not None]
    return ways


def _check_graph(definition: FlowDefinition) -> None:
    """Reject a graph whose links lead nowhere or in a circle."""
    names = Counter(one.temporary_id for one in definition.actions)
    for at, one in enumerate(definition.actions):
        if not one.temporary_id or names[one.temporary_id] > 1:
            raise RefusedError(400, invalid(f"{_DEFINITION}/actions/{at}/temporary_id", "Each action needs its own."))
    ways = _ways(definition)
    if definition.entry_action_id not in ways:
        raise RefusedError(400, invalid(f"{_DEFINITION}/entry_action_id", "No such action."))
    for at, one in enumerate(definition.actions):
        for target in ways[one.temporary_id or ""]:
            if target not in ways:
                raise RefusedError(400, invalid(f"{_DEFINITION}/actions/{at}/links", f"No such action: {target}."))
    if any(name in set(_after(name, ways)) for name in ways):
        raise RefusedError(400, invalid(f"{_DEFINITION}/actions", "The actions lead in a circle."))


def _after(name: str, ways: dict[str, list[str]]) -> Iterator[str]:
    seen: set[str] = set()
    ahead = list(ways[name])
    while ahead:
        one = ahead.pop()
        if one not in seen:
            seen.add(one)
            yield one
            ahead += ways[one]


def _with_ids(raw: dict[str, Any], definition: FlowDefinition) -> dict[str, Any]:
    """Return a definition as Klaviyo returns it: with final ids, and defaults for omitted fields."""
    ids = {one.temporary_id: str(uuid.uuid4().int % 10**9) for one in definition.actions}
    written: dict[str, Any] = json.loads(json.dumps(raw))
    written["entry_action_id"] = ids[written["entry_action_id"]]
    for action, shape in zip(written["actions"], definition.actions, strict=True):
        action["id"] = ids[action.pop("temporary_id")]
        action["links"] = {name: ids.get(to) for name, to in (action.get("links") or {}).items()}
        defaults = shape.data.model_dump(exclude_none=True)
        for name, value in defaults.items():
            if isinstance(value, dict) and isinstance(action["data"].get(name), dict):
                action["data"][name] = {**value, **action["data"][name]}
            else:
                action["data"].setdefault(name, value)
    return written


def _without_ids(raw: dict[str, Any]) -> dict[str, Any]:
    """Return a definition in the form of a request, in which the shapes know only temporary ids."""
    actions = [{name: value for name, value in one.items() if name != "id"} for one in raw["actions"]]
    return {**raw, "actions": [one | {"links": one["links"] or None} for one in actions]}
