"""
The shapes of the requests that Klaviyo takes, complete and closed: every official field, and no other.

Wider than what the sink sends (`klaviyo_sink.bodies`), never wider than openapi 2026-07-15: a contract test compares
them. Strict: a number is no string. A field that Klaviyo calls nullable may be null; fields without `| None` may not.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Shape(BaseModel):
    """A closed object."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def absent() -> Any:
    """Mark a field that may be left out but not be null."""
    return Field(default=None, validate_default=False)


class Location(Shape):
    """`ProfileLocation`."""

    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    country: str | None = None
    latitude: str | float | None = None
    longitude: str | float | None = None
    region: str | None = None
    zip: str | None = None
    timezone: str | None = None
    ip: str | None = None


class PatchProperties(Shape):
    """`ProfileMetaPatchProperties`."""

    append: dict[str, Any] | None = None
    unappend: dict[str, Any] | None = None
    unset: str | list[str] | None = None


class PatchIdentifiers(Shape):
    """`PatchIdentifiers`."""

    append: dict[str, Any] = absent()
    unappend: dict[str, Any] = absent()


class Meta(Shape):
    """`ProfileMeta`, `OnsiteProfileMeta`."""

    patch_properties: PatchProperties | None = None
    patch_identifiers: PatchIdentifiers | None = None


class ImportAttributes(Shape):
    """What a profile may be given by any write."""

    email: str | None = None
    phone_number: str | None = None
    external_id: str | None = None
    kx: Annotated[str | None, Field(alias="_kx")] = None
    first_name: str | None = None
    last_name: str | None = None
    organization: str | None = None
    locale: str | None = None
    title: str | None = None
    image: str | None = None
    location: Location | None = None
    properties: dict[str, Any] | None = None


class BulkProfileAttributes(ImportAttributes):
    """Events still know `anonymous_id`."""

    anonymous_id: str | None = None


class EventProfileAttributes(BulkProfileAttributes):
    """On a single event `meta` stands among the attributes."""

    meta: Meta | None = None


class EventProfile(Shape):
    """`EventProfileCreateQueryResourceObject`."""

    type: Literal["profile"]
    id: str | None = None
    attributes: EventProfileAttributes


class BulkProfile(Shape):
    """`OnsiteProfileCreateQueryResourceObject`: on a bulk event `meta` stands beside the attributes."""

    type: Literal["profile"]
    id: str | None = None
    attributes: BulkProfileAttributes
    meta: Meta | None = None


class ImportProfile(Shape):
    """`ProfileUpsertQueryResourceObject`."""

    type: Literal["profile"]
    id: str | None = None
    attributes: ImportAttributes
    meta: Meta | None = None


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
    """What every event may say."""

    properties: dict[str, Any]
    time: str | None = None
    value: float | None = None
    value_currency: str | None = None
    unique_id: str | None = None
    backfill: bool | None = None
    metric: MetricData


class EventAttributes(EntryAttributes):
    """A single event carries its profile."""

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
    """One profile and its events; `backfill` here holds for all of them."""

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


class ErasureIdentifiers(Shape):
    """`attributes` is required even beside an id."""

    email: str | None = None
    phone_number: str | None = None


class ErasureProfile(Shape):
    """`DataPrivacyProfileQueryResourceObject`."""

    type: Literal["profile"]
    id: str | None = None
    attributes: ErasureIdentifiers


class ErasureProfileData(Shape):
    """`data` around the profile to erase."""

    data: ErasureProfile


class ErasureAttributes(Shape):
    """Whom to erase."""

    profile: ErasureProfileData


class Erasure(Shape):
    """`DataPrivacyCreateDeletionJobQueryResourceObject`."""

    type: Literal["data-privacy-deletion-job"]
    attributes: ErasureAttributes


class EventRequest(Shape):
    """`POST /api/events`."""

    data: Event


class BulkEventsRequest(Shape):
    """`POST /api/event-bulk-create-jobs`."""

    data: BulkJob


class ImportRequest(Shape):
    """`POST /api/profile-import`."""

    data: ImportProfile


class ErasureRequest(Shape):
    """`POST /api/data-privacy-deletion-jobs`."""

    data: Erasure
