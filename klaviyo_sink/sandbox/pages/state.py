"""`GET /sandbox/state`: the sandbox's data as JSON, for tests."""

from typing import Any

from fastapi import APIRouter, Request

from klaviyo_sink.sandbox.account.account import Account
from klaviyo_sink.sandbox.account.journeys import Journey, Message
from klaviyo_sink.sandbox.account.profiles import StoredEvent, StoredProfile
from klaviyo_sink.sandbox.api.gate import account_of
from klaviyo_sink.sandbox.automation.conditions import members
from klaviyo_sink.sandbox.automation.engine import advance

router = APIRouter()


@router.get("/sandbox/state")
async def get_state(request: Request) -> dict[str, Any]:
    """Return everything, in the order of arrival."""
    account = account_of(request)
    advance(account)
    shown = [one for one in account.messages if one.status != "skipped"]
    return {
        "profiles": [_profile(one) for one in account.profiles.values()],
        "events": [_event(one) for one in account.events],
        "metrics": [
            {"id": one.id, "name": one.name, "integration": one.integration} for one in account.metrics.values()
        ],
        "lists": [{"id": one.id, "name": one.name, "profile_ids": list(one.members)} for one in account.lists.values()],
        "segments": [
            {"id": one.id, "name": one.name, "profile_ids": [member.id for member in members(account, one)]}
            for one in account.segments.values()
        ],
        "flows": [{"id": one.id, "name": one.name, "status": one.status} for one in account.flows.values()],
        "journeys": [_journey(account, one) for one in account.journeys],
        "sms": [_message(account, one) for one in shown if one.channel == "sms"],
        "emails": [_message(account, one) for one in shown if one.channel == "email"],
        "skipped": [_message(account, one) for one in account.messages if one.status == "skipped"],
        "deletions": account.deletions,
        "counters": dict(account.counters),
    }


def _profile(profile: StoredProfile) -> dict[str, Any]:
    names = {name: profile.fields.get(name) for name in ("email", "phone_number", "external_id")}
    times = {"created": profile.created.isoformat(), "updated": profile.updated.isoformat()}
    consent = {channel: one.status for channel, one in profile.consents.items()}
    return {"id": profile.id, **names, "properties": profile.properties, "consent": consent, **times}


def _event(event: StoredEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "metric": event.metric.name,
        "profile_id": event.profile_id,
        "unique_id": event.unique_id,
        "time": event.time.isoformat(),
        "backfill": event.backfill,
        "value": event.value,
        "properties": dict(event.properties),
    }


def _journey(account: Account, journey: Journey) -> dict[str, Any]:
    flow = account.flows.get(journey.flow_id)
    return {
        "flow": flow.name if flow else journey.flow_id,
        "profile_id": journey.profile_id,
        "event_id": journey.event_id,
        "entered": journey.entered.isoformat(),
        "due": journey.due.isoformat() if journey.action else None,
        "counts": journey.counts,
        "ended": journey.ended,
    }


def _message(account: Account, message: Message) -> dict[str, Any]:
    return {
        "flow": message.flow,
        "profile_id": message.profile_id,
        "to": account.profiles[message.profile_id].name,
        "address": message.to,
        "event_id": message.event_id,
        "body": message.body,
        "status": message.status,
        "reason": message.reason,
        "at": message.at.isoformat(timespec="seconds"),
    }
