"""Reads events, metrics and the account."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from klaviyo_sink.sandbox.access.problems import not_found
from klaviyo_sink.sandbox.account.profiles import Metric, StoredEvent
from klaviyo_sink.sandbox.api.gate import KlaviyoRoute, account_of
from klaviyo_sink.sandbox.queries.answers import answer_one, answer_page
from klaviyo_sink.sandbox.resources.automations import flow_json
from klaviyo_sink.sandbox.resources.links import links
from klaviyo_sink.sandbox.resources.people import event_json, metric_json, profile_json
from klaviyo_sink.sandbox.shapes.actions import MetricTrigger

router = APIRouter(route_class=KlaviyoRoute)
ACCOUNT_ID = "SANDBX"


@router.get("/api/events")
async def get_events(request: Request) -> JSONResponse:
    """Find events, oldest first by default."""
    base = str(request.base_url)
    rows = (event_json(one, base) for one in account_of(request).events)
    return answer_page(request, rows, related=_of_event(request))


@router.get("/api/events/{id}")
async def get_event(request: Request, id: str) -> JSONResponse:  # noqa: A002 - the name in the official path
    """Read one event."""
    return answer_one(request, event_json(_event(request, id), str(request.base_url)), related=_of_event(request))


@router.get("/api/events/{id}/profile")
async def get_profile_for_event(request: Request, id: str) -> JSONResponse:  # noqa: A002 - same
    """Read the profile of an event."""
    account = account_of(request)
    profile = account.profiles[_event(request, id).profile_id]
    return answer_one(request, profile_json(account, profile, str(request.base_url)))


@router.get("/api/events/{id}/metric")
async def get_metric_for_event(request: Request, id: str) -> JSONResponse:  # noqa: A002 - same
    """Read the metric of an event."""
    return answer_one(request, metric_json(_event(request, id).metric, str(request.base_url)))


@router.get("/api/metrics")
async def get_metrics(request: Request) -> JSONResponse:
    """List the metrics."""
    base = str(request.base_url)
    rows = (metric_json(one, base) for one in account_of(request).metrics.values())
    return answer_page(request, rows, related=_of_metric(request))


@router.get("/api/metrics/{id}")
async def get_metric(request: Request, id: str) -> JSONResponse:  # noqa: A002 - the name in the official path
    """Read one metric."""
    found = next((one for one in account_of(request).metrics.values() if one.id == id), None)
    if found is None:
        raise not_found("A metric with this id does not exist.")
    return answer_one(request, metric_json(found, str(request.base_url)), related=_of_metric(request))


@router.get("/api/accounts")
async def get_accounts(request: Request) -> JSONResponse:
    """Read the account that the key belongs to."""
    return answer_page(request, [_account(request)])


@router.get("/api/accounts/{id}")
async def get_account(request: Request, id: str) -> JSONResponse:  # noqa: A002 - the name in the official path
    """Read the account by its id."""
    if id != ACCOUNT_ID:
        raise not_found("An account with this id does not exist.")
    return answer_one(request, _account(request))


def _event(request: Request, event_id: str) -> StoredEvent:
    found = next((one for one in account_of(request).events if one.id == event_id), None)
    if found is None:
        raise not_found("An event with this id does not exist.")
    return found


def _of_event(request: Request) -> dict[str, Callable[[dict[str, Any]], list[dict[str, Any]]]]:
    account, base = account_of(request), str(request.base_url)
    metrics: dict[str, Metric] = {one.id: one for one in account.metrics.values()}
    return {
        "profile": lambda row: [
            profile_json(account, account.profiles[row["relationships"]["profile"]["data"]["id"]], base)
        ],
        "metric": lambda row: [metric_json(metrics[row["relationships"]["metric"]["data"]["id"]], base)],
    }


def _of_metric(request: Request) -> dict[str, Callable[[dict[str, Any]], list[dict[str, Any]]]]:
    account, base = account_of(request), str(request.base_url)

    def flows(row: dict[str, Any]) -> list[dict[str, Any]]:
        triggers = ((one, one.definition.triggers[0]) for one in account.flows.values())
        return [flow_json(one, base) for one, by in triggers if isinstance(by, MetricTrigger) and by.id == row["id"]]

    return {"flow-triggers": flows}


def _account(request: Request) -> dict[str, Any]:
    sender = {"default_sender_name": "Sandbox", "default_sender_email": "sandbox@shop.invalid"}
    street = dict.fromkeys(("address1", "address2", "city", "region", "country", "zip"))
    contact = {**sender, "website_url": None, "organization_name": "Sandbox", "street_address": street}
    return {
        "type": "account",
        "id": ACCOUNT_ID,
        "attributes": {
            "test_account": True,
            "contact_information": contact,
            "industry": None,
            "timezone": "UTC",
            "preferred_currency": "USD",
            "public_api_key": ACCOUNT_ID,
            "locale": "en-US",
        },
        "links": links(str(request.base_url), "accounts", ACCOUNT_ID),
    }
