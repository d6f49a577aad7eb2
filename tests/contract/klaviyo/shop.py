"""
A shop that calls every operation that the sandbox serves: the official schema judges each request and each answer.

It knows what Klaviyo publishes, and nothing of the sink.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from closed_schema import answer_judge, body_judge, load, official_file, operations

from klaviyo_sink.sandbox.access.operations import official
from klaviyo_sink.sandbox.app import create_app

SPEC = load(official_file())
_JUDGED = operations(SPEC)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HEADERS = {"Authorization": "Klaviyo-API-Key pk", "revision": "2026-07-15", "content-type": "application/vnd.api+json"}


class Shop:
    """Calls the sandbox and has each request and answer judged."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.called: set[str] = set()
        self.bodies: dict[tuple[str, str], tuple[str, Any]] = {}

    async def call(self, method: str, path: str, body: Any = None, *, status: int = 200, **query: str) -> Any:
        operation, _known = official(method, path)
        # Another schema than the excerpt may lack some operations.
        judged = (method, operation.path) in _JUDGED
        if body is not None and status < 400 and judged:
            body_judge(SPEC, method, operation.path).validate(body)
            self.bodies[method, operation.path] = path, json.loads(json.dumps(body))
        answer = await self.http.request(method, path, json=body, params=query, headers=HEADERS)
        assert answer.status_code == status, answer.text
        self.called.add(operation.id)
        judge = answer_judge(SPEC, method, operation.path, status) if judged else None
        if judge is not None:
            judge.validate(answer.json())
        elif judged:
            assert answer.content == b""
        return answer.json() if answer.content else None


@asynccontextmanager
async def open_shop() -> AsyncIterator[Shop]:
    """Open a shop with a sandbox of its own."""
    app = create_app("pk", now=lambda: NOON, speed=1000)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sandbox") as http:
        yield Shop(http)


def of(kind: str, attributes: Any = None, **more: Any) -> dict[str, Any]:
    return {"data": {"type": kind, **more, **({} if attributes is None else {"attributes": attributes})}}


def event(metric: str, email: str = "ada@shop.cn", **more: Any) -> dict[str, Any]:
    metric_body = of("metric", {"name": metric})
    return of(
        "event", {"metric": metric_body, "properties": {"n": 1}, "profile": of("profile", {"email": email}), **more}
    )


def cotton(*more: Any) -> dict[str, Any]:
    filter_ = {"type": "list", "operator": "contains", "value": "cotton"}
    one = {"type": "profile-property", "property": "properties['materials']", "filter": filter_}
    return {"condition_groups": [{"conditions": [one, *more]}]}


def sms(name: str, then: str | None = None) -> dict[str, Any]:
    message = {"name": name, "body": "hello", "smart_sending_enabled": False}
    return {"temporary_id": name, "type": "send-sms", "links": {"next": then}, "data": {"message": message}}


def graph(metric_id: str) -> dict[str, Any]:
    """A trigger, a delay, a split of each kind, messages of both channels, and a change of the profile."""
    wants = {"type": "metric-property", "metric_id": metric_id, "field": "n"}
    one = wants | {"filter": {"type": "numeric", "operator": "equals", "value": 1.5}}
    filter_ = {"condition_groups": [{"conditions": [one]}]}
    branches = {"next_if_true": "text", "next_if_false": "mail"}
    by_event = {"trigger_filter": filter_, "trigger_id": metric_id, "trigger_type": "metric"}
    change = {"operator": "create", "property_type": "string", "property_key": "seen", "property_value": "yes"}
    return {
        "triggers": [{"type": "metric", "id": metric_id, "trigger_filter": None}],
        "profile_filter": None,
        "reentry_criteria": {"duration": 1, "unit": "alltime"},
        "entry_action_id": "wait",
        "actions": [
            {
                "temporary_id": "wait",
                "type": "time-delay",
                "links": {"next": "who"},
                "data": {"unit": "days", "value": 2},
            },
            {
                "temporary_id": "who",
                "type": "conditional-split",
                "links": {"next_if_true": "what", "next_if_false": None},
                "data": {"profile_filter": cotton()},
            },
            {"temporary_id": "what", "type": "trigger-split", "links": branches, "data": by_event},
            sms("text", "note"),
            {
                "temporary_id": "mail",
                "type": "send-email",
                "links": {"next": None},
                "data": {"message": {"subject_line": "Hi"}},
            },
            {
                "temporary_id": "note",
                "type": "update-profile",
                "links": {"next": None},
                "data": {"profile_operations": [change]},
            },
        ],
    }


