"""Lists and their members."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from klaviyo_sink.sandbox.access.problems import RefusedError, invalid, not_found
from klaviyo_sink.sandbox.account.account import Account, new_id
from klaviyo_sink.sandbox.account.groups import StoredList
from klaviyo_sink.sandbox.account.membership import join
from klaviyo_sink.sandbox.api.gate import KlaviyoRoute, account_of, read_body
from klaviyo_sink.sandbox.api.profiles import named
from klaviyo_sink.sandbox.automation.engine import on_change, on_join
from klaviyo_sink.sandbox.queries.answers import answer_one, answer_page
from klaviyo_sink.sandbox.resources.automations import flow_json, list_json
from klaviyo_sink.sandbox.resources.people import profile_json, stamp
from klaviyo_sink.sandbox.shapes.actions import ListTrigger
from klaviyo_sink.sandbox.shapes.groups import ListRequest, ListUpdateRequest
from klaviyo_sink.sandbox.shapes.profiles import ProfileNames

router = APIRouter(route_class=KlaviyoRoute)


@router.get("/api/lists")
async def get_lists(request: Request) -> JSONResponse:
    """Find lists."""
    account, base = account_of(request), str(request.base_url)
    return answer_page(request, (list_json(one, base) for one in account.lists.values()), related=_flows(request))


@router.post("/api/lists")
async def create_list(request: Request) -> JSONResponse:
    """Create a list."""
    attributes = (await read_body(request, ListRequest)).data.attributes
    account = account_of(request)
    now = account.now()
    made = StoredList(new_id(), attributes.name, now, now, attributes.opt_in_process or "single_opt_in")
    account.lists[made.id] = made
    return answer_one(request, list_json(made, str(request.base_url)), status=201)


@router.get("/api/lists/{id}")
async def get_list(request: Request, id: str) -> JSONResponse:  # noqa: A002 - the name in the official path
    """Read a list."""
    group = list_named(account_of(request), id)
    return answer_one(request, list_json(group, str(request.base_url)), related=_flows(request))


@router.patch("/api/lists/{id}")
async def update_list(request: Request, id: str) -> JSONResponse:  # noqa: A002 - same
    """Rename a list."""
    data = (await read_body(request, ListUpdateRequest)).data
    account = account_of(request)
    group = list_named(account, id)
    if data.id != id:
        raise RefusedError(400, invalid("/data/id", "The id does not match the path."))
    group.name = data.attributes.name or group.name
    group.opt_in_process = data.attributes.opt_in_process or group.opt_in_process
    group.updated = account.now()
    return answer_one(request, list_json(group, str(request.base_url)))


@router.delete("/api/lists/{id}")
async def delete_list(request: Request, id: str) -> Response:  # noqa: A002 - same
    """Delete a list; its members' profiles stay."""
    account = account_of(request)
    del account.lists[list_named(account, id).id]
    return Response(status_code=204)


@router.get("/api/lists/{id}/profiles")
async def get_profiles_for_list(request: Request, id: str) -> JSONResponse:  # noqa: A002 - same
    """List the members of a list, and since when they are on it."""
    account, base = account_of(request), str(request.base_url)
    group = list_named(account, id)
    rows = (profile_json(account, account.profiles[one], base) for one in group.members)
    return answer_page(request, (with_joined(row, group.members[row["id"]]) for row in rows))


@router.post("/api/lists/{id}/relationships/profiles")
async def add_profiles_to_list(request: Request, id: str) -> Response:  # noqa: A002 - same
    """Add people to a list; this is no consent."""
    account = account_of(request)
    group = list_named(account, id)
    for one in await _people(request, account):
        if join(account, group, account.profiles[one]):
            on_join(account, group.id, account.profiles[one])
    return Response(status_code=204)


@router.delete("/api/lists/{id}/relationships/profiles")
async def remove_profiles_from_list(request: Request, id: str) -> Response:  # noqa: A002 - same
    """Remove people from a list; this withdraws no consent."""
    account = account_of(request)
    group = list_named(account, id)
    people = await _people(request, account)
    for one in people:
        group.members.pop(one, None)
    group.updated = account.now()
    on_change(account, *(account.profiles[one] for one in people))
    return Response(status_code=204)


def list_named(account: Account, list_id: str, pointer: str = "/data/id") -> StoredList:
    """
    Return a list by its id.

    Raises:
        RefusedError: 404, there is none.

    """
    found = account.lists.get(list_id)
    if found is None:
        raise not_found("A list with this id does not exist.", pointer)
    return found


def with_joined(row: dict[str, Any], joined: Any) -> dict[str, Any]:
    """Return a resource with the time since when the person belongs to a group."""
    return {**row, "attributes": {**row["attributes"], "joined_group_at": stamp(joined)}}


async def _people(request: Request, account: Account) -> list[str]:
    ids = [one.id for one in (await read_body(request, ProfileNames)).data]
    for at, one in enumerate(ids):
        named(account, one, f"/data/{at}/id")
    return ids


def _flows(request: Request) -> dict[str, Callable[[dict[str, Any]], list[dict[str, Any]]]]:
    account, base = account_of(request), str(request.base_url)

    def flows(row: dict[str, Any]) -> list[dict[str, Any]]:
        triggers = ((one, one.definition.triggers[0]) for one in account.flows.values())
        return [flow_json(one, base) for one, by in triggers if isinstance(by, ListTrigger) and by.id == row["id"]]

    return {"flow-triggers": flows}
