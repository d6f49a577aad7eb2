"""
What an upload's words must be like where they enter: at the gateway, the producer library, a bucket's notification.

Stricter than the event's schema, which older producers may still write by: an id that steers a terminal or an address
that no mail server takes is told to whoever sends it, instead of to an operator later.
"""

import re
from typing import Final

from schemas.events import PhotoUploaded
from schemas.steering import STEERING

_PRINTABLE: Final = re.compile(rf"[^{STEERING}]*")
#: Letters of any script, as they stand in addresses; without quotes, comments and spaces, which no shop needs.
_NAME: Final = rf"[^\s@<>()\[\]\\,;:\"{STEERING}]"
_EMAIL: Final = re.compile(rf"{_NAME}+@(?:(?!\.){_NAME})+(?:\.(?:(?!\.){_NAME})+)+")
#: What is wrong with such a field, in words.
UNFIT: Final = "must be printable text without control or direction characters; an address like name@shop.com"


def unfit_field(upload: PhotoUploaded) -> str | None:
    """Name the first field whose text cannot be taken; None when all can."""
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
