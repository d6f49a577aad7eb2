"""
Builds an event that triggers no flow: it creates the metric, and shows that events arrive.

Pure; the caller sends it.
"""

from datetime import datetime

from klaviyo_sink.bodies import (
    EntryAttributes,
    Event,
    EventAttributes,
    EventBody,
    Metric,
    MetricAttributes,
    MetricData,
    Profile,
    ProfileAttributes,
    ProfileData,
)
from klaviyo_sink.profile.style import instant


def probe_event(metric: str, whom: ProfileAttributes, mark: str, now: datetime) -> bytes:
    """Return the body of `POST /api/events` for a backfilled event without tags, named `mark` (1 to 255 characters)."""
    told = EntryAttributes(
        metric=MetricData(data=Metric(attributes=MetricAttributes(name=metric))),
        unique_id=mark,
        time=instant(now),
        backfill=True,
        properties={"upload_id": mark, "tags": ()},
    )
    profile = ProfileData(data=Profile(attributes=whom))
    return EventBody(data=Event(attributes=EventAttributes(**dict(told), profile=profile))).wire()
