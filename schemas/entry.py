"""
Validates the text fields of new uploads at every entrance: the gateway, the producer library, bucket notifications.

Stricter than the event's schema, because older producers may still publish by the schema. Rejecting an id with control
characters or an invalid e-mail address here reports the error to the sender, instead of to an operator later.
"""

import re
from typing import Final

from schemas.events import PhotoUploaded
from schemas.steering import STEERING

_PRINTABLE: Final = re.compile(rf"[^{STEERING}]*")
#: Letters of any script. Quotes, comments and spaces, which the mail standard allows, are not accepted.
_NAME: Final = rf"[^\s@<>()\[\]\\,;:\"{STEERING}]"
_EMAIL: Final = re.compile(rf"{_NAME}+@(?:(?!\.){_NAME})+(?:\.(?:(?!\.){_NAME})+)+")
#: What a valid field looks like, for error messages.
UNFIT: Final = "must be printable text without control or direction characters; an address like name@shop.com"


def unfit_field(upload: PhotoUploaded) -> str | None:
    """Return the name of the first invalid text field, or None."""
    identity = upload.identity
    texts = {
        "upload_id": upload.upload_id,
        "shopper_id": upload.shopper_id,
        "identity.klaviyo_id": identity.klaviyo_id,
        "identity.external_id": identity.external_id,
        "locale": upload.locale,
        "photo.content_type": upload.photo.content_type,
    }
    for name, text in texts.items():
        if text is not None and not _is_printable(text):
            return name
    return "identity.email" if identity.email is not None and not _EMAIL.fullmatch(identity.email) else None


def _is_printable(text: str) -> bool:
    return _PRINTABLE.fullmatch(text) is not None
