"""
The only segments and flows that can be sent to Klaviyo: closed models, as `bodies.py` has for events and profiles.

Field names and nesting: openapi 2026-07-15 (`SegmentCreateQuery`, `FlowCreateQuery`, `FlowUpdateQuery`). Contains only
the conditions and actions that a campaign needs. Knows no campaign.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from klaviyo_sink.bodies import Body

Id = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]


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


class SegmentGroup(Body):
    """One condition. All groups must hold; within a group, one condition is enough."""

    conditions: tuple[ProfileList | NeverCounted | MayBeTexted | OnceHad]


class SegmentDefinition(Body):
    """The conditions of the segment."""

    condition_groups: Annotated[tuple[SegmentGroup, ...], Field(min_length=1)]


class SegmentAttributes(Body):
    """Name and definition."""

    name: Name
    definition: SegmentDefinition


class Segment(Body):
    """A segment."""

    type: Literal["segment"] = "segment"
    attributes: SegmentAttributes


class SegmentBody(Body):
    """`POST /api/segments`."""

    data: Segment


class EventGroup(Body):
    """One condition on the event."""

    conditions: tuple[EventList]


class EventFilter(Body):
    """The events that trigger the flow."""

    condition_groups: Annotated[tuple[EventGroup, ...], Field(min_length=1)]


class MetricTrigger(Body):
    """Every event of a metric that passes the filter; without a filter, every event."""

    type: Literal["metric"] = "metric"
    id: Id
    trigger_filter: EventFilter | None


class ProfileGroup(Body):
    """One condition on the profile."""

    conditions: tuple[ProfileList | NeverCounted | MayBeTexted | NotTexted]


class ProfileFilter(Body):
    """The profiles whose events count, checked at entry and again before the text."""

    condition_groups: Annotated[tuple[ProfileGroup, ...], Field(min_length=1)]


class Reentry(Body):
    """How soon a profile may enter again."""

    duration: Annotated[int, Field(ge=1)]
    unit: Literal["day"] = "day"


class Sms(Body):
    """A text. Quiet hours and Smart Sending are always on."""

    name: Name
    body: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    sms_quiet_hours_enabled: Literal[True] = True
    smart_sending_enabled: Literal[True] = True
    add_opt_out_language: bool = False


class SmsData(Body):
    """A text as a draft, so that a person can check it before it is set live."""

    status: Literal["draft"] = "draft"
    message: Sms


class End(Body):
    """The end of the flow. Klaviyo requires the null."""

    next: None = None


class SendSms(Body):
    """The action that sends a text."""

    temporary_id: Id
    type: Literal["send-sms"] = "send-sms"
    links: End = End()
    data: SmsData


class FlowDefinition(Body):
    """A flow of one trigger and one text."""

    triggers: tuple[MetricTrigger]
    profile_filter: ProfileFilter
    reentry_criteria: Reentry
    entry_action_id: Id
    actions: tuple[SendSms]


class FlowAttributes(Body):
    """Name and definition."""

    name: Name
    definition: FlowDefinition


class Flow(Body):
    """A flow."""

    type: Literal["flow"] = "flow"
    attributes: FlowAttributes


class FlowBody(Body):
    """`POST /api/flows`."""

    data: Flow

    def wire(self) -> bytes:
        """Return the body as sent, with its nulls: in `End`, and in a trigger without a filter."""
        return self.model_dump_json().encode()


class StatusAttributes(Body):
    """The status of a flow and all its actions."""

    status: Literal["live", "draft"]


class FlowStatus(Body):
    """An existing flow."""

    type: Literal["flow"] = "flow"
    id: Id
    attributes: StatusAttributes


class FlowStatusBody(Body):
    """`PATCH /api/flows/{id}`."""

    data: FlowStatus


class SegmentChangeAttributes(Body):
    """The new definition of a segment."""

    definition: SegmentDefinition


class SegmentChange(Body):
    """An existing segment."""

    type: Literal["segment"] = "segment"
    id: Id
    attributes: SegmentChangeAttributes


class SegmentChangeBody(Body):
    """`PATCH /api/segments/{id}`."""

    data: SegmentChange
