"""
The one photo out of a multipart request, bounded while it arrives and never written to disk.

Knows no engine.
"""

import asyncio
from collections.abc import AsyncGenerator

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from ocr_worker.config import OcrConfig
from ocr_worker.problems import BadRequestError
from ocr_worker.reading import FIELD

#: Boundaries, part headers and small fields besides the photo.
_OVERHEAD = 64 * 1024
#: A caller still sending loses our answer if we hang up; up to this much is read and dropped first.
_DROP = 128 * 1024 * 1024
_DROP_S = 5.0


def check_head(request: Request, config: OcrConfig) -> None:
    """
    Refuse by the headers alone what can be.

    Raises:
        BadRequestError: 413 or 415.

    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "multipart/form-data":
        raise BadRequestError(415, "not-multipart", f"send multipart/form-data with one file field named {FIELD}")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > config.limits.max_bytes + _OVERHEAD:
        raise _too_large(config)


async def receive_photo(request: Request, config: OcrConfig) -> bytes:
    """
    Receive the photo, in memory only.

    Raises:
        BadRequestError: 408 when it takes too long, 413 when it is too large, 422 when there is not exactly one.

    """
    parser = MultiPartParser(request.headers, _bounded(request, config), max_files=2, max_fields=8)
    # Past this size Starlette would write the photo to a temporary file.
    parser.spool_max_size = config.limits.max_bytes + _OVERHEAD
    try:
        async with asyncio.timeout(config.upload_s):
            form = await parser.parse()
    except TimeoutError:
        raise BadRequestError(408, "too-slow", f"the photo took over {config.upload_s:g} s to arrive") from None
    except MultiPartException as error:
        raise BadRequestError(422, "bad-multipart", error.message) from None
    except ClientDisconnect:
        raise BadRequestError(400, "caller-gone", "the caller hung up while sending") from None
    try:
        files = form.getlist(FIELD)
        if len(files) != 1 or not isinstance(files[0], UploadFile):
            raise BadRequestError(422, "one-image", f"send exactly one file in the field {FIELD}")
        photo = await files[0].read()
    finally:
        await form.close()
    if len(photo) > config.limits.max_bytes:
        raise _too_large(config)
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


async def _bounded(request: Request, config: OcrConfig) -> AsyncGenerator[bytes, None]:
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > config.limits.max_bytes + _OVERHEAD:
            raise _too_large(config)
        yield chunk


def _too_large(config: OcrConfig) -> BadRequestError:
    return BadRequestError(413, "too-large", f"a photo may have at most {config.limits.max_bytes:,} bytes")
