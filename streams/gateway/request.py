"""
Parses a request to the gateway: one photo, its shopper, and an idempotency key.

Rejects what it can before it uses memory. Stores and publishes nothing.
"""

import hashlib
from dataclasses import dataclass, field, replace
from typing import NoReturn

from fastapi import Request
from starlette.datastructures import FormData

from ocr_worker.http.forms import check_size, kind_of, only_photo, receive_form
from ocr_worker.http.problems import BadRequestError
from ocr_worker.images.formats import sniff
from schemas.producer import Upload

PHOTO = "photo"
#: Fields besides the photo, with their descriptions; the first is required.
FIELDS = {
    "shopper_id": "The shop's id of the shopper.",
    "email": "The shopper's e-mail address at Klaviyo, instead of `shopper_id`, if the gateway allows it.",
    "locale": "The shopper's language as a BCP 47 tag.",
}
KEY_HEADER = "Idempotency-Key"
#: Longest key that is accepted, as on many servers.
KEY_MOST = 255
#: One file name for all photos, so that an upload has one key in the store. The bytes show the format.
_NAME = "photo.img"
#: Seconds that sending one photo may take.
_UPLOAD_S = 30.0


@dataclass(frozen=True, slots=True)
class Posted:
    """A posted upload, and the digest of its photo."""

    upload: Upload = field(repr=False)
    sha256: str
    #: Under an idempotency key.
    keyed: bool = False


def check_head(request: Request, max_bytes: int) -> None:
    """
    Reject a request by its headers, where they suffice.

    Raises:
        BadRequestError: 400, 413 or 415.

    """
    if kind_of(request) != "multipart/form-data":
        raise BadRequestError(415, "not-multipart", f"send multipart/form-data with a file {PHOTO} and shopper_id")
    key = request.headers.get(KEY_HEADER)
    if key is not None and not (0 < len(key) <= KEY_MOST and key.isprintable()):
        raise BadRequestError(400, "bad-key", f"{KEY_HEADER} has 1 to {KEY_MOST} printable characters")
    check_size(request, max_bytes)


async def receive(request: Request, max_bytes: int, *, allow_email: bool) -> Posted:
    """
    Receive the upload. Without `allow_email`, rejects an upload with an e-mail address.

    Raises:
        BadRequestError: 400 if the caller disconnects, 408 if the body takes too long, 413 if the photo is too large,
            415 if it is not a photo, 422 if a field is missing or duplicate.

    """
    form = await receive_form(request, PHOTO, max_bytes=max_bytes, upload_s=_UPLOAD_S)
    photo = await only_photo(form, PHOTO, max_bytes=max_bytes)
    fields = {name: _one(form, name) for name in FIELDS}
    shopper_id, email = fields["shopper_id"], fields["email"]
    if not shopper_id:
        _unfit("send the field shopper_id")
    if email and not allow_email:
        # A caller who may send an address can write that person's profile at Klaviyo.
        raise BadRequestError(
            422, "email-not-allowed", "this gateway accepts shopper_id only (hangtag gateway --allow-email)"
        )
    kind = sniff(photo)
    if kind is None:
        raise BadRequestError(415, "unsupported", "the file is not a supported photo; send JPEG, PNG or HEIC")
    upload = Upload(
        photo=photo,
        name=_NAME,
        shopper_id=shopper_id,
        identity={"email": email} if email else None,
        content_type=f"image/{kind.lower()}",
        locale=fields["locale"] or None,
    )
    key = request.headers.get(KEY_HEADER)
    if key is not None:
        upload = replace(upload, upload_id=id_of(shopper_id, key))
    return Posted(upload, hashlib.sha256(photo).hexdigest(), keyed=key is not None)


def id_of(shopper_id: str, key: str) -> str:
    """Return the upload id of a shopper's idempotency key: always the same, at every gateway."""
    return hashlib.sha256(f"{shopper_id}\n{key}".encode()).hexdigest()[:32]


def _one(form: FormData, name: str) -> str:
    values = form.getlist(name)
    if len(values) > 1 or not all(isinstance(value, str) for value in values):
        _unfit(f"send the field {name} once, as text")
    return "".join(map(str, values))


def _unfit(detail: str) -> NoReturn:
    raise BadRequestError(422, "bad-field", detail)
