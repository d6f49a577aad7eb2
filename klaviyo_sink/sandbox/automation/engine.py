"""
Executes flows: who enters, and how each person moves from action to action along the graph's links.

A draft flow is executed too, so that its messages can be seen; its journeys do not count. Conditions are evaluated when
an action is due. A delay ends when the account's clock has passed it and somebody reads.
"""

from collections.abc import Callable
from typing import Any

from klaviyo_sink.sandbox.account.account import Account
from klaviyo_sink.sandbox.account.journeys import Journey, StoredFlow
from klaviyo_sink.sandbox.account.profiles import StoredEvent, StoredProfile, put
from klaviyo_sink.sandbox.automation.conditions import event_passes, failing, in_words, members
from klaviyo_sink.sandbox.automation.messages import send, send_in_the_morning
from klaviyo_sink.sandbox.automation.values import UNITS
from klaviyo_sink.sandbox.shapes.actions import (
    ConditionalSplit,
    ListTrigger,
    MetricTrigger,
    SegmentTrigger,
    TimeDelay,
    TriggerSplit,
    UpdateProfile,
)
from klaviyo_sink.sandbox.shapes.conditions import MarketingConsent


def on_event(account: Account, event: StoredEvent) -> None:
    """Let an event start the flows of its metric; a backfill starts none."""
    if event.backfill or not account.flows:
        return
    advance(account)
    profile = account.profiles[event.profile_id]
    for flow in list(account.flows.values()):
        trigger = flow.definition.triggers[0]
        if isinstance(trigger, MetricTrigger) and trigger.id == event.metric.id:
            groups = trigger.trigger_filter.condition_groups if trigger.trigger_filter else []
            if event_passes(event, groups, account.now()):
                _enter(account, flow, profile, event.id)
    on_change(account, profile)


def on_join(account: Account, list_id: str, profile: StoredProfile) -> None:
    """Let a person who joins a list start its flows."""
    for flow in list(account.flows.values()):
        trigger = flow.definition.triggers[0]
        if isinstance(trigger, ListTrigger) and trigger.id == list_id:
            _enter(account, flow, profile, None)
    on_change(account, profile)


def on_change(account: Account, *changed: StoredProfile) -> None:
    """Let changed people who now belong to a segment start its flows."""
    triggers = [(flow, flow.definition.triggers[0]) for flow in account.flows.values()]
    flows = [(flow, trigger.id) for flow, trigger in triggers if isinstance(trigger, SegmentTrigger)]
    for segment in [account.segments[one] for one in {name for _flow, name in flows} if one in account.segments]:
        for profile in changed:
            if failing(account, segment.definition.condition_groups, profile) is not None:
                segment.entered.discard(profile.id)
            elif profile.id not in segment.entered:
                segment.entered.add(profile.id)
                for flow, name in flows:
                    if name == segment.id:
                        _enter(account, flow, profile, None)


def watch(account: Account, flow: StoredFlow) -> None:
    """Record who belongs to a new flow's segment already: only later members start it."""
    trigger = flow.definition.triggers[0]
    if isinstance(trigger, SegmentTrigger) and trigger.id in account.segments:
        segment = account.segments[trigger.id]
        segment.entered = {one.id for one in members(account, segment)}


def advance(account: Account) -> None:
    """Continue all waiting journeys, as far as the clock allows."""
    for what in account.due():
        if isinstance(what, Journey):
            _walk(account, what)
        else:
            send_in_the_morning(account, what)


def _enter(account: Account, flow: StoredFlow, profile: StoredProfile, event_id: str | None) -> None:
    now = account.now()
    journey = Journey(flow.id, profile.id, event_id, now, flow.entry, now, counts=flow.live)
    if not _may_enter_again(account, flow, profile):
        account.counters["flow_entries_too_early"] += 1
        return
    account.begin(journey)
    _walk(account, journey)


def _may_enter_again(account: Account, flow: StoredFlow, profile: StoredProfile) -> bool:
    again = flow.definition.reentry_criteria
    if again is None or (again.unit == "alltime" and again.duration == 0):
        return True
    mine = [one for one in account.journeys_of.get(profile.id, ()) if one.counts and one.flow_id == flow.id]
    if again.unit == "alltime":
        return not mine
    since = account.now() - again.duration * UNITS[again.unit]
    return not any(one.entered > since for one in mine)


def _walk(account: Account, journey: Journey) -> None:
    flow = account.flows.get(journey.flow_id)
    if flow is None:
        journey.action, journey.ended = None, "the flow was deleted"
        return
    profile = account.profiles[journey.profile_id]
    groups = flow.definition.profile_filter.condition_groups if flow.definition.profile_filter else []
    while journey.action is not None and journey.due <= account.now():
        group = failing(account, groups, profile, journey)
        if group is not None:
            # A person who fails the filter at entry has never been in the flow.
            if journey.action == flow.entry and journey.due == journey.entered:
                journey.counts = False
            journey.ended = _why(group, profile)
            journey.action = None
            return
        action = flow.actions[journey.action]
        _ACTIONS.get(type(action), _straight)(account, flow, journey, action)
    if journey.action is not None:
        account.wait(journey.due, journey)
    elif not journey.ended:
        journey.ended = "finished"


def _why(group: Any, profile: StoredProfile) -> str:
    """Return why a person may not continue."""
    consents = [one.consent for one in group.conditions if isinstance(one, MarketingConsent)]
    if consents and (obstacle := profile.obstacle(consents[0].channel)):
        return obstacle
    return f"not ({' or '.join(in_words(one) for one in group.conditions)})"


def _straight(account: Account, flow: StoredFlow, journey: Journey, action: Any) -> None:
    """Execute an action with one link, unless it is switched off."""
    action_id, journey.action = journey.action, action.links.next if action.links else None
    if action.data.status == "disabled" or action_id is None:
        return
    if isinstance(action, UpdateProfile):
        if flow.live:
            _update(account.profiles[journey.profile_id], action)
    else:
        send(account, flow, journey, action_id)


def _delay(_account: Account, _flow: StoredFlow, journey: Journey, action: TimeDelay) -> None:
    journey.action = action.links.next if action.links else None
    journey.due += action.data.value * UNITS[action.data.unit.removesuffix("s")]


def _by_profile(account: Account, _flow: StoredFlow, journey: Journey, action: ConditionalSplit) -> None:
    groups = action.data.profile_filter.condition_groups if action.data.profile_filter else []
    held = failing(account, groups, account.profiles[journey.profile_id], journey) is None
    journey.action = action.links.next_if_true if held else action.links.next_if_false


def _by_event(account: Account, _flow: StoredFlow, journey: Journey, action: TriggerSplit) -> None:
    groups = action.data.trigger_filter.condition_groups if action.data.trigger_filter else []
    mine = account.events_of.get(journey.profile_id, ())
    event = next((one for one in mine if one.id == journey.event_id), None)
    held = event is not None and event_passes(event, groups, account.now())
    journey.action = action.links.next_if_true if held else action.links.next_if_false


def _update(profile: StoredProfile, action: UpdateProfile) -> None:
    for one in action.data.profile_operations:
        key = one.property_key.removeprefix("properties['").removesuffix("']")
        put(profile.properties, key, None if one.operator == "delete" else one.property_value)


_ACTIONS: dict[type[Any], Callable[[Account, StoredFlow, Journey, Any], None]] = {
    TimeDelay: _delay,
    ConditionalSplit: _by_profile,
    TriggerSplit: _by_event,
}
