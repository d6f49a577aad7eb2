"""The shapes of segments and flows that the sandbox can act out: a closed part of the official ones."""

from typing import Any, Literal

from pydantic import Field

from klaviyo_sink.sandbox.shapes import Shape, absent


class ListContains(Shape):
    """A list that has a value."""

    type: Literal["list"]
    operator: Literal["contains", "not-contains"]
    value: str


class Equals(Shape):
    """A number."""

    type: Literal["numeric"]
    operator: Literal["equals"]
    value: int


class InTheLast(Shape):
    """A stretch of time up to now."""

    type: Literal["date"]
    operator: Literal["in-the-last"]
    unit: Literal["day", "hour"]
    quantity: int


class Subscribed(Shape):
    """The consent status asked for."""

    subscription: Literal["subscribed"]


class Consent(Shape):
    """May be texted."""

    channel: Literal["sms"]
    can_receive_marketing: Literal[True]
    consent_status: Subscribed


class ProfileProperty(Shape):
    """A custom property, named as `properties['…']`."""

    type: Literal["profile-property"]
    property: str = Field(pattern=r"^properties\['[^']+'\]$")
    filter: ListContains


class ProfileMetric(Shape):
    """How often something happened."""

    type: Literal["profile-metric"]
    metric_id: str
    measurement: Literal["count"]
    measurement_filter: Equals
    timeframe_filter: InTheLast


class MarketingConsent(Shape):
    """Has agreed to be texted."""

    type: Literal["profile-marketing-consent"]
    consent: Consent


class NotSentSms(Shape):
    """Was not texted lately; flows only."""

    type: Literal["profile-not-sent-sms"]
    timeframe_filter: InTheLast


class MetricProperty(Shape):
    """What the triggering event says."""

    type: Literal["metric-property"]
    metric_id: str
    field: str
    filter: ListContains


class SegmentGroup(Shape):
    """Conditions of which one must hold."""

    conditions: list[ProfileProperty | ProfileMetric | MarketingConsent]


class FilterGroup(Shape):
    """The same for the people in a flow."""

    conditions: list[ProfileProperty | ProfileMetric | MarketingConsent | NotSentSms]


class TriggerGroup(Shape):
    """The same for the triggering event."""

    conditions: list[MetricProperty]


class SegmentDefinition(Shape):
    """Groups that must all hold."""

    condition_groups: list[SegmentGroup]


class ProfileFilter(Shape):
    """Groups that must all hold, at entry and before each message."""

    condition_groups: list[FilterGroup]


class TriggerFilter(Shape):
    """Groups that must all hold of the event."""

    condition_groups: list[TriggerGroup]


class MetricTrigger(Shape):
    """Starts with each event of a metric."""

    type: Literal["metric"]
    id: str
    trigger_filter: TriggerFilter | None = None


class Reentry(Shape):
    """How soon someone may enter again."""

    duration: int
    unit: Literal["hour", "day", "week"]


class Sms(Shape):
    """A text."""

    name: str = absent()
    body: str
    sms_quiet_hours_enabled: bool = True
    smart_sending_enabled: bool = True
    add_opt_out_language: bool = False
    add_org_prefix: bool = True
    add_info_link: bool = True
    shorten_links: bool = True
    transactional: bool = False


class SmsData(Shape):
    """A text and its status."""

    message: Sms
    status: Literal["draft", "live", "manual", "disabled"] = "draft"


class Next(Shape):
    """The action after."""

    next: str | None = None


class SendSms(Shape):
    """The action of texting."""

    temporary_id: str
    type: Literal["send-sms"]
    links: Next
    data: SmsData


class FlowDefinition(Shape):
    """One trigger, one text."""

    triggers: list[MetricTrigger] = Field(min_length=1, max_length=1)
    profile_filter: ProfileFilter | None = None
    reentry_criteria: Reentry = absent()
    entry_action_id: str
    actions: list[SendSms] = Field(min_length=1, max_length=1)


class SegmentAttributes(Shape):
    """A segment's name and definition."""

    name: str
    definition: SegmentDefinition


class Segment(Shape):
    """`SegmentCreateQueryResourceObject`."""

    type: Literal["segment"]
    attributes: SegmentAttributes


class SegmentRequest(Shape):
    """`POST /api/segments`."""

    data: Segment


class FlowAttributes(Shape):
    """A flow's name and definition."""

    name: str
    definition: FlowDefinition


class Flow(Shape):
    """`FlowCreateQueryResourceObject`."""

    type: Literal["flow"]
    attributes: FlowAttributes


class FlowRequest(Shape):
    """`POST /api/flows`."""

    data: Flow


class StatusAttributes(Shape):
    """A flow's status."""

    status: Literal["draft", "live", "manual"]


class FlowStatus(Shape):
    """`FlowUpdateQueryResourceObject`."""

    type: Literal["flow"]
    id: str
    attributes: StatusAttributes


class FlowStatusRequest(Shape):
    """`PATCH /api/flows/{id}`."""

    data: FlowStatus


def as_sent(shape: Shape) -> dict[str, Any]:
    """Give what a request said, and no default."""
    return shape.model_dump(exclude_unset=True)
