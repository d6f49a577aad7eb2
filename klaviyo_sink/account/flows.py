"""
Builds a campaign's segment and flow for Klaviyo. Pure; a contract test checks them against the official schema.

A flow is triggered by our own event, whose properties contain the tags. A profile property cannot trigger a flow, and
Klaviyo computes a segment's "no order in 7 days" only once a day (help.klaviyo.com articles 115005233488 and
115002779051). An event has the tags of its upload. An interest, which follows from several uploads, is only on the
profile.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from klaviyo_sink.account.campaigns import Campaign, CampaignsError
from klaviyo_sink.account.conditions import (
    EventHas,
    EventList,
    LastDays,
    ListContains,
    ListContainsAll,
    MayBeTexted,
    NeverCounted,
    NotTexted,
    OnceHad,
    ProfileList,
)
from klaviyo_sink.account.definitions import (
    EventFilter,
    EventGroup,
    Flow,
    FlowAttributes,
    FlowBody,
    FlowDefinition,
    FlowStatus,
    FlowStatusBody,
    MetricTrigger,
    ProfileFilter,
    ProfileGroup,
    Reentry,
    Segment,
    SegmentAttributes,
    SegmentBody,
    SegmentChange,
    SegmentChangeAttributes,
    SegmentChangeBody,
    SegmentDefinition,
    SegmentGroup,
    SendSms,
    Sms,
    SmsData,
    StatusAttributes,
)
from klaviyo_sink.profile.naming import LISTS, PropertyNames, plural

_INTEREST: Final = f"{LISTS['interests']}/"
_NO_WORDS: Final[Mapping[str, str]] = MappingProxyType({})
#: Id of a flow's only action; Klaviyo replaces it by its own.
_SMS: Final = "sms-1"


def segment_body(
    campaign: Campaign,
    names: PropertyNames,
    order_metric: str | None,
    words: Mapping[str, str] = _NO_WORDS,
    metric: str | None = None,
) -> bytes:
    """
    Return the body of `POST /api/segments`: the campaign's conditions on the profile alone.

    The flow requires all tags on one upload, but a profile lists the tags of all uploads. So with more than one tag the
    segment also requires an event of `metric` that had them all.

    Args:
        campaign: The campaign.
        names: Names of the profile's properties.
        order_metric: Id of the metric for orders; None: orders are not checked.
        words: By tag id, the word that profiles contain instead of the tag's value, if they contain words.
        metric: Id of the metric of our events.

    Raises:
        CampaignsError: Profiles have no list for one of the tags, so the segment would admit more than the flow.

    """
    tags = (_has_tag(tag, names, words) for tag in campaign.tags)
    together = tuple(sorted(tag for tag in campaign.tags if not tag.startswith(_INTEREST)))
    once = []
    if metric is not None and len(together) > 1:
        had = EventHas(property="tags", filter=ListContainsAll(value=together))
        once = [OnceHad(metric_id=metric, metric_filters=(had,))]
    conditions = [*tags, *once, MayBeTexted(), *_no_order(campaign, order_metric)]
    definition = SegmentDefinition(condition_groups=tuple(SegmentGroup(conditions=(one,)) for one in conditions))
    return SegmentBody(data=Segment(attributes=SegmentAttributes(name=campaign.name, definition=definition))).wire()


def flow_body(
    campaign: Campaign,
    names: PropertyNames,
    metric: str,
    order_metric: str | None,
    words: Mapping[str, str] = _NO_WORDS,
) -> bytes:
    """
    Return the body of `POST /api/flows`: the SMS triggered by the metric, as a draft. `words` as for the segment.

    Raises:
        CampaignsError: Profiles do not show whether their shopper has one of the interests.

    """
    interests = [tag for tag in campaign.tags if tag.startswith(_INTEREST)]
    tags = [tag for tag in campaign.tags if tag not in interests]
    wanted = (EventList(metric_id=metric, field="tags", filter=ListContains(value=tag)) for tag in tags)
    not_texted = NotTexted(timeframe_filter=LastDays(quantity=campaign.not_texted_days))
    held = (_has_tag(tag, names, words) for tag in interests)
    whose = (*held, *_no_order(campaign, order_metric), MayBeTexted(), not_texted)
    groups = tuple(EventGroup(conditions=(one,)) for one in wanted)
    definition = FlowDefinition(
        triggers=(MetricTrigger(id=metric, trigger_filter=EventFilter(condition_groups=groups) if groups else None),),
        profile_filter=ProfileFilter(condition_groups=tuple(ProfileGroup(conditions=(one,)) for one in whose)),
        reentry_criteria=Reentry(duration=campaign.reentry_days),
        entry_action_id=_SMS,
        actions=(SendSms(temporary_id=_SMS, data=SmsData(message=Sms(name=campaign.name, body=campaign.body))),),
    )
    return FlowBody(data=Flow(attributes=FlowAttributes(name=campaign.name, definition=definition))).wire()


def status_body(flow_id: str, status: Literal["live", "draft"]) -> bytes:
    """Return the body of `PATCH /api/flows/{id}` that sets the flow and its actions live, or stops them."""
    return FlowStatusBody(data=FlowStatus(id=flow_id, attributes=StatusAttributes(status=status))).wire()


def live_body(flow_id: str) -> bytes:
    """Return the body of `PATCH /api/flows/{id}` that sets the flow and its actions live."""
    return status_body(flow_id, "live")


def segment_change_body(segment_id: str, body: bytes) -> bytes:
    """Return the body of `PATCH /api/segments/{id}` that sets the definition from `segment_body`."""
    definition = SegmentBody.model_validate_json(body).data.attributes.definition
    change = SegmentChange(id=segment_id, attributes=SegmentChangeAttributes(definition=definition))
    return SegmentChangeBody(data=change).wire()


def _has_tag(tag: str, names: PropertyNames, words: Mapping[str, str]) -> ProfileList:
    category, _, value = tag.partition("/")
    name = names.of_category(category)
    if name is None:
        raise CampaignsError(
            f"profiles have no list of {plural(category)}, so no segment can require {tag}: add {category!r} to"
            " HANGTAG_KLAVIYO_CATEGORIES, for the sync stage and for this command, or remove the tag"
        )
    word = words.get(tag) or value
    same = [one for one, other in words.items() if other == word and one != tag and one.startswith(f"{category}/")]
    if same:
        raise CampaignsError(
            f"{tag} and {', '.join(sorted(same))} are both called {word!r} on profiles, so no segment can distinguish"
            " them: remove the tag, or let profiles contain ids (HANGTAG_KLAVIYO_LABELS)"
        )
    return ProfileList(property=f"properties['{name}']", filter=ListContains(value=word))


def _no_order(campaign: Campaign, metric: str | None) -> list[NeverCounted]:
    if metric is None:
        return []
    return [NeverCounted(metric_id=metric, timeframe_filter=LastDays(quantity=campaign.no_order_days))]
