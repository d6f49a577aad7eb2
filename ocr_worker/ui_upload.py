"""
What stands before the page's uploads: photos that are too large are turned away with the worker's own sentence.

They would be written to disk before anyone looks at them. Knows no Gradio.
"""

from fastapi import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ocr_worker.config import OcrConfig
from ocr_worker.problems import BadRequestError
from ocr_worker.upload import check_head, drop_rest

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


def _check_length(request: Request) -> None:
    if not request.headers.get("content-length", "").isdecimal():
        raise BadRequestError(411, "no-length", "say how large the photo is (Content-Length)")
