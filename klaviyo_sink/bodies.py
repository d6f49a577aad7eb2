"""
The only request bodies that can be sent: closed models, so that a misplaced key cannot be sent.

Klaviyo accepts and silently drops unknown keys, and reads an explicit null as "clear this field". So unknown keys are
errors here, and nulls are never written. Field names and nesting: openapi 2026-07-15 (`EventCreateQueryV2`,
`EventsBulkCreateJob`, `ProfileUpsertQuery`, `DataPrivacyCreateDeletionJobQuery`). Knows no event of Hangtag.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

#: Flat values only: segments and flows cannot read inside an object (developers.klaviyo.com, profiles overview).
#: Lists come first because most values are lists: pydantic then tries nothing else (a quarter of a body's cost).
Value = tuple[str, ...] | str | int | float | bool
Properties = dict[str, Value]


class Body(BaseModel):
    """A closed part of a request. `wire()` returns the same bytes for the same content."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, validate_by_name=True, validate_by_alias=True
    )

    def wire(self) -> bytes:
        """Return the body as sent."""
        return self.model_dump_json(exclude_none=True, by_alias=True).encode()


class ProfileAttributes(Body):
    """An identifier, unless the profile is addressed by id, and the properties to set. Never a phone number."""

    email: Annotated[str, StringConstraints(min_length=3, max_length=100)] | None = Field(None, repr=False)
    external_id: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = None
    properties: Properties | None = Field(None, repr=False)


class Profile(Body):
    """A profile with exactly one identifier. Two may belong to two profiles, which Klaviyo answers with 409."""

    type: Literal["profile"] = "profile"
    id: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    attributes: ProfileAttributes

    @model_validator(mode="after")
    def _one_identifier(self) -> Self:
        given = [name for name in (self.id, self.attributes.email, self.attributes.external_id) if name is not None]
        if len(given) != 1:
            msg = f"a profile needs exactly one identifier, not {len(given)}"
            raise ValueError(msg)
        return self


class ProfileData(Body):
    """`data` around a profile."""

    data: Profile


class MetricAttributes(Body):
    """The metric's name, shorter than 128 characters."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=127)]


class Metric(Body):
    """A metric."""

    type: Literal["metric"] = "metric"
    attributes: MetricAttributes


class MetricData(Body):
    """`data` around a metric."""

    data: Metric


class EntryAttributes(Body):
    """The fields of every event. `time` is RFC 3339 in whole seconds, because Klaviyo keeps no more."""

    metric: MetricData
    unique_id: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    time: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
    backfill: bool
    properties: Annotated[Properties, Field(max_length=400, repr=False)]


class EventAttributes(EntryAttributes):
    """A single event, which contains its profile."""

    profile: ProfileData


class Event(Body):
    """An event."""

    type: Literal["event"] = "event"
    attributes: EventAttributes


class EventBody(Body):
    """`POST /api/events`."""

    data: Event


class ProfileImportBody(Body):
    """`POST /api/profile-import`: the profile's properties without an event."""

    data: Profile


class BulkEvent(Body):
    """An event of a bulk job. Its profile is next to it, not inside."""

    type: Literal["event"] = "event"
    attributes: EntryAttributes


class BulkEvents(Body):
    """`data` around an entry's events: always one, so that a refused place identifies an upload."""

    data: Annotated[tuple[BulkEvent, ...], Field(min_length=1, max_length=1)]


class BulkEntryAttributes(Body):
    """A profile and its event."""

    profile: ProfileData
    events: BulkEvents


class BulkEntry(Body):
    """One row of `POST /api/event-bulk-create-jobs`."""

    type: Literal["event-bulk-create"] = "event-bulk-create"
    attributes: BulkEntryAttributes


def bulk_events_body(rows: Sequence[bytes]) -> bytes:
    """Return the body of `POST /api/event-bulk-create-jobs`; `rows` are from `BulkEntry.wire`."""
    return (
        b'{"data":{"type":"event-bulk-create-job","attributes":{"events-bulk-create":{"data":['
        + b",".join(rows)
        + b"]}}}}"
    )


def bulk_import_body(rows: Sequence[bytes]) -> bytes:
    """Return the body of `POST /api/profile-bulk-import-jobs`; `rows` are from `Profile.wire`."""
    return b'{"data":{"type":"profile-bulk-import-job","attributes":{"profiles":{"data":[' + b",".join(rows) + b"]}}}}"


class PatchProperties(Body):
    """Names of the properties to remove, with their values."""

    unset: Annotated[tuple[str, ...], Field(min_length=1)]


class Meta(Body):
    """Changes of a profile other than setting values."""

    patch_properties: PatchProperties


class ClearedProfile(Body):
    """A profile that loses properties. `attributes` is required, and empty."""

    type: Literal["profile"] = "profile"
    id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    attributes: ProfileAttributes = ProfileAttributes(email=None, properties=None)
    meta: Meta


class ClearingBody(Body):
    """`POST /api/profile-import`, to remove properties."""

    data: ClearedProfile


class ErasedAttributes(Body):
    """Required even with an id. Klaviyo cannot erase by `external_id`."""

    email: Annotated[str, StringConstraints(min_length=3, max_length=100)] | None = Field(None, repr=False)


class ErasedProfile(Body):
    """The profile to erase, with exactly one identifier."""

    type: Literal["profile"] = "profile"
    id: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    attributes: ErasedAttributes = ErasedAttributes(email=None)

    @model_validator(mode="after")
    def _one_identifier(self) -> Self:
        if (self.id is None) == (self.attributes.email is None):
            msg = "exactly one of id and email must identify the profile to erase"
            raise ValueError(msg)
        return self


class ErasedProfileData(Body):
    """`data` around it."""

    data: ErasedProfile


class ErasureAttributes(Body):
    """The profile."""

    profile: ErasedProfileData


class Erasure(Body):
    """The job."""

    type: Literal["data-privacy-deletion-job"] = "data-privacy-deletion-job"
    attributes: ErasureAttributes


class ErasureBody(Body):
    """`POST /api/data-privacy-deletion-jobs`."""

    data: Erasure
