"""
Error responses as RFC 9457 problem details (https://www.rfc-editor.org/rfc/rfc9457).

Knows no engine.
"""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"


class BadRequestError(Exception):
    """The request is rejected; carries the status, code and detail of the response."""

    def __init__(self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers


def problem(status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Build the error response. `code` is kebab-case and stable, `detail` a sentence for people."""
    body = {
        "type": f"urn:hangtag:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    return JSONResponse(body, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)
