"""Sends a flow's messages, or records why not: address, consent, quiet hours, Smart Sending."""

from datetime import timedelta
from typing import Any, Final

from klaviyo_sink.sandbox.account.account import Account
from klaviyo_sink.sandbox.account.journeys import Journey, Message, StoredFlow
from klaviyo_sink.sandbox.account.profiles import Channel, StoredProfile
from klaviyo_sink.sandbox.automation.conditions import failing, in_words
from klaviyo_sink.sandbox.automation.quiet_hours import morning_after
from klaviyo_sink.sandbox.shapes.actions import Email, SendEmail, SendSms, Sms

#: Smart Sending's default (help.klaviyo.com article 115005078227): skipped messages are not sent later.
SMART_SENDING: Final[dict[Channel, timedelta]] = {"sms": timedelta(hours=24), "email": timedelta(hours=16)}


def send(account: Account, flow: StoredFlow, journey: Journey, action_id: str) -> None:
    """Send an action's message, delay it until morning, or skip it with the reason."""
    action = flow.actions[action_id]
    if not isinstance(action, SendSms | SendEmail):
        raise TypeError(action.type)
    content = action.data.message
    profile = account.profiles[journey.profile_id]
    channel: Channel = "sms" if isinstance(content, Sms) else "email"
    now = account.now()
    message = Message(
        flow_id=flow.id,
        flow=flow.name,
        action=action_id,
        channel=channel,
        profile_id=profile.id,
        event_id=journey.event_id,
        to=profile.address(channel),
        subject="" if isinstance(content, Sms) else content.subject_line or "",
        body=content.body if isinstance(content, Sms) else _written(account, content),
        status="sent" if flow.live else "draft",
        at=now,
    )
    account.tell(message)
    message.reason = _obstacle(account, content, channel, profile, journey)
    if message.reason:
        message.status = "skipped"
    elif isinstance(content, Sms) and content.sms_quiet_hours_enabled:
        morning = morning_after(profile, now)
        if morning is not None:
            message.at = morning
            message.status = "waiting" if flow.live else "draft"
            if flow.live:
                account.wait(message.at, message)


def send_in_the_morning(account: Account, message: Message) -> None:
    """Send a message that waited for the morning, unless its flow or its person has changed since."""
    flow = account.flows.get(message.flow_id)
    profile = account.profiles[message.profile_id]
    if flow is None or not flow.live:
        message.status, message.reason = "skipped", "the flow is no longer live"
    elif not profile.can_receive(message.channel) and not _transactional(flow, message.action):
        message.status, message.reason = "skipped", profile.obstacle(message.channel)
    else:
        message.status = "sent"


def _obstacle(
    account: Account, content: Sms | Email, channel: Channel, profile: StoredProfile, journey: Journey
) -> str:
    address = profile.address(channel)
    if address is None or not (content.transactional or profile.can_receive(channel)):
        return profile.obstacle(channel)
    if content.additional_filters is not None:
        group = failing(account, content.additional_filters.condition_groups, profile, journey)
        if group is not None:
            return f"the message's filter does not hold: {in_words(group.conditions[0])}"
    since = account.now() - SMART_SENDING[channel]
    recent = (one for one in account.messages_to[profile.id] if one.channel == channel and one.status == "sent")
    if content.smart_sending_enabled and journey.counts and any(one.at > since for one in list(recent)[:-1]):
        return f"Smart Sending: a message went out within {SMART_SENDING[channel] // timedelta(hours=1)} hours"
    return ""


def _transactional(flow: StoredFlow, action_id: str) -> bool:
    data: Any = getattr(flow.actions.get(action_id), "data", None)
    return bool(data and data.message.transactional)


def _written(account: Account, content: Email) -> str:
    template = account.templates.get(content.template_id or "")
    return (template.text or template.html) if template else content.preview_text or ""
