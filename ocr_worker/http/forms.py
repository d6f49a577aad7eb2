"""
Request bodies with one photo, bounded in size and time while they arrive, and never written to disk.

Knows neither the OCR worker nor the gateway, which both receive photos with it.
"""

import asyncio
from collections.abc import AsyncGenerator

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from ocr_worker.http.problems import BadRequestError

#: Boundaries, part headers and small fields besides the photo.
_OVERHEAD = 64 * 1024
#: What a part is called that has no file's name.
_UNNAMED = "unnamed part"


class _PhotoForm(MultiPartParser):
    """
    A form whose part `photo` is a file, also where its sender names none.

    Node's form-data names no file for a Buffer, some clients name it by `filename*` alone (RFC 6266, 4.3).
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
    Refuse a body by its headers: one that is compressed, or says itself that its photo has more than `max_bytes`.

    Raises:
        BadRequestError: 413 or 415.

    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        raise BadRequestError(415, "encoded", "send the body as it is, without Content-Encoding: photos are compressed")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes + _OVERHEAD:
        raise _too_large(max_bytes)


def declared_size(request: Request, most: int) -> int:
    """Give the bytes that the request says its body has, `most` where it does not say."""
    declared = request.headers.get("content-length", "")
    return min(int(declared), most) if declared.isdecimal() and len(declared) < len(str(most)) + 2 else most


async def receive_form(request: Request, name: str, *, max_bytes: int, upload_s: float) -> FormData:
    """
    Receive a multipart form with a photo `name` of at most `max_bytes`, in memory only and within `upload_s` seconds.

    Raises:
        BadRequestError: 400 when the caller hangs up, 408 when it takes too long, 413 when it is too large, 422 when
            it is no form.

    """
    most = max_bytes + _OVERHEAD
    body = bounded(request, most, _too_large(max_bytes))
    parser = _PhotoForm(request.headers, _without_preamble(body, request.headers), name)
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
        if files[0].filename == _UNNAMED and _is_text(photo):
            raise BadRequestError(422, "one-image", f"the field {name} holds text; send exactly one file in it")
    finally:
        await form.close()
    if len(photo) > max_bytes:
        raise _too_large(max_bytes)
    return photo


async def _without_preamble(body: AsyncGenerator[bytes, None], headers: Headers) -> AsyncGenerator[bytes, None]:
    """Drop what stands before the first boundary, as RFC 2046 (5.1.1) asks; the parser would take it for broken."""
    _, options = parse_options_header(headers.get("content-type"))
    boundary = b"--" + options.get(b"boundary", b"")
    begun = b""
    async for chunk in body:
        begun += chunk
        # A boundary stands at the start of a line.
        at = (b"\r\n" + begun).find(b"\r\n" + boundary)
        if at >= 0:
            yield begun[at:]
            break
    else:
        yield begun
    async for chunk in body:
        yield chunk


async def bounded(request: Request, most: int, too_large: BadRequestError) -> AsyncGenerator[bytes, None]:
    """Yield the body's chunks; raise `too_large` once it passes `most` bytes."""
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
        # As every format of photos is.
        return False
    return True


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
