"""
What stands before and after the page's uploads, which Gradio writes to disk.

Photos that are too large are turned away before, with the worker's own sentence; only what was uploaded may be named
afterwards; what was read is deleted. Knows no Gradio but its wire format.
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

#: Gradio's own upload route.
_UPLOAD = "/gradio_api/upload"
#: All other requests are a few names and numbers.
_MOST_BYTES = 256 * 1024
_ELSEWHERE = "only a photo that was put in here is read"


class UploadGuard:
    """
    ASGI middleware. The page shows the body of its answer as it is, so that is the sentence alone.

    `folder` is where uploads lie. Gradio checks which files a request names in apps that it launched itself only: in a
    mounted one it would read, and have us delete, any file of this machine, and fetch any address.
    """

    def __init__(self, app: ASGIApp, config: OcrConfig, folder: Path) -> None:
        self._app = app
        self._config = config
        self._folder = folder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on but uploads without a length, or with too large a one, and names of what is no upload."""
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
            # Gradio reads JSON and nothing else.
            return
        if not all(is_upload(name, self._folder) for name in _names(said)):
            raise BadRequestError(403, "not-an-upload", _ELSEWHERE)


def is_upload(path: str, folder: Path) -> bool:
    """Tell whether a path leads to a file below the folder of uploads, whatever links and dots are in it."""
    try:
        return Path(path).resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):
        return False


def take(upload: Path, folder: Path) -> bytes | Refused | Later:
    """
    Read an uploaded file and delete it; what is not in the folder of uploads is left alone.

    Gradio names a file by its content, so that two people's uploads of the same photo are one file: who comes second
    may find nothing.
    """
    if not is_upload(str(upload), folder):
        return Refused("unsupported", _ELSEWHERE)
    try:
        photo = upload.read_bytes()
    except FileNotFoundError:
        return Later("upload-gone", "the same photo was being read already; put it in again")
    upload.unlink(missing_ok=True)
    return photo


def _check_length(request: Request) -> None:
    if not request.headers.get("content-length", "").isdecimal():
        raise BadRequestError(411, "no-length", "say how large the photo is (Content-Length)")


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise BadRequestError(413, "too-large", f"a request may have at most {_MOST_BYTES:,} bytes")
    return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """Give what was received once more, then whatever comes after it."""
    left = [body]

    async def received() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return received


def _names(said: object) -> Iterator[str]:
    """Find the paths in a request; Gradio takes any object with a `path` for a file."""
    waiting = [said]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if isinstance(name := one.get("path"), str):
                yield name
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
