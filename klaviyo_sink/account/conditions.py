"""
The conditions that a campaign needs, as closed models: what a profile or an event has, did, or agreed to.

Field names and nesting: openapi 2026-07-15. `definitions.py` puts them together. Knows no campaign.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from klaviyo_sink.bodies import Body

Id = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class ListContains(Body):
    """The list contains a value."""

    type: Literal["list"] = "list"
    operator: Literal["contains"] = "contains"
    value: Annotated[str, StringConstraints(min_length=1)]


class IsZero(Body):
    """The count is 0."""

    type: Literal["numeric"] = "numeric"
    operator: Literal["equals"] = "equals"
    value: Literal[0] = 0


class LastDays(Body):
    """In the last `quantity` days."""

    type: Literal["date"] = "date"
    operator: Literal["in-the-last"] = "in-the-last"
    unit: Literal["day"] = "day"
    quantity: Annotated[int, Field(ge=1)]


class ProfileList(Body):
    """A list property of the profile, written as `properties['…']`, contains a value."""

    type: Literal["profile-property"] = "profile-property"
    property: Annotated[str, StringConstraints(pattern=r"^properties\['[^']+'\]$")]
    filter: ListContains


class NeverCounted(Body):
    """The profile has no event of a metric in the last days."""

    type: Literal["profile-metric"] = "profile-metric"
    metric_id: Id
    measurement: Literal["count"] = "count"
    measurement_filter: IsZero = IsZero()
    timeframe_filter: LastDays


class ListContainsAll(Body):
    """The list contains all of the values."""

    type: Literal["list"] = "list"
    operator: Literal["contains-all"] = "contains-all"
    value: Annotated[tuple[str, ...], Field(min_length=1)]


class EventHas(Body):
    """The condition on a property of an event, for the event to count."""

    property: Annotated[str, StringConstraints(min_length=1)]
    filter: ListContainsAll


class AboveZero(Body):
    """The count is at least 1."""

    type: Literal["numeric"] = "numeric"
    operator: Literal["greater-than"] = "greater-than"
    value: Literal[0] = 0


class Ever(Body):
    """At any time."""

    type: Literal["date"] = "date"
    operator: Literal["alltime"] = "alltime"


class OnceHad(Body):
    """One event of a metric had all of the tags."""

    type: Literal["profile-metric"] = "profile-metric"
    metric_id: Id
    measurement: Literal["count"] = "count"
    measurement_filter: AboveZero = AboveZero()
    timeframe_filter: Ever = Ever()
    metric_filters: tuple[EventHas]


class Subscribed(Body):
    """The consent status is `subscribed`."""

    subscription: Literal["subscribed"] = "subscribed"


class SmsConsent(Body):
    """Consent to texts."""

    channel: Literal["sms"] = "sms"
    can_receive_marketing: Literal[True] = True
    consent_status: Subscribed = Subscribed()


class MayBeTexted(Body):
    """The profile consents to texts."""

    type: Literal["profile-marketing-consent"] = "profile-marketing-consent"
    consent: SmsConsent = SmsConsent()


class NotTexted(Body):
    """The profile got no text in the last days; for flows only."""

    type: Literal["profile-not-sent-sms"] = "profile-not-sent-sms"
    timeframe_filter: LastDays


class EventList(Body):
    """A list property of the event that triggered the flow contains a value."""

    type: Literal["metric-property"] = "metric-property"
    metric_id: Id
    field: Annotated[str, StringConstraints(min_length=1)]
    filter: ListContains
