"""
What a bucket tells of its objects: S3 event notifications, as AWS and MinIO write them, and what an object's key says.

Pure: asks no store and knows no Kafka.
Form: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html; MinIO follows it, with
`s3:` before the event's name and `EventName` and `Key` beside the records.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Annotated, Self
from urllib.parse import quote, unquote_plus

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from schemas.events import FrozenModel
from streams.photos.keys import id_in

_FIELD = re.compile(r"\{([a-z_]+)\}")
_CREATED = ("ObjectCreated:", "s3:ObjectCreated:")


class StoredObject(FrozenModel):
    """One object of a bucket. `key` is as it travels: URL-encoded, with `+` for a space."""

    key: Annotated[str, StringConstraints(min_length=1)] = Field(repr=False)
    e_tag: str = Field("", alias="eTag")


class NotifiedBucket(FrozenModel):
    """Where it lies."""

    name: Annotated[str, StringConstraints(min_length=1)]


class ObjectPlace(FrozenModel):
    """Bucket and object."""

    bucket: NotifiedBucket
    object: StoredObject

    @property
    def key(self) -> str:
        """Give the object's key as it is in the bucket."""
        return unquote_plus(self.object.key)

    @property
    def uri(self) -> str:
        """Give its address, as the photo store writes addresses."""
        return f"s3://{self.bucket.name}/{quote(self.key)}"


class CreatedObject(FrozenModel):
    """One thing that happened to one object."""

    name: str = Field(alias="eventName")
    at: AwareDatetime = Field(alias="eventTime")
    place: ObjectPlace = Field(alias="s3")


class Notification(FrozenModel):
    """One message of a bucket: of any number of happenings, or of none when it is the test that AWS begins with."""

    records: tuple[CreatedObject, ...] | None = Field(None, alias="Records")
    event: str | None = Field(None, alias="Event")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if self.records is None and self.event != "s3:TestEvent":
            raise ValueError("neither Records nor the s3:TestEvent")
        return self

    @property
    def created(self) -> tuple[CreatedObject, ...]:
        """Give those that put an object there. What removes, reads or labels one is none of our business."""
        return tuple(one for one in self.records or () if one.name.startswith(_CREATED))


@dataclass(frozen=True, slots=True)
class Ids:
    """Whose upload an object is."""

    shopper_id: str
    upload_id: str


class KeyTemplate:
    """What keys look like, such as `uploads/{shopper_id}/{upload_id}.{ext}`. A field is never more than one folder."""

    def __init__(self, template: str) -> None:
        """
        Read it. Without `{upload_id}` the id is a digest of the object's address and content.

        Raises:
            ValueError: it has no `{shopper_id}`, or a field twice.

        """
        parts = _FIELD.split(template)
        fields = parts[1::2]
        if "shopper_id" not in fields or len(set(fields)) < len(fields):
            raise ValueError("a key has {shopper_id}, and each field once: uploads/{shopper_id}/{upload_id}.{ext}")
        self.template = template
        #: What every key of this form begins with; empty when it begins with a field.
        self.start = parts[0]
        # An ending has no dot, so that the name before it may have some.
        pattern = "".join(
            re.escape(part) if at % 2 == 0 else f"(?P<{part}>[^/{'.' if part == 'ext' else ''}]+)"
            for at, part in enumerate(parts)
        )
        self._pattern = re.compile(pattern)

    def matches(self, key: str) -> bool:
        """Tell whether a key, as it is in the bucket, is of this form."""
        return self._pattern.fullmatch(key) is not None

    def read(self, place: ObjectPlace) -> Ids | None:
        """Tell whose upload it is; None when the key is not of this form."""
        found = self._pattern.fullmatch(place.key)
        if found is None:
            return None
        fields = found.groupdict()
        upload_id = fields.get("upload_id")
        if upload_id is None:
            upload_id = hashlib.sha256(f"{place.uri}\n{place.object.e_tag}".encode()).hexdigest()[:32]
        return Ids(id_in(fields["shopper_id"]), id_in(upload_id))
