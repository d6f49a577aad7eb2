"""Evaluates the conditions of segments and flows for a person."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, assert_never

from klaviyo_sink.sandbox.account.account import Account
from klaviyo_sink.sandbox.account.groups import StoredSegment
from klaviyo_sink.sandbox.account.journeys import Journey
from klaviyo_sink.sandbox.account.profiles import StoredEvent, StoredProfile
from klaviyo_sink.sandbox.automation.values import compare, in_time, moment, passes
from klaviyo_sink.sandbox.shapes import conditions as of

_CUSTOM = "properties['"


def failing(
    account: Account, groups: Iterable[Any], profile: StoredProfile, journey: Journey | None = None
) -> Any | None:
    """Return the first group that does not hold; None: all hold. Of a group's conditions one is enough."""
    for group in groups:
        if not any(_holds(account, one, profile, journey) for one in group.conditions):
            return group
    return None


def members(account: Account, segment: StoredSegment) -> list[StoredProfile]:
    """Return the current members of a segment, and record since when they belong to it."""
    groups = segment.definition.condition_groups
    found = [one for one in account.profiles.values() if failing(account, groups, one) is None]
    now = account.now()
    segment.seen = {one.id: segment.seen.get(one.id, now) for one in found}
    return found


def event_passes(event: StoredEvent, groups: Iterable[Any], now: datetime) -> bool:
    """Return whether an event passes a trigger's filter."""
    return all(
        any(passes(_event_field(event, one.field), one.filter, now) for one in group.conditions) for group in groups
    )


def in_words(condition: Any) -> str:
    """Return a condition as words, for a reason that people read."""
    match condition:
        case of.ProfileProperty():
            wanted = getattr(condition.filter, "value", "")
            return f"{condition.property} {condition.filter.operator} {wanted}".rstrip()
        case of.SegmentMetric():
            return (
                f"{condition.measurement} of metric {condition.metric_id}"
                f" {condition.measurement_filter.operator} {condition.measurement_filter.value:g}"
            )
        case of.MarketingConsent():
            may = "may" if condition.consent.can_receive_marketing else "may not"
            return f"{may} receive {condition.consent.channel} marketing"
        case of.Member() | of.NoMember():
            return f"{'in' if condition.is_member else 'not in'} {', '.join(condition.group_ids)}"
        case _:
            return str(condition.type.removeprefix("profile-").replace("-", " "))


def _holds(  # noqa: PLR0911 - kinds
    account: Account, condition: of.SegmentCondition | of.FlowCondition, profile: StoredProfile, journey: Journey | None
) -> bool:
    now = account.now()
    match condition:
        case of.ProfileProperty():
            return passes(_profile_field(profile, condition.property), condition.filter, now)
        case of.SegmentMetric():
            return _measured(account, condition, profile, journey)
        case of.MarketingConsent():
            return _consent_holds(condition.consent, profile)
        case of.Member():
            joined = [one for group in condition.group_ids if (one := _joined(account, group, profile))]
            frame = condition.timeframe_filter
            return any(frame is None or in_time(one, frame, now) for one in joined)
        case of.NoMember():
            return not any(_joined(account, group, profile) for group in condition.group_ids)
        case of.NotSent():
            channel = condition.type.removeprefix("profile-not-sent-")
            mine = account.messages_to.get(profile.id, ())
            return not any(
                one.status == "sent" and one.channel == channel and in_time(one.at, condition.timeframe_filter, now)
                for one in mine
            )
        case of.NotInFlow():
            others = (one for one in account.journeys_of.get(profile.id, ()) if one is not journey)
            flow = journey.flow_id if journey else None
            return not any(
                one.counts and one.flow_id == flow and in_time(one.entered, condition.timeframe_filter, now)
                for one in others
            )
        case _:
            assert_never(condition)


def _measured(account: Account, condition: Any, profile: StoredProfile, journey: Journey | None) -> bool:
    now = account.now()
    entered = journey.entered if journey else None
    found = [
        one
        for one in account.events_of.get(profile.id, ())
        if one.metric.id == condition.metric_id
        and in_time(one.time, condition.timeframe_filter, now, entered)
        and all(_has_all(one, asked) for asked in condition.metric_filters or ())
    ]
    measured = len(found) if condition.measurement == "count" else sum(one.value or 0 for one in found)
    return compare(measured, condition.measurement_filter.operator, condition.measurement_filter.value)


def _has_all(event: StoredEvent, asked: of.MetricFilter) -> bool:
    held = _event_field(event, asked.property)
    return isinstance(held, list) and set(asked.filter.value) <= set(held)


def _consent_holds(consent: Any, profile: StoredProfile) -> bool:
    given_consent = profile.consents.get(consent.channel)
    status = "never_subscribed" if given_consent is None else given_consent.status.lower()
    if consent.can_receive_marketing != profile.can_receive(consent.channel):
        return False
    return bool(consent.consent_status.subscription in {"any", status})


def _joined(account: Account, group_id: str, profile: StoredProfile) -> datetime | None:
    if group_id in account.lists:
        return account.lists[group_id].members.get(profile.id)
    segment = account.segments.get(group_id)
    if segment is None or failing(account, segment.definition.condition_groups, profile) is not None:
        return None
    return segment.seen.setdefault(profile.id, account.now())


def _profile_field(profile: StoredProfile, name: str) -> Any:
    if name.startswith(_CUSTOM) and name.endswith("']"):
        return profile.properties.get(name[len(_CUSTOM) : -2])
    if name in {"created", "updated"}:
        return moment(getattr(profile, name))
    found: Any = profile.fields
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _event_field(event: StoredEvent, name: str) -> Any:
    if name in {"$value", "value"} and name not in event.properties:
        return event.value
    found: Any = event.properties
    for part in name.split(".") if name not in event.properties else [name]:
        found = found.get(part) if isinstance(found, dict) else None
    return found
