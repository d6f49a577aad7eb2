"""
Extracts the one photo of a request: sent in a form, or named by its URI.

Opens no URI: the caller passes a `Fetch` that knows the allowed places. Knows no engine.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Request
from pydantic import Field, ValidationError
from starlette.requests import ClientDisconnect

from ocr_worker.config import OcrConfig
from ocr_worker.http.forms import bounded, caller_gone, check_size, kind_of, only_photo, receive_form, too_slow
from ocr_worker.http.problems import BadRequestError
from ocr_worker.result import FIELD, Refused
from schemas.events import FrozenModel
from schemas.outcomes import Later, Misconfigured, Never

#: Returns the photo at an allowed URI; `Never` for any other URI.
Fetch = Callable[[str], Awaitable[bytes | Refused | Later | Never | Misconfigured]]

#: Most bytes of a body that names a photo. 2,048 characters in JSON's longest notation are 24,576 bytes.
_NAME_BYTES = 32 * 1024


class PhotoAt(FrozenModel):
    """The JSON body of POST /ocr: where the photo is stored."""

    image_uri: Annotated[str, Field(min_length=1, max_length=2048)]


def check_head(request: Request, config: OcrConfig, fetch: Fetch | None) -> None:
    """
    Reject a request by its headers, where they suffice.

    Raises:
        BadRequestError: 413 or 415.

    """
    kind = kind_of(request)
    if kind != "multipart/form-data" and (kind != "application/json" or fetch is None):
        hint = "" if fetch is None else ", or application/json with image_uri"
        raise BadRequestError(415, "not-multipart", f"send multipart/form-data with one file field {FIELD}{hint}")
    check_size(request, config.limits.max_bytes)


async def receive(request: Request, config: OcrConfig) -> bytes | PhotoAt:
    """
    Receive the photo, or its URI.

    Raises:
        BadRequestError: 400 if the caller disconnects, 408 if the body takes too long, 413 if it is too large, 422 if
            there is not exactly one photo or URI.

    """
    if kind_of(request) == "multipart/form-data":
        form = await receive_form(request, FIELD, max_bytes=config.limits.max_bytes, upload_s=config.upload_s)
        return await only_photo(form, FIELD, max_bytes=config.limits.max_bytes)
    too_large = BadRequestError(413, "too-large", f"a body with image_uri may have at most {_NAME_BYTES:,} bytes")
    try:
        async with asyncio.timeout(config.upload_s):
            body = b"".join([chunk async for chunk in bounded(request, _NAME_BYTES, too_large)])
    except TimeoutError:
        raise too_slow(config.upload_s) from None
    except ClientDisconnect:
        raise caller_gone() from None
    try:
        return PhotoAt.model_validate_json(body)
    except ValidationError:
        raise BadRequestError(422, "bad-json", 'send {"image_uri": "..."}') from None
