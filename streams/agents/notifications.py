"""
`notifications`: publishes an upload for each photo that a bucket reports.

A message is published as a whole or not at all. So after a fix, a replay publishes each of its uploads whose photo
still exists.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from pydantic import ValidationError

from schemas.entry import unfit_field
from schemas.events import Identity, Photo, PhotoUploaded
from schemas.outcomes import Later, Misconfigured, Never
from streams.photos.bucket.events import CreatedObject, Ids, KeyTemplate, Notification
from streams.photos.retention import is_gone_for_good
from streams.photos.store import PhotoStore
from streams.runtime.stage import HandlerResult

#: Names of object metadata with the shopper's identifiers at Klaviyo.
_IDENTITY = ("klaviyo_id", "email", "external_id")


async def announce(
    event: Notification,
    *,
    template: KeyTemplate,
    store: PhotoStore,
    now: Callable[[], datetime],
    kept_for: timedelta = timedelta(days=7),
) -> HandlerResult:
    """
    Publish an upload for each created object. An object that is reported twice is one upload.

    Skips objects that were read and deleted before, or that are missing and older than `kept_for`.
    """
    uploads = []
    for created in event.created:
        if store.is_mark(created.place.uri):
            # A mark of a photo that was deleted after reading: the bucket reports every new object.
            continue
        if store.is_dated(created.place.uri):
            # `hangtag upload` or the gateway stored the photo, and publishes its upload.
            continue
        ids = template.read(created.place)
        if ids is None:
            return Never(
                "unknown-key", f"the object's key is not of the form {template.template} (HANGTAG_NOTIFICATIONS_KEY)"
            )
        upload = await _upload(created, ids, store)
        if isinstance(upload, PhotoUploaded):
            uploads.append(upload)
            continue
        if not await is_gone_for_good(
            upload,
            store,
            created.place.uri,
            upload_id=ids.upload_id,
            uploaded_at=created.at,
            now=now(),
            kept_for=kept_for,
        ):
            return upload
    return tuple(uploads)


async def _upload(created: CreatedObject, ids: Ids, store: PhotoStore) -> PhotoUploaded | Later | Never | Misconfigured:
    place = created.place
    labels = await store.labels(place.uri)
    if not isinstance(labels, dict):
        return labels
    identity = {name: labels[name] for name in _IDENTITY if name in labels}
    try:
        upload = PhotoUploaded(
            upload_id=ids.upload_id,
            shopper_id=ids.shopper_id,
            uploaded_at=created.at,
            photo=Photo(uri=place.uri, content_type=labels.get("content_type")),
            identity=Identity(**identity) if identity else Identity(external_id=ids.shopper_id),
            locale=labels.get("locale"),
        )
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, one["loc"])) or "identity" for one in error.errors())
        return Never("invalid-upload", f"the object's key or metadata are not a valid upload: {fields}")
    unfit = unfit_field(upload)
    return Never("invalid-upload", f"the object's key or metadata are not a valid upload: {unfit}") if unfit else upload
