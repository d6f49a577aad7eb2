"""
The only segments and flows that can be sent to Klaviyo: closed models, as `bodies.py` has for events and profiles.

Field names and nesting: openapi 2026-07-15 (`SegmentCreateQuery`, `FlowCreateQuery`, `FlowUpdateQuery`). Contains only
the actions that a campaign needs; conditions: `conditions.py`. Knows no campaign.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from klaviyo_sink.account.conditions import EventList, Id, MayBeTexted, NeverCounted, NotTexted, OnceHad, ProfileList
from klaviyo_sink.bodies import Body

Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]


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
