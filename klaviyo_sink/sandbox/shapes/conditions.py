"""The conditions of segments and flows on profiles and events, as far as the sandbox can evaluate them."""

from typing import Annotated, Literal

from pydantic import Field

from klaviyo_sink.sandbox.shapes.base import Shape
from klaviyo_sink.sandbox.shapes.filters import (
    Alltime,
    Dates,
    FlowTimeframe,
    InTheLast,
    Number,
    ProfileFilterOfValue,
    Timeframe,
    ValueFilter,
)


class SomeStatus(Shape):
    """A consent status."""

    subscription: Literal["any", "subscribed", "unsubscribed", "never_subscribed"]
    filters: None = None


class MayReceiveEmail(Shape):
    """The profile may get marketing e-mail."""

    class Status(Shape):
        """Any status with which e-mail may be sent."""

        subscription: Literal["any", "subscribed", "never_subscribed"]
        filters: None = None

    channel: Literal["email"]
    can_receive_marketing: Literal[True]
    consent_status: Status


class MayReceiveSms(Shape):
    """The profile may be texted."""

    class Status(Shape):
        """The person has consented."""

        subscription: Literal["subscribed"]
        filters: None = None

    channel: Literal["sms"]
    can_receive_marketing: Literal[True]
    consent_status: Status


class MayNotReceiveEmail(Shape):
    """The profile may not get marketing e-mail."""

    channel: Literal["email"]
    can_receive_marketing: Literal[False]
    consent_status: SomeStatus


class MayNotReceiveSms(Shape):
    """The profile may not be texted."""

    class Status(Shape):
        """The person has refused, or never decided."""

        subscription: Literal["any", "unsubscribed", "never_subscribed"]

    channel: Literal["sms"]
    can_receive_marketing: Literal[False]
    consent_status: Status


class MarketingConsent(Shape):
    """The profile may, or may not, get marketing by a channel."""

    type: Literal["profile-marketing-consent"]
    consent: Annotated[
        Annotated[MayReceiveEmail | MayNotReceiveEmail, Field(discriminator="can_receive_marketing")]
        | Annotated[MayReceiveSms | MayNotReceiveSms, Field(discriminator="can_receive_marketing")],
        Field(discriminator="channel"),
    ]


class ProfileProperty(Shape):
    """A field of the profile, or a custom property, named as `properties['…']`."""

    type: Literal["profile-property"]
    property: str
    filter: ProfileFilterOfValue


class ListHasAll(Shape):
    """The list contains all of the values."""

    type: Literal["list"]
    operator: Literal["contains-all"]
    value: list[str]


class MetricFilter(Shape):
    """The condition on a property of the metric's event, for the event to count."""

    property: str
    filter: ListHasAll


class SegmentMetric(Shape):
    """How often something happened, or how much it was worth."""

    type: Literal["profile-metric"]
    metric_id: str
    measurement: Literal["count", "sum"]
    measurement_filter: Number
    timeframe_filter: Timeframe
    metric_filters: list[MetricFilter] | None = None


class FlowMetric(SegmentMetric):
    """The same as for segments; also since the person entered the flow."""

    timeframe_filter: FlowTimeframe  # type: ignore[assignment]


class Member(Shape):
    """The person is in one of the lists or segments."""

    type: Literal["profile-group-membership"]
    is_member: Literal[True]
    group_ids: list[str]
    timeframe_filter: Dates | None = None


class NoMember(Shape):
    """The person is in none of the lists and segments."""

    type: Literal["profile-group-membership"]
    is_member: Literal[False]
    group_ids: list[str]


class NotSent(Shape):
    """The person was sent nothing by a channel lately; flows only."""

    type: Literal["profile-not-sent-sms", "profile-not-sent-email"]
    timeframe_filter: Annotated[Alltime | InTheLast, Field(discriminator="operator")]


class NotInFlow(Shape):
    """The person was not in this flow lately; flows only."""

    type: Literal["profile-not-in-flow"]
    timeframe_filter: Annotated[Alltime | InTheLast, Field(discriminator="operator")]


class MetricProperty(Shape):
    """The condition on the event that started the flow."""

    type: Literal["metric-property"]
    metric_id: str
    field: str
    filter: ValueFilter


Membership = Annotated[Member | NoMember, Field(discriminator="is_member")]
SegmentCondition = Annotated[
    ProfileProperty | SegmentMetric | MarketingConsent | Membership, Field(discriminator="type")
]
FlowCondition = Annotated[
    ProfileProperty | FlowMetric | MarketingConsent | Membership | NotSent | NotInFlow, Field(discriminator="type")
]


class SegmentGroup(Shape):
    """Conditions of which one must hold."""

    conditions: list[SegmentCondition]


class FlowGroup(Shape):
    """Conditions on a person in a flow, of which one must hold."""

    conditions: list[FlowCondition]


class TriggerGroup(Shape):
    """Conditions on the triggering event, of which one must hold."""

    conditions: list[MetricProperty]


class SegmentDefinition(Shape):
    """Groups that must all hold."""

    condition_groups: list[SegmentGroup]


class ProfileFilter(Shape):
    """Groups that must all hold, at entry and before each message."""

    condition_groups: list[FlowGroup]


class TriggerFilter(Shape):
    """Groups that must all hold of the event."""

    condition_groups: list[TriggerGroup]
