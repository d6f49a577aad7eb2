"""
Segments and flows as data: what a campaign becomes at Klaviyo. Pure; a contract test holds it to the official schema.

A flow starts with our own event, whose properties carry the tags, because a profile property is no trigger and a
segment's "no order in 7 days" is worked out once a day (help.klaviyo.com articles 115005233488 and 115002779051).
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from klaviyo_sink.campaigns import Campaign
from klaviyo_sink.naming import LISTS, PropertyNames

_HOLDS: Final = {category: holds for holds, category in LISTS.items()}

#: Klaviyo puts its own ids in place of ours, and a status set live later is no drift.
_KLAVIYOS_OWN: Final = frozenset({"temporary_id", "entry_action_id", "status"})

Json = Mapping[str, Any]


def segment_body(campaign: Campaign, names: PropertyNames, order_metric: str | None) -> bytes:
    """Write `POST /api/segments`: whom the campaign is for, by the profile alone."""
    groups = [_group(_has_tag(tag, names)) for tag in campaign.tags if tag.partition("/")[0] in _HOLDS]
    groups += [_group(_may_be_texted()), *_no_order(campaign, order_metric)]
    definition = {"condition_groups": groups}
    return _wire("segment", {"name": campaign.name, "definition": definition})


def flow_body(campaign: Campaign, metric: str, order_metric: str | None) -> bytes:
    """Write `POST /api/flows`: the metric-triggered SMS, as draft."""
    filters = [
        _group(
            {
                "type": "metric-property",
                "metric_id": metric,
                "field": "tags",
                "filter": {"type": "list", "operator": "contains", "value": tag},
            }
        )
        for tag in campaign.tags
    ]
    not_texted = {"type": "profile-not-sent-sms", "timeframe_filter": _last_days(campaign.not_texted_days)}
    sms = {
        "name": campaign.name,
        "body": campaign.body,
        "sms_quiet_hours_enabled": True,
        "smart_sending_enabled": True,
        "add_opt_out_language": False,
    }
    definition = {
        "triggers": [{"type": "metric", "id": metric, "trigger_filter": {"condition_groups": filters}}],
        "profile_filter": {
            "condition_groups": [*_no_order(campaign, order_metric), _group(_may_be_texted()), _group(not_texted)]
        },
        "reentry_criteria": {"duration": campaign.reentry_days, "unit": "day"},
        "entry_action_id": "sms-1",
        "actions": [
            {
                "temporary_id": "sms-1",
                "type": "send-sms",
                "links": {"next": None},
                "data": {"status": "draft", "message": sms},
            }
        ],
    }
    return _wire("flow", {"name": campaign.name, "definition": definition})


def live_body(flow_id: str) -> bytes:
    """Write `PATCH /api/flows/{id}`: set the flow and all its actions live."""
    return json.dumps({"data": {"type": "flow", "id": flow_id, "attributes": {"status": "live"}}}).encode()


def drift(ours: Any, theirs: Any, place: str = "") -> list[str]:
    """Name the places where an existing definition says otherwise. What Klaviyo adds by itself (ids) is no drift."""
    if isinstance(ours, dict):
        found = theirs if isinstance(theirs, dict) else {}
        inner = [(name, value) for name, value in ours.items() if name not in _KLAVIYOS_OWN]
        return [one for name, value in inner for one in drift(value, found.get(name), f"{place}/{name}")]
    if isinstance(ours, list):
        if not isinstance(theirs, list) or len(ours) != len(theirs):
            return [place]
        pairs = enumerate(zip(ours, theirs, strict=True))
        return [one for at, (mine, other) in pairs for one in drift(mine, other, f"{place}/{at}")]
    return [] if ours == theirs else [place]


def _has_tag(tag: str, names: PropertyNames) -> Json:
    category, _, value = tag.partition("/")
    return {
        "type": "profile-property",
        "property": f"properties['{names.prefix}{_HOLDS[category]}']",
        "filter": {"type": "list", "operator": "contains", "value": value},
    }


def _no_order(campaign: Campaign, metric: str | None) -> list[Json]:
    if metric is None:
        return []
    return [
        _group(
            {
                "type": "profile-metric",
                "metric_id": metric,
                "measurement": "count",
                "measurement_filter": {"type": "numeric", "operator": "equals", "value": 0},
                "timeframe_filter": _last_days(campaign.no_order_days),
            }
        )
    ]


def _may_be_texted() -> Json:
    consent = {"channel": "sms", "can_receive_marketing": True, "consent_status": {"subscription": "subscribed"}}
    return {"type": "profile-marketing-consent", "consent": consent}


def _last_days(days: int) -> Json:
    return {"type": "date", "operator": "in-the-last", "unit": "day", "quantity": days}


def _group(condition: Json) -> Json:
    return {"conditions": [condition]}


def _wire(kind: str, attributes: Json) -> bytes:
    return json.dumps({"data": {"type": kind, "attributes": attributes}}, ensure_ascii=False).encode()
