"""
The one photo out of a request, bounded while it arrives and never written to disk: sent along, or named by its URI.

Opens no URI: whoever runs the server hands in what knows the places that are allowed. Knows no engine.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Annotated

from fastapi import Request
from pydantic import Field, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from ocr_worker.config import OcrConfig
from ocr_worker.problems import BadRequestError
from ocr_worker.reading import FIELD, Refused
from schemas.events import Noun
from schemas.outcomes import Later, Misconfigured, Never

#: Gives the photo at a URI of a place that is allowed; `Never` for any other.
Fetch = Callable[[str], Awaitable[bytes | Refused | Later | Never | Misconfigured]]

#: Boundaries, part headers and small fields besides the photo.
_OVERHEAD = 64 * 1024
#: A body that only names a photo has at most this many bytes; 2,048 letters in JSON's longest spelling are 24,576.
_NAME_BYTES = 32 * 1024
#: A caller still sending loses our answer if we hang up; up to this much is read and dropped first.
_DROP = 128 * 1024 * 1024
_DROP_S = 5.0


class PhotoAt(Noun):
    """The JSON body of POST /ocr: where the photo lies."""

    image_uri: Annotated[str, Field(min_length=1, max_length=2048)]


def check_head(request: Request, config: OcrConfig, fetch: Fetch | None) -> None:
    """
    Refuse by the headers alone what can be.

    Raises:
        BadRequestError: 413 or 415.

    """
    kind = kind_of(request)
    if kind != "multipart/form-data" and (kind != "application/json" or fetch is None):
        hint = "" if fetch is None else ", or application/json with image_uri"
        raise BadRequestError(415, "not-multipart", f"send multipart/form-data with one file field {FIELD}{hint}")
    check_size(request, config.limits.max_bytes)


def check_size(request: Request, max_bytes: int) -> None:
    """
    Refuse a body that says itself that its photo has more than `max_bytes`.

    Raises:
        BadRequestError: 413.

    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes + _OVERHEAD:
        raise _too_large(max_bytes)


async def receive(request: Request, config: OcrConfig) -> bytes | PhotoAt:
    """
    Receive the photo, or where it lies.

    Raises:
        BadRequestError: 400 when the caller hangs up, 408 when it takes too long, 413 when it is too large, 422 when
            there is not exactly one photo or URI.

    """
    if kind_of(request) == "multipart/form-data":
        form = await receive_form(request, max_bytes=config.limits.max_bytes, upload_s=config.upload_s)
        return await only_photo(form, FIELD, max_bytes=config.limits.max_bytes)
    too_large = BadRequestError(413, "too-large", f"the name of a photo may have at most {_NAME_BYTES:,} bytes")
    try:
        async with asyncio.timeout(config.upload_s):
            body = b"".join([chunk async for chunk in _bounded(request, _NAME_BYTES, too_large)])
    except TimeoutError:
        raise _too_slow(config.upload_s) from None
    except ClientDisconnect:
        raise _caller_gone() from None
    try:
        return PhotoAt.model_validate_json(body)
    except ValidationError:
        raise BadRequestError(422, "bad-json", 'send {"image_uri": "..."}') from None


async def receive_form(request: Request, *, max_bytes: int, upload_s: float) -> FormData:
    """
    Receive a multipart form with a photo of at most `max_bytes`, in memory only and within `upload_s` seconds.

    Raises:
        BadRequestError: 400 when the caller hangs up, 408 when it takes too long, 413 when it is too large, 422 when
            it is no form.

    """
    most = max_bytes + _OVERHEAD
    parser = MultiPartParser(request.headers, _bounded(request, most, _too_large(max_bytes)), max_files=2, max_fields=8)
    # Past this size Starlette would write the photo to a temporary file.
    parser.spool_max_size = most
    try:
        async with asyncio.timeout(upload_s):
            return await parser.parse()
    except TimeoutError:
        raise _too_slow(upload_s) from None
    except MultiPartException as error:
        raise BadRequestError(422, "bad-multipart", error.message) from None
    except ClientDisconnect:
        raise _caller_gone() from None


async def only_photo(form: FormData, name: str, *, max_bytes: int) -> bytes:
    """
    Take the one photo out of a form, and close it.

    Raises:
        BadRequestError: 413 when it is too large, 422 when there is not exactly one.

    """
    try:
        files = form.getlist(name)
        if len(files) != 1 or not isinstance(files[0], UploadFile):
            raise BadRequestError(422, "one-image", f"send exactly one file in the field {name}")
        photo = await files[0].read()
    finally:
        await form.close()
    if len(photo) > max_bytes:
        raise _too_large(max_bytes)
    return photo


async def drop_rest(request: Request) -> None:
    """Read and drop what the caller is still sending, within reason."""
    dropped = 0
    try:
        async with asyncio.timeout(_DROP_S):
            async for chunk in request.stream():
                dropped += len(chunk)
                if dropped > _DROP:
                    return
    except (TimeoutError, ClientDisconnect, RuntimeError):
        # Gone, too slow, or read already: in each case there is nothing left to wait for.
        return


async def _bounded(request: Request, most: int, too_large: BadRequestError) -> AsyncGenerator[bytes, None]:
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > most:
            raise too_large
        yield chunk


def _too_large(max_bytes: int) -> BadRequestError:
    return BadRequestError(413, "too-large", f"a photo may have at most {max_bytes:,} bytes")


def _too_slow(upload_s: float) -> BadRequestError:
    return BadRequestError(408, "too-slow", f"the photo took over {upload_s:g} s to arrive")


def _caller_gone() -> BadRequestError:
    return BadRequestError(400, "caller-gone", "the caller hung up while sending")


def kind_of(request: Request) -> str:
    """Give the media type that the request says it has, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
