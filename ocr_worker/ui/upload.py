"""
Guards the page's uploads, which Gradio writes to disk.

Rejects photos that are too large, with the worker's own message. Allows only uploaded files to be named, and deletes
them after reading. Knows only Gradio's wire format.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from fastapi import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ocr_worker.config import OcrConfig
from ocr_worker.http.problems import BadRequestError
from ocr_worker.result import Refused
from ocr_worker.server.request import check_head
from schemas.outcomes import Later

#: Gradio's upload route.
_UPLOAD = "/gradio_api/upload"
#: Limit for all other requests, which contain only a few names and numbers.
_MOST_BYTES = 256 * 1024
_ELSEWHERE = "only photos that were uploaded on this page can be read"


class UploadGuard:
    """
    ASGI middleware in front of Gradio. Gradio shows the body of an error as it is, so the body is just the sentence.

    `folder` is where uploads are stored. Gradio checks the files that a request names only in apps that it launched
    itself. In a mounted app it would read any file of this machine, have us delete it, or fetch any address.
    """

    def __init__(self, app: ASGIApp, config: OcrConfig, folder: Path) -> None:
        self._app = app
        self._config = config
        self._folder = folder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reject uploads without a length or too large, and requests that name a file outside the upload folder."""
        if scope["type"] != "http" or scope["method"] in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            if scope["path"] == _UPLOAD:
                _check_length(request)
                check_head(request, self._config, None)
                replay = receive
            else:
                body = await _body(request)
                self._check_names(body)
                replay = _again(body, receive)
        except BadRequestError as error:
            await PlainTextResponse(error.detail, error.status)(scope, receive, send)
            return
        await self._app(scope, replay, send)

    def _check_names(self, body: bytes) -> None:
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):
            # Gradio parses JSON bodies only.
            return
        if not all(is_upload(name, self._folder) for name in _names(said)):
            raise BadRequestError(403, "not-an-upload", _ELSEWHERE)


def is_upload(path: str, folder: Path) -> bool:
    """Return whether a path, after resolving links and dots, is inside the upload folder."""
    try:
        return Path(path).resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):
        return False


def take(upload: Path, folder: Path) -> bytes | Refused | Later:
    """
    Read an uploaded file and delete it. Files outside the upload folder are neither read nor deleted.

    Gradio names a file by its content, so two people's uploads of one photo share a file: the second may find it
    deleted.
    """
    if not is_upload(str(upload), folder):
        return Refused("unsupported", _ELSEWHERE)
    try:
        photo = upload.read_bytes()
    except FileNotFoundError:
        return Later("upload-gone", "the same photo is being read already; upload it again")
    upload.unlink(missing_ok=True)
    return photo


def _check_length(request: Request) -> None:
    if not request.headers.get("content-length", "").isdecimal():
        raise BadRequestError(411, "no-length", "send the size of the photo (Content-Length)")


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise BadRequestError(413, "too-large", f"a request may have at most {_MOST_BYTES:,} bytes")
    return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that first returns this body again, then what comes after it."""
    left = [body]

    async def received() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return received


def _names(said: object) -> Iterator[str]:
    """Yield the paths in a request. Gradio treats every object with a `path` as a file."""
    waiting = [said]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if isinstance(name := one.get("path"), str):
                yield name
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
