"""The actions of a flow: the nodes of its graph, each with links to the next."""

from typing import Annotated, Literal

from pydantic import Field

from klaviyo_sink.sandbox.shapes.base import Shape
from klaviyo_sink.sandbox.shapes.conditions import ProfileFilter, TriggerFilter

Status = Literal["draft", "live", "manual", "disabled"]


class Next(Shape):
    """The link to the next action; null ends the flow."""

    next: str | None = None


class Branches(Shape):
    """The two next actions."""

    next_if_true: str | None
    next_if_false: str | None


class Action(Shape):
    """The fields of all actions. A new one has a temporary id, by which the others refer to it."""

    temporary_id: str | None = None


class Straight(Action):
    """An action with one next action."""

    links: Next | None = None


class Message(Shape):
    """What texts and e-mails have in common."""

    name: str | None = None
    template_id: str | None = None
    smart_sending_enabled: bool = True
    add_tracking_params: bool = False
    transactional: bool = False
    additional_filters: ProfileFilter | None = None


class Sms(Message):
    """A text."""

    body: str
    sms_quiet_hours_enabled: bool = True
    add_opt_out_language: bool = False
    add_org_prefix: bool = True
    add_info_link: bool = True
    shorten_links: bool = True
    include_contact_card: bool = False


class SmsData(Shape):
    """A text and its status."""

    message: Sms
    status: Status = "draft"


class SendSms(Straight):
    """Text the person."""

    type: Literal["send-sms"]
    data: SmsData


class Email(Message):
    """An e-mail; its content is in a template."""

    from_email: str | None = None
    from_label: str | None = None
    reply_to_email: str | None = None
    cc_email: str | None = None
    bcc_email: str | None = None
    subject_line: str | None = None
    preview_text: str | None = None


class EmailData(Shape):
    """An e-mail and its status."""

    message: Email
    status: Status = "draft"


class SendEmail(Straight):
    """Send the person an e-mail."""

    type: Literal["send-email"]
    data: EmailData


class Delay(Shape):
    """How long to wait."""

    unit: Literal["days", "hours", "minutes"] = "days"
    value: int


class TimeDelay(Straight):
    """Wait."""

    type: Literal["time-delay"]
    data: Delay


class ConditionalData(Shape):
    """The condition on the profile."""

    profile_filter: ProfileFilter | None


class ConditionalSplit(Action):
    """Choose the next action by the profile."""

    type: Literal["conditional-split"]
    links: Branches
    data: ConditionalData


class TriggerData(Shape):
    """The condition on the event that started the flow."""

    trigger_filter: TriggerFilter | None
    trigger_id: str
    trigger_type: Literal["metric"]
    trigger_subtype: None = None


class TriggerSplit(Action):
    """Choose the next action by the event."""

    type: Literal["trigger-split"]
    links: Branches
    data: TriggerData


class SetText(Shape):
    """Set a property to a text."""

    operator: Literal["create", "update"]
    property_type: Literal["string"]
    property_key: str
    property_value: str


class SetYesNo(Shape):
    """Set a property to a truth value."""

    operator: Literal["create", "update"]
    property_type: Literal["boolean"]
    property_key: str
    property_value: bool


class SetNumber(Shape):
    """Set a property to a number."""

    operator: Literal["create", "update"]
    property_type: Literal["numeric"]
    property_key: str
    property_value: float


class Delete(Shape):
    """Delete a property."""

    operator: Literal["delete"]
    property_key: str


Set = Annotated[SetText | SetYesNo | SetNumber, Field(discriminator="property_type")]


class UpdateData(Shape):
    """The changes of the profile."""

    profile_operations: list[Set | Delete]
    status: Status = "draft"


class UpdateProfile(Straight):
    """Change the profile."""

    type: Literal["update-profile"]
    data: UpdateData


AnyAction = Annotated[
    SendSms | SendEmail | TimeDelay | ConditionalSplit | TriggerSplit | UpdateProfile, Field(discriminator="type")
]


class MetricTrigger(Shape):
    """Starts with each event of a metric."""

    type: Literal["metric"]
    id: str
    trigger_filter: TriggerFilter | None = None


class ListTrigger(Shape):
    """Starts when someone joins a list."""

    type: Literal["list"]
    id: str


class SegmentTrigger(Shape):
    """Starts when a person becomes a member of a segment."""

    type: Literal["segment"]
    id: str


AnyTrigger = Annotated[MetricTrigger | ListTrigger | SegmentTrigger, Field(discriminator="type")]


class Reentry(Shape):
    """How soon a person may enter again; `alltime`: 0 always, 1 never."""

    duration: int
    unit: Literal["hour", "day", "week", "alltime"]


class FlowDefinition(Shape):
    """A graph of actions that one trigger starts."""

    triggers: list[AnyTrigger] = Field(min_length=1, max_length=1)
    profile_filter: ProfileFilter | None = None
    reentry_criteria: Reentry | None = None
    entry_action_id: str
    actions: list[AnyAction] = Field(min_length=1)
