"""
What stands before and after the page's uploads, which Gradio writes to disk.

Photos that are too large are turned away before, with the worker's own sentence; what was read is deleted. Knows no
Gradio.
"""

from pathlib import Path

from fastapi import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ocr_worker.config import OcrConfig
from ocr_worker.problems import BadRequestError
from ocr_worker.upload import check_head, drop_rest
from schemas.outcomes import Later

#: Gradio's own upload route.
_UPLOAD = "/gradio_api/upload"


class UploadLimit:
    """ASGI middleware. The page shows the body of its answer as it is, so that is the sentence alone."""

    def __init__(self, app: ASGIApp, config: OcrConfig) -> None:
        self._app = app
        self._config = config

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on but uploads without a length, or with too large a one."""
        if scope["type"] != "http" or scope["path"] != _UPLOAD:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            _check_length(request)
            check_head(request, self._config, None)
        except BadRequestError as error:
            await drop_rest(request)
            await PlainTextResponse(error.detail, error.status)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def take(upload: Path) -> bytes | Later:
    """
    Read an uploaded file and delete it.

    Gradio names a file by its content, so that two people's uploads of the same photo are one file: who comes second
    may find nothing.
    """
    try:
        photo = upload.read_bytes()
    except FileNotFoundError:
        return Later("upload-gone", "the same photo was being read already; put it in again")
    upload.unlink(missing_ok=True)
    return photo


def _check_length(request: Request) -> None:
    if not request.headers.get("content-length", "").isdecimal():
        raise BadRequestError(411, "no-length", "say how large the photo is (Content-Length)")
