"""
The shapes of profiles and events in requests, complete and closed: every official field, and no other.

Never wider than openapi 2026-07-15: a contract test compares them.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from klaviyo_sink.sandbox.shapes.base import Shape, absent


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
    """The fields that any write may set on a profile."""

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
    """The fields of a profile on an event: those of an import, and `anonymous_id`."""

    anonymous_id: str | None = None


class EventProfileAttributes(BulkProfileAttributes):
    """On a single event `meta` is among the attributes."""

    meta: Meta | None = None


class Named(Shape):
    """A profile, named by its id or by its attributes."""

    type: Literal["profile"]
    id: str | None = None


class EventProfile(Named):
    """`EventProfileCreateQueryResourceObject`."""

    attributes: EventProfileAttributes


class BulkProfile(Named):
    """`OnsiteProfileCreateQueryResourceObject`: on a bulk event `meta` is next to the attributes."""

    attributes: BulkProfileAttributes
    meta: Meta | None = None


class ImportProfile(Named):
    """`ProfileUpsertQueryResourceObject`."""

    attributes: ImportAttributes
    meta: Meta | None = None


class ImportRequest(Shape):
    """`POST /api/profile-import`."""

    data: ImportProfile


class CreateAttributes(Shape):
    """The fields of a new profile: no `_kx`."""

    email: str | None = None
    phone_number: str | None = None
    external_id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    organization: str | None = None
    locale: str | None = None
    title: str | None = None
    image: str | None = None
    location: Location | None = None
    properties: dict[str, Any] | None = None


class CreateProfile(Shape):
    """`ProfileCreateQueryResourceObject`."""

    type: Literal["profile"]
    attributes: CreateAttributes


class CreateRequest(Shape):
    """`POST /api/profiles`."""

    data: CreateProfile


class UpdateProfile(Shape):
    """`ProfilePartialUpdateQueryResourceObject`. Its id must be the one in the path."""

    type: Literal["profile"]
    id: str
    attributes: CreateAttributes
    meta: Meta = absent()


class UpdateRequest(Shape):
    """`PATCH /api/profiles/{id}`."""

    data: UpdateProfile


class ProfileName(Shape):
    """A profile by its id."""

    type: Literal["profile"]
    id: str


class ProfileNames(Shape):
    """`data` around ids: of list members, or of the one profile to merge."""

    data: list[ProfileName]


class MergeRelationships(Shape):
    """The profile to merge."""

    profiles: ProfileNames


class Merge(Shape):
    """`ProfileMergeQueryResourceObject`: the id is the profile that stays."""

    type: Literal["profile-merge"]
    id: str
    relationships: MergeRelationships


class MergeRequest(Shape):
    """`POST /api/profile-merge`."""

    data: Merge


class ErasureIdentifiers(Shape):
    """`attributes` is required even with an id."""

    email: str | None = None
    phone_number: str | None = None


class ErasureProfile(Named):
    """`DataPrivacyProfileQueryResourceObject`."""

    attributes: ErasureIdentifiers


class ErasureProfileData(Shape):
    """`data` around the profile to erase."""

    data: ErasureProfile


class ErasureAttributes(Shape):
    """The profile to erase."""

    profile: ErasureProfileData


class Erasure(Shape):
    """`DataPrivacyCreateDeletionJobQueryResourceObject`."""

    type: Literal["data-privacy-deletion-job"]
    attributes: ErasureAttributes


class ErasureRequest(Shape):
    """`POST /api/data-privacy-deletion-jobs`."""

    data: Erasure
