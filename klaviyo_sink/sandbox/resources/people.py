"""Profiles, events and metrics as resources."""

from datetime import datetime
from typing import Any, Final

from klaviyo_sink.sandbox.account.account import Account
from klaviyo_sink.sandbox.account.profiles import Channel, Metric, StoredEvent, StoredProfile
from klaviyo_sink.sandbox.resources.links import links, related

#: Fields that a profile always has, null if unknown.
_FIELDS: Final = [
    "email",
    "phone_number",
    "external_id",
    "first_name",
    "last_name",
    "organization",
    "locale",
    "title",
    "image",
]
_LOCATION: Final = [
    "address1",
    "address2",
    "city",
    "country",
    "latitude",
    "longitude",
    "region",
    "zip",
    "timezone",
    "ip",
]


def profile_json(account: Account, profile: StoredProfile, base: str) -> dict[str, Any]:
    """Write a profile, with its subscriptions."""
    events = account.events_of.get(profile.id)
    location = profile.fields.get("location") or {}
    attributes: dict[str, Any] = {name: profile.fields.get(name) for name in _FIELDS}
    attributes |= {
        "created": stamp(profile.created),
        "updated": stamp(profile.updated),
        "last_event_date": stamp(max(one.time for one in events)) if events else None,
        "location": {name: location.get(name) for name in _LOCATION},
        "properties": profile.properties,
        "subscriptions": _subscriptions(profile),
    }
    if attributes["location"]["ip"] is None:
        del attributes["location"]["ip"]
    return {
        "type": "profile",
        "id": profile.id,
        "attributes": attributes,
        "relationships": related(base, "profiles", profile.id, "lists", "segments", "push-tokens"),
        "links": links(base, "profiles", profile.id),
    }


def event_json(event: StoredEvent, base: str) -> dict[str, Any]:
    """Write an event. Its value is among its properties, as `$value`."""
    properties = dict(event.properties)
    if event.value is not None:
        properties["$value"] = event.value
    if event.currency is not None:
        properties["$value_currency"] = event.currency
    properties["$event_id"] = event.unique_id
    relations = related(base, "events", event.id, "profile", "metric")
    relations["profile"]["data"] = {"type": "profile", "id": event.profile_id}
    relations["metric"]["data"] = {"type": "metric", "id": event.metric.id}
    return {
        "type": "event",
        "id": event.id,
        "attributes": {
            "timestamp": int(event.time.timestamp()),
            "event_properties": properties,
            "datetime": event.time.isoformat(sep=" "),
            "uuid": event.id,
        },
        "relationships": relations,
        "links": links(base, "events", event.id),
    }


def metric_json(metric: Metric, base: str) -> dict[str, Any]:
    """Write a metric."""
    return {
        "type": "metric",
        "id": metric.id,
        "attributes": {
            "name": metric.name,
            "created": stamp(metric.created),
            "updated": stamp(metric.created),
            "integration": {
                "object": "integration",
                "id": f"0{metric.integration[:5]}",
                "name": metric.integration,
                "category": "API" if metric.integration == "API" else "eCommerce",
            },
        },
        "relationships": related(base, "metrics", metric.id, "flow-triggers"),
        "links": links(base, "metrics", metric.id),
    }


def stamp(at: datetime) -> str:
    """Write a time."""
    return at.isoformat()


def _subscriptions(profile: StoredProfile) -> dict[str, Any]:
    sms, email = profile.consents.get("sms"), profile.consents.get("email")
    consented = {"method_detail": "", "method": None, "consent_timestamp": None, "last_updated": None}
    suppressions = [{"reason": one.reason, "timestamp": stamp(one.at)} for one in profile.suppressions]
    return {
        "email": {
            "marketing": {
                "can_receive_email_marketing": profile.can_receive("email"),
                "consent": email.status if email else "NEVER_SUBSCRIBED",
                **consented,
                **_said(profile, "email"),
                "custom_method_detail": None,
                "double_optin": False if email else None,
                "suppression": suppressions,
                "list_suppressions": [],
            }
        },
        "sms": {
            "marketing": {
                "can_receive_sms_marketing": profile.can_receive("sms"),
                "consent": sms.status if sms else "NEVER_SUBSCRIBED",
                **consented,
                **_said(profile, "sms"),
            }
        },
    }


def _said(profile: StoredProfile, channel: Channel) -> dict[str, Any]:
    consent = profile.consents.get(channel)
    if consent is None:
        return {}
    at = consent.consented_at or consent.at
    return {"method": consent.method, "consent_timestamp": stamp(at), "last_updated": stamp(consent.at)}
