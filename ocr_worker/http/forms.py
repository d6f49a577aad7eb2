"""
Receives a request body with one photo. Limits its size and time while it arrives, and never writes it to disk.

Knows neither the OCR worker nor the gateway, which both use it.
"""

import asyncio
from collections.abc import AsyncGenerator

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from ocr_worker.http.problems import BadRequestError

#: Bytes allowed in addition to the photo: boundaries, part headers and small fields.
_OVERHEAD = 64 * 1024
#: File name for a part that has none.
_UNNAMED = "unnamed part"


class _PhotoForm(MultiPartParser):
    """
    A form parser that treats the part `photo` as a file, even if the client sends no file name for it.

    Node's form-data sends no file name for a Buffer. Some clients send only `filename*` (RFC 6266, 4.3).
    """

    def __init__(self, headers: Headers, stream: AsyncGenerator[bytes, None], photo: str) -> None:
        super().__init__(headers, stream, max_files=2, max_fields=8)
        self._photo = photo.encode()

    def on_headers_finished(self) -> None:
        part = self._current_part
        _, options = parse_options_header(part.content_disposition)
        if options.get(b"name") == self._photo and b"filename" not in options:
            part.content_disposition = (part.content_disposition or b"") + b'; filename="' + _UNNAMED.encode() + b'"'
        super().on_headers_finished()


def check_size(request: Request, max_bytes: int) -> None:
    """
    Reject a body by its headers: a compressed one, or one whose declared size is over `max_bytes` for the photo.

    Raises:
        BadRequestError: 413 or 415.

    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        raise BadRequestError(415, "encoded", "send the body without Content-Encoding: photos are compressed already")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes + _OVERHEAD:
        raise _too_large(max_bytes)


def declared_size(request: Request, most: int) -> int:
    """Return the declared size of the body in bytes, at most `most`; `most` if the request declares none."""
    declared = request.headers.get("content-length", "")
    return min(int(declared), most) if declared.isdecimal() and len(declared) < len(str(most)) + 2 else most


async def receive_form(request: Request, name: str, *, max_bytes: int, upload_s: float) -> FormData:
    """
    Receive a multipart form in memory. The photo `name` may have `max_bytes` bytes and take `upload_s` seconds.

    Raises:
        BadRequestError: 400 if the caller disconnects, 408 if the body takes too long, 413 if it is too large, 422 if
            it is not a form.

    """
    most = max_bytes + _OVERHEAD
    body = bounded(request, most, _too_large(max_bytes))
    parser = _PhotoForm(request.headers, _without_preamble(body, request.headers), name)
    # Above this size Starlette would write the photo to a temporary file.
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
    Return the bytes of the form's one photo, and close the form.

    Raises:
        BadRequestError: 413 if the photo is too large, 422 if there is not exactly one.

    """
    try:
        files = form.getlist(name)
        if len(files) != 1 or not isinstance(files[0], UploadFile):
            raise BadRequestError(422, "one-image", f"send exactly one file in the field {name}")
        photo = await files[0].read()
        if files[0].filename == _UNNAMED and _is_text(photo):
            raise BadRequestError(422, "one-image", f"the field {name} contains text; send exactly one file in it")
    finally:
        await form.close()
    if len(photo) > max_bytes:
        raise _too_large(max_bytes)
    return photo


async def _without_preamble(body: AsyncGenerator[bytes, None], headers: Headers) -> AsyncGenerator[bytes, None]:
    """Drop everything before the first boundary, as RFC 2046 (5.1.1) requires. The parser would reject it."""
    _, options = parse_options_header(headers.get("content-type"))
    boundary = b"--" + options.get(b"boundary", b"")
    begun = b""
    async for chunk in body:
        begun += chunk
        # A boundary is at the start of a line.
        at = (b"\r\n" + begun).find(b"\r\n" + boundary)
        if at >= 0:
            yield begun[at:]
            break
    else:
        yield begun
    async for chunk in body:
        yield chunk


async def bounded(request: Request, most: int, too_large: BadRequestError) -> AsyncGenerator[bytes, None]:
    """Yield the body in chunks; raise `too_large` when it exceeds `most` bytes."""
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > most:
            raise too_large
        yield chunk


def _is_text(part: bytes) -> bool:
    try:
        part.decode()
    except UnicodeDecodeError:
        # The bytes of every photo format fail to decode as UTF-8.
        return False
    return True


def _too_large(max_bytes: int) -> BadRequestError:
    return BadRequestError(413, "too-large", f"a photo may have at most {max_bytes:,} bytes")


def too_slow(upload_s: float) -> BadRequestError:
    """Return the 408 for a body that took longer than `upload_s` seconds."""
    return BadRequestError(408, "too-slow", f"the photo took over {upload_s:g} s to arrive")


def caller_gone() -> BadRequestError:
    """Return the 400 for a caller who disconnected while sending."""
    return BadRequestError(400, "caller-gone", "the caller disconnected while sending")


def kind_of(request: Request) -> str:
    """Return the media type from the request's Content-Type header, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
