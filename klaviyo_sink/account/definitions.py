"""
The only segments and flows that can leave the process: closed models, as `bodies.py` has for events and profiles.

Field names and nesting: openapi 2026-07-15 (`SegmentCreateQuery`, `FlowCreateQuery`, `FlowUpdateQuery`). Of Klaviyo's
conditions and actions only those that a campaign needs. Knows no campaign.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from klaviyo_sink.bodies import Body

Id = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class ListContains(Body):
    """A list that holds a value."""

    type: Literal["list"] = "list"
    operator: Literal["contains"] = "contains"
    value: Annotated[str, StringConstraints(min_length=1)]


class IsZero(Body):
    """A count of none."""

    type: Literal["numeric"] = "numeric"
    operator: Literal["equals"] = "equals"
    value: Literal[0] = 0


class LastDays(Body):
    """A number of days up to now."""

    type: Literal["date"] = "date"
    operator: Literal["in-the-last"] = "in-the-last"
    unit: Literal["day"] = "day"
    quantity: Annotated[int, Field(ge=1)]


class ProfileList(Body):
    """A profile's list property, named as `properties['…']`, holds a value."""

    type: Literal["profile-property"] = "profile-property"
    property: Annotated[str, StringConstraints(pattern=r"^properties\['[^']+'\]$")]
    filter: ListContains


class NeverCounted(Body):
    """The profile has no event of a metric in so many days."""

    type: Literal["profile-metric"] = "profile-metric"
    metric_id: Id
    measurement: Literal["count"] = "count"
    measurement_filter: IsZero = IsZero()
    timeframe_filter: LastDays


class ListContainsAll(Body):
    """A list that holds all of some values."""

    type: Literal["list"] = "list"
    operator: Literal["contains-all"] = "contains-all"
    value: Annotated[tuple[str, ...], Field(min_length=1)]


class EventHas(Body):
    """What a property of the event must hold for it to count."""

    property: Annotated[str, StringConstraints(min_length=1)]
    filter: ListContainsAll


class AboveZero(Body):
    """At least one."""

    type: Literal["numeric"] = "numeric"
    operator: Literal["greater-than"] = "greater-than"
    value: Literal[0] = 0


class Ever(Body):
    """All the time there was."""

    type: Literal["date"] = "date"
    operator: Literal["alltime"] = "alltime"


class OnceHad(Body):
    """One event of a metric had all of some tags."""

    type: Literal["profile-metric"] = "profile-metric"
    metric_id: Id
    measurement: Literal["count"] = "count"
    measurement_filter: AboveZero = AboveZero()
    timeframe_filter: Ever = Ever()
    metric_filters: tuple[EventHas]


class Subscribed(Body):
    """The status asked for."""

    subscription: Literal["subscribed"] = "subscribed"


class SmsConsent(Body):
    """Consent to texts."""

    channel: Literal["sms"] = "sms"
    can_receive_marketing: Literal[True] = True
    consent_status: Subscribed = Subscribed()


class MayBeTexted(Body):
    """The profile has agreed to be texted."""

    type: Literal["profile-marketing-consent"] = "profile-marketing-consent"
    consent: SmsConsent = SmsConsent()


class NotTexted(Body):
    """The profile got no text in so many days; for flows only."""

    type: Literal["profile-not-sent-sms"] = "profile-not-sent-sms"
    timeframe_filter: LastDays


class EventList(Body):
    """The event that set off the flow has a list property that holds a value."""

    type: Literal["metric-property"] = "metric-property"
    metric_id: Id
    field: Annotated[str, StringConstraints(min_length=1)]
    filter: ListContains


class SegmentGroup(Body):
    """One condition: groups must all hold, conditions of one group need not."""

    conditions: tuple[ProfileList | NeverCounted | MayBeTexted | OnceHad]


class SegmentDefinition(Body):
    """Who belongs to the segment."""

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
    """Which events set off the flow."""

    condition_groups: Annotated[tuple[EventGroup, ...], Field(min_length=1)]


class MetricTrigger(Body):
    """Each event of a metric that passes the filter; without one, each."""

    type: Literal["metric"] = "metric"
    id: Id
    trigger_filter: EventFilter | None


class ProfileGroup(Body):
    """One condition on the profile."""

    conditions: tuple[ProfileList | NeverCounted | MayBeTexted | NotTexted]


class ProfileFilter(Body):
    """Whose events, at entry and again before the text."""

    condition_groups: Annotated[tuple[ProfileGroup, ...], Field(min_length=1)]


class Reentry(Body):
    """How soon someone may enter again."""

    duration: Annotated[int, Field(ge=1)]
    unit: Literal["day"] = "day"


class Sms(Body):
    """A text; quiet hours and Smart Sending are never switched off here."""

    name: Name
    body: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    sms_quiet_hours_enabled: Literal[True] = True
    smart_sending_enabled: Literal[True] = True
    add_opt_out_language: bool = False


class SmsData(Body):
    """A text, to be looked at before it is set live."""

    status: Literal["draft"] = "draft"
    message: Sms


class End(Body):
    """Nothing comes after. The null is Klaviyo's way to say so."""

    next: None = None


class SendSms(Body):
    """The action of texting."""

    temporary_id: Id
    type: Literal["send-sms"] = "send-sms"
    links: End = End()
    data: SmsData


class FlowDefinition(Body):
    """One trigger, one text."""

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
        """Write the body as it is sent, with its nulls: `End`'s, and a trigger's that has no filter."""
        return self.model_dump_json().encode()


class StatusAttributes(Body):
    """The status of a flow and all its actions."""

    status: Literal["live", "draft"]


class FlowStatus(Body):
    """A flow that is there."""

    type: Literal["flow"] = "flow"
    id: Id
    attributes: StatusAttributes


class FlowStatusBody(Body):
    """`PATCH /api/flows/{id}`."""

    data: FlowStatus


class SegmentChangeAttributes(Body):
    """What a segment is given anew."""

    definition: SegmentDefinition


class SegmentChange(Body):
    """A segment that is there."""

    type: Literal["segment"] = "segment"
    id: Id
    attributes: SegmentChangeAttributes


class SegmentChangeBody(Body):
    """`PATCH /api/segments/{id}`."""

    data: SegmentChange