async def people(shop: Shop) -> str:
    await shop.call("GET", "/api/accounts")
    await shop.call("GET", "/api/accounts/SANDBX")
    ada = await shop.call("POST", "/api/profile-import", of("profile", {"email": "ada@shop.cn"}), status=201)
    ada_id: str = ada["data"]["id"]
    bob = await shop.call("POST", "/api/profiles", of("profile", {"email": "bob@shop.cn"}), status=201)
    await shop.call("POST", "/api/profiles", of("profile", {"email": "bob@shop.cn"}), status=409)
    attributes = {"phone_number": "+8613800138000", "properties": {"materials": ["cotton"]}}
    await shop.call("PATCH", f"/api/profiles/{ada_id}", of("profile", attributes, id=ada_id))
    subscriptions = {"additional-fields[profile]": "subscriptions"}
    await shop.call("GET", f"/api/profiles/{ada_id}", include="lists,segments", **subscriptions)
    await shop.call("GET", "/api/profiles", sort="-created", filter="any(email,['ada@shop.cn'])", **{"page[size]": "1"})
    await shop.call("GET", "/api/profiles/none", status=404)
    other = {"profiles": {"data": [{"type": "profile", "id": bob["data"]["id"]}]}}
    await shop.call("POST", "/api/profile-merge", of("profile-merge", id=ada_id, relationships=other), status=201)
    return ada_id


async def happenings(shop: Shop, ada_id: str) -> str:
    await shop.call("POST", "/api/events", event("Placed Order", value=9.5, value_currency="CNY"), status=202)
    entry = event("Viewed")["data"]["attributes"]
    profile = entry.pop("profile")
    rows = [
        {
            "type": "event-bulk-create",
            "attributes": {"profile": profile, "events": {"data": [{"type": "event", "attributes": entry}]}},
        }
    ]
    body = of("event-bulk-create-job", {"events-bulk-create": {"data": rows}})
    await shop.call("POST", "/api/event-bulk-create-jobs", body, status=202)
    [first, _] = (await shop.call("GET", "/api/events", include="profile,metric", sort="datetime"))["data"]
    assert first["attributes"]["event_properties"]["$value"] == 9.5
    for path in ("", "/profile", "/metric"):
        await shop.call("GET", f"/api/events/{first['id']}{path}")
    metric_id: str = first["relationships"]["metric"]["data"]["id"]
    await shop.call("GET", "/api/metrics", filter='equals(integration.name,"API")')
    await shop.call("GET", f"/api/metrics/{metric_id}", include="flow-triggers")
    job = of(
        "profile-bulk-import-job",
        {
            "profiles": {
                "data": [
                    {"type": "profile", "id": "no", "attributes": {}},
                    {"type": "profile", "attributes": {"email": "eve@shop.cn"}},
                ]
            }
        },
    )
    made = await shop.call("POST", "/api/profile-bulk-import-jobs", job, status=202)
    at = f"/api/profile-bulk-import-jobs/{made['data']['id']}"
    await shop.call("GET", "/api/profile-bulk-import-jobs", filter='any(status,["queued"])')
    for path in ("", "", "/import-errors", "/profiles"):
        await shop.call("GET", f"{at}{path}")
    return metric_id


