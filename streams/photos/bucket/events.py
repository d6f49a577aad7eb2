"""
Parses S3 event notifications, as AWS and MinIO write them, and object keys.

Pure: asks no store and knows no Kafka.
Format: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html. MinIO follows it,
with `s3:` before the event's name, and `EventName` and `Key` next to the records.
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
    """One object of a bucket. `key` is URL-encoded as in the notification, with `+` for a space."""

    key: Annotated[str, StringConstraints(min_length=1)] = Field(repr=False)
    e_tag: str = Field("", alias="eTag")


class NotifiedBucket(FrozenModel):
    """The bucket of an object."""

    name: Annotated[str, StringConstraints(min_length=1)]


class ObjectPlace(FrozenModel):
    """Bucket and object."""

    bucket: NotifiedBucket
    object: StoredObject

    @property
    def key(self) -> str:
        """The object's key as it is in the bucket."""
        return unquote_plus(self.object.key)

    @property
    def uri(self) -> str:
        """The object's address, in the photo store's notation."""
        return f"s3://{self.bucket.name}/{quote(self.key)}"


class CreatedObject(FrozenModel):
    """One event about one object."""

    name: str = Field(alias="eventName")
    at: AwareDatetime = Field(alias="eventTime")
    place: ObjectPlace = Field(alias="s3")


class Notification(FrozenModel):
    """One message of a bucket with any number of events. The test message that AWS sends first has none."""

    records: tuple[CreatedObject, ...] | None = Field(None, alias="Records")
    event: str | None = Field(None, alias="Event")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if self.records is None and self.event != "s3:TestEvent":
            raise ValueError("neither Records nor the s3:TestEvent")
        return self

    @property
    def created(self) -> tuple[CreatedObject, ...]:
        """The events that created an object. Other events (deleted, read, tagged) are ignored."""
        return tuple(one for one in self.records or () if one.name.startswith(_CREATED))


@dataclass(frozen=True, slots=True)
class Ids:
    """The shopper and the upload of an object."""

    shopper_id: str
    upload_id: str


class KeyTemplate:
    """The form of object keys, such as `uploads/{shopper_id}/{upload_id}.{ext}`. A field never spans folders."""

    def __init__(self, template: str) -> None:
        """
        Parse a template. Without `{upload_id}` the id is a digest of the object's address and content.

        Raises:
            ValueError: The template has no `{shopper_id}`, or a field twice.

        """
        parts = _FIELD.split(template)
        fields = parts[1::2]
        if "shopper_id" not in fields or len(set(fields)) < len(fields):
            raise ValueError("a key needs {shopper_id}, and each field once: uploads/{shopper_id}/{upload_id}.{ext}")
        self.template = template
        #: The fixed beginning of every key of this form; empty if it begins with a field.
        self.start = parts[0]
        # `{ext}` matches no dot. So in "a.b.jpg" it is "jpg", and the field before it may contain dots.
        pattern = "".join(
            re.escape(part) if at % 2 == 0 else f"(?P<{part}>[^/{'.' if part == 'ext' else ''}]+)"
            for at, part in enumerate(parts)
        )
        self._pattern = re.compile(pattern)

    def matches(self, key: str) -> bool:
        """Return whether a key, as it is in the bucket, has this form."""
        return self._pattern.fullmatch(key) is not None

    def read(self, place: ObjectPlace) -> Ids | None:
        """Return the ids in an object's key; None if the key does not have this form."""
        found = self._pattern.fullmatch(place.key)
        if found is None:
            return None
        fields = found.groupdict()
        upload_id = fields.get("upload_id")
        if upload_id is None:
            upload_id = hashlib.sha256(f"{place.uri}\n{place.object.e_tag}".encode()).hexdigest()[:32]
        return Ids(id_in(fields["shopper_id"]), id_in(upload_id))
