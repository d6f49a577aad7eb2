"""What the sandbox has taken so far: as JSON for tests, as a page for people."""

from html import escape
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from klaviyo_sink.sandbox.account import Account, StoredEvent, StoredProfile
from klaviyo_sink.sandbox.automation import Text, in_segment
from klaviyo_sink.sandbox.flow_shapes import SegmentDefinition
from klaviyo_sink.sandbox.gate import account_of

#: Rows shown on the page, newest first.
SHOWN: Final = 200

router = APIRouter()

_HEAD: Final = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Klaviyo sandbox</title>
<meta name="viewport" content="width=device-width"><style>
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1c1c1e}
table{border-collapse:collapse;width:100%;margin-bottom:2rem}th,td{text-align:left;padding:.4rem .6rem;
border-bottom:1px solid #ddd;vertical-align:top}td{overflow-wrap:anywhere}dl{margin:0}dt{color:#666;float:left;
clear:left;margin-right:.5rem}dd{margin:0}
</style></head><body><h1>Klaviyo sandbox</h1>"""


@router.get("/sandbox/state")
async def get_state(request: Request) -> dict[str, Any]:
    """Give everything, in the order it came."""
    account = account_of(request)
    return {
        "profiles": [_profile(one) for one in account.profiles.values()],
        "events": [_event(one) for one in account.events],
        "metrics": [{"id": one.id, "name": one.name} for one in account.metrics.values()],
        "segments": [
            {"name": one["name"], "profile_ids": _members(account, one["definition"])} for one in account.segments
        ],
        "flows": [{"id": one.id, "name": one.name, "status": one.status} for one in account.flows],
        "sms": [_text(account, one) for one in account.texts],
        "deletions": account.deletions,
        "counters": dict(account.counters),
    }


@router.get("/", response_class=HTMLResponse)
async def get_page(request: Request) -> HTMLResponse:
    """Show profiles and events. Every value comes from outside and is escaped."""
    # No script can run even if one got in.
    policy = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return HTMLResponse(render(account_of(request)), headers=policy)


def render(account: Account) -> str:
    """Write the page."""
    profiles = [
        [escape(_name(one)), _pairs(one.properties), escape(one.updated.isoformat(timespec="seconds"))]
        for one in list(account.profiles.values())[: -SHOWN - 1 : -1]
    ]
    events = [
        [
            escape(event.time.isoformat()),
            escape(event.metric + (" (backfill)" if event.backfill else "")),
            escape(_name(account.profiles[event.profile_id])),
            _pairs(event.properties),
        ]
        for event in account.events[: -SHOWN - 1 : -1]
    ]
    texts = [
        [escape(str(one[name])) for name in ("at", "to", "body", "flow", "status")]
        for one in (_text(account, text) for text in account.texts)
    ]
    return (
        _HEAD
        + _table(f"SMS ({len(texts)})", ["When", "To", "Text", "Flow", "Status"], texts[: -SHOWN - 1 : -1])
        + _table(f"Profiles ({len(account.profiles)})", ["Profile", "Properties", "Updated"], profiles)
        + _table(f"Events ({len(account.events)})", ["Time", "Metric", "Profile", "Properties"], events)
        + "</body></html>"
    )


def _table(title: str, heads: list[str], rows: list[list[str]]) -> str:
    head = "".join(f"<th>{escape(one)}</th>" for one in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    if not rows:
        body = f'<tr><td colspan="{len(heads)}">Nothing yet.</td></tr>'
    return f"<h2>{escape(title)}</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _pairs(properties: Any) -> str:
    shown = (
        (name, ", ".join(map(str, value)) if isinstance(value, list) else value) for name, value in properties.items()
    )
    return (
        "<dl>"
        + "".join(f"<dt>{escape(str(name))}</dt><dd>{escape(str(value))}</dd>" for name, value in shown)
        + "</dl>"
    )


def _name(profile: StoredProfile) -> str:
    return str(profile.fields.get("email") or profile.fields.get("external_id") or profile.id)


def _profile(profile: StoredProfile) -> dict[str, Any]:
    names = {name: profile.fields.get(name) for name in ("email", "phone_number", "external_id")}
    times = {"created": profile.created.isoformat(), "updated": profile.updated.isoformat()}
    return {"id": profile.id, **names, "properties": profile.properties, **times}


def _text(account: Account, text: Text) -> dict[str, Any]:
    return {
        "flow": text.flow,
        "profile_id": text.profile_id,
        "to": _name(account.profiles[text.profile_id]),
        "event_id": text.event_id,
        "body": text.body,
        "status": text.status,
        "at": text.at.isoformat(timespec="seconds"),
    }


def _members(account: Account, definition: dict[str, Any]) -> list[str]:
    shape = SegmentDefinition.model_validate(definition)
    return [one.id for one in account.profiles.values() if in_segment(account, shape, one, account.texts)]


def _event(event: StoredEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "metric": event.metric,
        "profile_id": event.profile_id,
        "unique_id": event.unique_id,
        "time": event.time.isoformat(),
        "backfill": event.backfill,
        "properties": dict(event.properties),
    }
