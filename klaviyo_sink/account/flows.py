"""
Segments and flows as data: what a campaign becomes at Klaviyo. Pure; a contract test holds it to the official schema.

A flow starts with our own event, whose properties carry the tags, because a profile property is no trigger and a
segment's "no order in 7 days" is worked out once a day (help.klaviyo.com articles 115005233488 and 115002779051).
An event says what its upload has; what several uploads mean together, an interest, only the profile says.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from klaviyo_sink.account.campaigns import Campaign
from klaviyo_sink.account.definitions import (
    EventFilter,
    EventGroup,
    EventList,
    Flow,
    FlowAttributes,
    FlowBody,
    FlowDefinition,
    LastDays,
    ListContains,
    LiveBody,
    LiveFlow,
    MayBeTexted,
    MetricTrigger,
    NeverCounted,
    NotTexted,
    ProfileFilter,
    ProfileGroup,
    ProfileList,
    Reentry,
    Segment,
    SegmentAttributes,
    SegmentBody,
    SegmentDefinition,
    SegmentGroup,
    SendSms,
    Sms,
    SmsData,
)
from klaviyo_sink.profile.naming import LISTS, PropertyNames

_HOLDS: Final = {category: holds for holds, category in LISTS.items()}
_INTEREST: Final = f"{LISTS['interests']}/"
_NO_WORDS: Final[Mapping[str, str]] = MappingProxyType({})
#: A flow's only action; Klaviyo puts an id of its own in its place.
_SMS: Final = "sms-1"
#: Klaviyo puts its own ids in place of ours, and a status set live later is no drift.
_KLAVIYOS_OWN: Final = frozenset({"temporary_id", "entry_action_id", "status"})


def segment_body(
    campaign: Campaign, names: PropertyNames, order_metric: str | None, words: Mapping[str, str] = _NO_WORDS
) -> bytes:
    """
    Write `POST /api/segments`: whom the campaign is for, by the profile alone.

    `words` are, by tag id, what profiles hold in place of the tag's value, where they hold words.
    """
    tags = [tag for tag in campaign.tags if tag.partition("/")[0] in _HOLDS]
    conditions = [*(_has_tag(tag, names, words) for tag in tags), MayBeTexted(), *_no_order(campaign, order_metric)]
    definition = SegmentDefinition(condition_groups=tuple(SegmentGroup(conditions=(one,)) for one in conditions))
    return SegmentBody(data=Segment(attributes=SegmentAttributes(name=campaign.name, definition=definition))).wire()


def flow_body(
    campaign: Campaign,
    names: PropertyNames,
    metric: str,
    order_metric: str | None,
    words: Mapping[str, str] = _NO_WORDS,
) -> bytes:
    """Write `POST /api/flows`: the metric-triggered SMS, as draft. `words` as for the segment."""
    interests = [tag for tag in campaign.tags if tag.startswith(_INTEREST)]
    tags = [tag for tag in campaign.tags if tag not in interests]
    said = (EventList(metric_id=metric, field="tags", filter=ListContains(value=tag)) for tag in tags)
    not_texted = NotTexted(timeframe_filter=LastDays(quantity=campaign.not_texted_days))
    held = (_has_tag(tag, names, words) for tag in interests)
    whose = (*held, *_no_order(campaign, order_metric), MayBeTexted(), not_texted)
    groups = tuple(EventGroup(conditions=(one,)) for one in said)
    definition = FlowDefinition(
        triggers=(MetricTrigger(id=metric, trigger_filter=EventFilter(condition_groups=groups) if groups else None),),
        profile_filter=ProfileFilter(condition_groups=tuple(ProfileGroup(conditions=(one,)) for one in whose)),
        reentry_criteria=Reentry(duration=campaign.reentry_days),
        entry_action_id=_SMS,
        actions=(SendSms(temporary_id=_SMS, data=SmsData(message=Sms(name=campaign.name, body=campaign.body))),),
    )
    return FlowBody(data=Flow(attributes=FlowAttributes(name=campaign.name, definition=definition))).wire()


def live_body(flow_id: str) -> bytes:
    """Write `PATCH /api/flows/{id}`: set the flow and all its actions live."""
    return LiveBody(data=LiveFlow(id=flow_id)).wire()


def drift(ours: Any, theirs: Any, place: str = "") -> list[str]:
    """Name the places where an existing definition says otherwise. What Klaviyo adds by itself (ids) is no drift."""
    if isinstance(ours, dict):
        found = theirs if isinstance(theirs, dict) else {}
        inner = [(name, value) for name, value in ours.items() if name not in _KLAVIYOS_OWN]
        return [one for name, value in inner for one in drift(value, found.get(name), f"{place}/{name}")]
    if isinstance(ours, list):
        if not isinstance(theirs, list) or len(ours) != len(theirs):
            return [place]
        pairs = enumerate(zip(ours, theirs, strict=True))
        return [one for at, (mine, other) in pairs for one in drift(mine, other, f"{place}/{at}")]
    return [] if ours == theirs else [place]


def _has_tag(tag: str, names: PropertyNames, words: Mapping[str, str]) -> ProfileList:
    category, _, value = tag.partition("/")
    name = f"properties['{names.prefix}{_HOLDS[category]}']"
    return ProfileList(property=name, filter=ListContains(value=words.get(tag) or value))


def _no_order(campaign: Campaign, metric: str | None) -> list[NeverCounted]:
    if metric is None:
        return []
    return [NeverCounted(metric_id=metric, timeframe_filter=LastDays(quantity=campaign.no_order_days))]
