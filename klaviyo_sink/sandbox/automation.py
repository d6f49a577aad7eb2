"""
Acts out flows: which texts would go out for an event, and if none, why. Without HTTP.

A flow in draft is acted out too, its texts marked `draft`. Filters are looked at once, when the event comes.
Quiet hours are 21 to 8 o'clock (guidance in help.klaviyo.com article 4408737146651), in the profile's timezone or UTC.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from klaviyo_sink.sandbox.account import Account, StoredEvent, StoredProfile
from klaviyo_sink.sandbox.flow_shapes import (
    FilterGroup,
    FlowDefinition,
    InTheLast,
    ListContains,
    MarketingConsent,
    NotSentSms,
    ProfileMetric,
    ProfileProperty,
    SegmentDefinition,
    SegmentGroup,
)

QUIET_FROM: Final = 21
QUIET_UNTIL: Final = 8
_UNITS: Final = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}


@dataclass(slots=True)
class StoredFlow:
    """A flow."""

    id: str
    name: str
    definition: FlowDefinition
    said: dict[str, Any]
    status: str = "draft"


@dataclass(frozen=True, slots=True)
class Text:
    """A text that goes out (`sent`), will in the morning (`waiting`), or would if its flow were live (`draft`)."""

    flow: str
    profile_id: str
    event_id: str
    body: str
    status: str
    at: datetime


def act(account: Account, event: StoredEvent, flows: list[StoredFlow], texts: list[Text]) -> None:
    """Let an event run through the flows."""
    if event.backfill:
        return
    profile = account.profiles[event.profile_id]
    for flow in flows:
        if _starts(account, flow, event) and _may_enter(account, flow, profile, texts):
            sms = flow.definition.actions[0].data.message
            at = account.now()
            status = "draft" if flow.status != "live" else "sent"
            if sms.sms_quiet_hours_enabled and (morning := _morning(profile, at)) is not None:
                at, status = morning, "draft" if status == "draft" else "waiting"
            texts.append(Text(flow.name, profile.id, event.id, sms.body, status, at))


def in_segment(account: Account, definition: SegmentDefinition, profile: StoredProfile, texts: list[Text]) -> bool:
    """Tell whether a profile belongs to a segment now."""
    return all(_any(account, group, profile, texts) for group in definition.condition_groups)


def _starts(account: Account, flow: StoredFlow, event: StoredEvent) -> bool:
    trigger = flow.definition.triggers[0]
    if account.metrics[event.metric].id != trigger.id:
        return False
    groups = trigger.trigger_filter.condition_groups if trigger.trigger_filter else []
    said = event.properties
    return all(any(_contains(said.get(one.field), one.filter) for one in group.conditions) for group in groups)


def _may_enter(account: Account, flow: StoredFlow, profile: StoredProfile, texts: list[Text]) -> bool:
    again = flow.definition.reentry_criteria
    if again is not None:
        since = account.now() - again.duration * _UNITS[again.unit]
        if any(one.flow == flow.name and one.profile_id == profile.id and one.at > since for one in texts):
            return False
    groups = flow.definition.profile_filter.condition_groups if flow.definition.profile_filter else []
    return all(_any(account, group, profile, texts) for group in groups)


def _any(account: Account, group: FilterGroup | SegmentGroup, profile: StoredProfile, texts: list[Text]) -> bool:
    return any(_holds(account, one, profile, texts) for one in group.conditions)


def _holds(account: Account, condition: Any, profile: StoredProfile, texts: list[Text]) -> bool:
    match condition:
        case ProfileProperty():
            return _contains(profile.properties.get(condition.property[12:-2]), condition.filter)
        case ProfileMetric():
            since = _since(account, condition.timeframe_filter)
            mine = (one for one in account.events if one.profile_id == profile.id and one.time > since)
            count = sum(account.metrics[one.metric].id == condition.metric_id for one in mine)
            return count == condition.measurement_filter.value
        case MarketingConsent():
            return profile.id in account.sms_consent
        case NotSentSms():
            since = _since(account, condition.timeframe_filter)
            return not any(one.profile_id == profile.id and one.at > since for one in texts)
        case _:
            return False


def _contains(value: Any, wanted: ListContains) -> bool:
    has = isinstance(value, list) and wanted.value in value
    return has if wanted.operator == "contains" else not has


def _since(account: Account, span: InTheLast) -> datetime:
    return account.now() - span.quantity * _UNITS[span.unit]


def _morning(profile: StoredProfile, now: datetime) -> datetime | None:
    local = now.astimezone(_zone(profile))
    if QUIET_UNTIL <= local.hour < QUIET_FROM:
        return None
    day = local.date() + timedelta(days=local.hour >= QUIET_FROM)
    return datetime(day.year, day.month, day.day, QUIET_UNTIL, tzinfo=local.tzinfo).astimezone(UTC)


def _zone(profile: StoredProfile) -> tzinfo:
    try:
        return ZoneInfo((profile.fields.get("location") or {}).get("timezone") or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return UTC