async def groups(shop: Shop, ada_id: str) -> None:
    made = (await shop.call("POST", "/api/lists", of("list", {"name": "L"}), status=201))["data"]
    at = f"/api/lists/{made['id']}"
    await shop.call("PATCH", at, of("list", {"name": "M"}, id=made["id"]))
    who = {"data": [{"type": "profile", "id": ada_id}]}
    await shop.call("POST", f"{at}/relationships/profiles", who, status=204)
    await shop.call("GET", at, **{"additional-fields[list]": "profile_count"})
    await shop.call("GET", "/api/lists")
    [member] = (await shop.call("GET", f"{at}/profiles"))["data"]
    assert member["attributes"]["joined_group_at"]
    assert len((await shop.call("GET", f"/api/profiles/{ada_id}/lists"))["data"]) == 1
    await shop.call("DELETE", f"{at}/relationships/profiles", who, status=204)
    say = {"email": "ada@shop.cn", "phone_number": "+8613800138000"}
    by = {"sms": {"marketing": {"consent": "SUBSCRIBED"}}, "email": {"marketing": {"consent": "SUBSCRIBED"}}}
    rows = {"profiles": {"data": [{"type": "profile", "attributes": {**say, "subscriptions": by}}]}}
    named = {"list": {"data": {"type": "list", "id": made["id"]}}}
    job = of("profile-subscription-bulk-create-job", rows, relationships=named)
    await shop.call("POST", "/api/profile-subscription-bulk-create-jobs", job, status=202)
    for kind, how in (("create", "suppress"), ("delete", "unsuppress")):
        job = of(
            f"profile-suppression-bulk-{kind}-job",
            {"profiles": {"data": [{"type": "profile", "attributes": {"email": "eve@shop.cn"}}]}},
        )
        await shop.call("POST", f"/api/profile-suppression-bulk-{kind}-jobs", job, status=202)
        [done] = (await shop.call("GET", f"/api/profile-suppression-bulk-{kind}-jobs"))["data"]
        assert done["attributes"]["completed_count"] == 1, how
    made = (
        await shop.call(
            "POST",
            "/api/segments",
            of("segment", {"name": "S", "definition": cotton(), "is_starred": True}),
            status=201,
        )
    )["data"]
    at = f"/api/segments/{made['id']}"
    await shop.call("PATCH", at, of("segment", {"name": "T"}, id=made["id"]))
    await shop.call("GET", at, **{"additional-fields[segment]": "profile_count"})
    await shop.call("GET", "/api/segments", filter='equals(name,"T")', sort="name")
    assert [one["id"] for one in (await shop.call("GET", f"{at}/profiles"))["data"]] == [ada_id]
    await shop.call("GET", f"/api/profiles/{ada_id}/segments")
    await shop.call("DELETE", at, status=204)


async def automations(shop: Shop, metric_id: str) -> None:
    flow = (
        await shop.call("POST", "/api/flows", of("flow", {"name": "F", "definition": graph(metric_id)}), status=201)
    )["data"]
    at = f"/api/flows/{flow['id']}"
    await shop.call("PATCH", at, of("flow", {"status": "live"}, id=flow["id"]))
    await shop.call("GET", at, include="flow-actions", **{"additional-fields[flow]": "definition"})
    await shop.call("GET", "/api/flows", filter='equals(status,"live")', sort="-created")
    actions = (await shop.call("GET", f"{at}/flow-actions"))["data"]
    await shop.call("GET", f"/api/flow-actions/{actions[0]['id']}")
    made = (
        await shop.call(
            "POST",
            "/api/templates",
            of("template", {"name": "T", "editor_type": "CODE", "html": "<p>x</p>"}),
            status=201,
        )
    )["data"]
    await shop.call("GET", "/api/templates")
    await shop.call("GET", f"/api/templates/{made['id']}")
    await shop.call("GET", "/api/campaigns", filter="equals(messages.channel,'sms')")
    await shop.call("GET", "/api/campaigns/none", status=404)
    # Two days later, along the graph: an order of 1 is no 1.5, so an e-mail.
    await shop.call("POST", "/api/events", event("Placed Order", unique_id="second"), status=202)
    await shop.http.post("/sandbox/clock", json={"seconds": timedelta(days=2, hours=1).total_seconds()})
    state = (await shop.http.get("/sandbox/state")).json()
    assert [(one["to"], one["status"]) for one in state["emails"]] == [("ada@shop.cn", "sent")]
    await shop.call("DELETE", at, status=204)


async def shop_for_a_day(shop: Shop) -> None:
    """Call every operation at least once, each with what the calls before it made."""
    ada_id = await people(shop)
    metric_id = await happenings(shop, ada_id)
    await groups(shop, ada_id)
    await automations(shop, metric_id)
    say = {"phone_number": "+8613800138000", "subscriptions": {"sms": {"marketing": {"consent": "UNSUBSCRIBED"}}}}
    rows = {"profiles": {"data": [{"type": "profile", "attributes": say}]}}
    job = of("profile-subscription-bulk-delete-job", rows)
    await shop.call("POST", "/api/profile-subscription-bulk-delete-jobs", job, status=202)
    [list_] = (await shop.call("GET", "/api/lists"))["data"]
    await shop.call("DELETE", f"/api/lists/{list_['id']}", status=204)
    whom = of("data-privacy-deletion-job", {"profile": of("profile", {"email": "ada@shop.cn"})})
    await shop.call("POST", "/api/data-privacy-deletion-jobs", whom, status=202)
