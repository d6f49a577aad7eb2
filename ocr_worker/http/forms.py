"""
Request bodies with one photo, bounded in size and time while they arrive, and never written to disk.

Knows neither the OCR worker nor the gateway, which both receive photos with it.
"""

import asyncio
from collections.abc import AsyncGenerator

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from ocr_worker.http.problems import BadRequestError

#: Boundaries, part headers and small fields besides the photo.
_OVERHEAD = 64 * 1024
#: A caller still sending loses our answer if we hang up; up to this much is read and dropped first.
_DROP = 128 * 1024 * 1024
_DROP_S = 5.0


def check_size(request: Request, max_bytes: int) -> None:
    """
    Refuse a body that says itself that its photo has more than `max_bytes`.

    Raises:
        BadRequestError: 413.

    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes + _OVERHEAD:
        raise _too_large(max_bytes)


async def receive_form(request: Request, *, max_bytes: int, upload_s: float) -> FormData:
    """
    Receive a multipart form with a photo of at most `max_bytes`, in memory only and within `upload_s` seconds.

    Raises:
        BadRequestError: 400 when the caller hangs up, 408 when it takes too long, 413 when it is too large, 422 when
            it is no form.

    """
    most = max_bytes + _OVERHEAD
    parser = MultiPartParser(request.headers, bounded(request, most, _too_large(max_bytes)), max_files=2, max_fields=8)
    # Past this size Starlette would write the photo to a temporary file.
    parser.spool_max_size = most
    try:
        async with asyncio.timeout(upload_s):
            return await parser.parse()
    except TimeoutError:
        raise too_slow(upload_s) from None
    except MultiPartException as error:
        raise BadRequestError(422, "bad-multipart", error.message) from None
    except ClientDisconnect:
        raise caller_gone() from None


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


async def bounded(request: Request, most: int, too_large: BadRequestError) -> AsyncGenerator[bytes, None]:
    """Yield the body's chunks; raise `too_large` once it passes `most` bytes."""
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > most:
            raise too_large
        yield chunk


def _too_large(max_bytes: int) -> BadRequestError:
    return BadRequestError(413, "too-large", f"a photo may have at most {max_bytes:,} bytes")


def too_slow(upload_s: float) -> BadRequestError:
    """Make the 408 for a body that took over `upload_s` seconds."""
    return BadRequestError(408, "too-slow", f"the photo took over {upload_s:g} s to arrive")


def caller_gone() -> BadRequestError:
    """Make the 400 for a caller who hung up while sending."""
    return BadRequestError(400, "caller-gone", "the caller hung up while sending")


def kind_of(request: Request) -> str:
    """Give the media type that the request says it has, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
