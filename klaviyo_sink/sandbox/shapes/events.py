"""The shapes of events in requests, single and many."""

from typing import Annotated, Any, Literal

from pydantic import Field

from klaviyo_sink.sandbox.shapes.base import Shape
from klaviyo_sink.sandbox.shapes.profiles import BulkProfile, EventProfile


class MetricAttributes(Shape):
    """`service` is for Klaviyo's own integrations."""

    name: str
    service: str | None = None


class Metric(Shape):
    """`MetricCreateQueryResourceObject`."""

    type: Literal["metric"]
    attributes: MetricAttributes


class MetricData(Shape):
    """`data` around a metric."""

    data: Metric


class EventProfileData(Shape):
    """`data` around a single event's profile."""

    data: EventProfile


class BulkProfileData(Shape):
    """`data` around a bulk entry's profile."""

    data: BulkProfile


class EntryAttributes(Shape):
    """The fields of every event."""

    properties: dict[str, Any]
    time: str | None = None
    value: float | None = None
    value_currency: str | None = None
    unique_id: str | None = None
    backfill: bool | None = None
    metric: MetricData


class EventAttributes(EntryAttributes):
    """A single event, which contains its profile."""

    profile: EventProfileData


class Event(Shape):
    """`EventCreateQueryV2ResourceObject`."""

    type: Literal["event"]
    attributes: EventAttributes


class BulkEvent(Shape):
    """`BaseEventCreateQueryBulkEntryResourceObject`."""

    type: Literal["event"]
    attributes: EntryAttributes


class BulkEvents(Shape):
    """`data` around a bulk entry's events."""

    data: list[BulkEvent]


class BulkEntryAttributes(Shape):
    """One profile and its events; `backfill` applies to all of them."""

    backfill: bool | None = None
    profile: BulkProfileData
    events: BulkEvents


class BulkEntry(Shape):
    """`EventsBulkCreateQueryResourceObject`."""

    type: Literal["event-bulk-create"]
    attributes: BulkEntryAttributes


class BulkEntries(Shape):
    """`data` around the entries."""

    data: list[BulkEntry]


class BulkJobAttributes(Shape):
    """The entries, under a hyphenated name."""

    entries: Annotated[BulkEntries, Field(alias="events-bulk-create")]


class BulkJob(Shape):
    """`EventsBulkCreateJobResourceObject`."""

    type: Literal["event-bulk-create-job"]
    attributes: BulkJobAttributes


class EventRequest(Shape):
    """`POST /api/events`."""

    data: Event


class BulkEventsRequest(Shape):
    """`POST /api/event-bulk-create-jobs`."""

    data: BulkJob
