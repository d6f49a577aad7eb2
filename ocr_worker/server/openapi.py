"""The OpenAPI description of POST /ocr, whose body the worker parses itself. Data only."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ocr_worker.http.openapi import problem_answer
from ocr_worker.result import FIELD, Reading
from ocr_worker.server.request import PhotoAt

_MEANINGS = {
    400: "The photo is damaged, truncated or empty.",
    401: "The bearer token is missing or wrong.",
    408: "The photo took too long to arrive.",
    413: "Too many bytes or pixels.",
    415: "Neither multipart nor (where URIs are allowed) JSON, or not a supported image format.",
    422: "Not exactly one photo, or a URI outside the allowed places.",
    500: "The engine failed on this photo.",
    503: "The worker is full or the engine is down: try again after Retry-After seconds.",
}


#: Every response of POST /ocr that is not a reading.
PROBLEMS: Mapping[int | str, dict[str, Any]] = MappingProxyType(
    {status: problem_answer(status, meaning) for status, meaning in _MEANINGS.items()}
)


def ocr_operation(*, by_uri: bool, token: bool) -> dict[str, Any]:
    """Describe the request of POST /ocr."""
    form = {"type": "object", "required": [FIELD], "properties": {FIELD: {"type": "string", "format": "binary"}}}
    content: dict[str, Any] = {"multipart/form-data": {"schema": form}}
    if by_uri:
        content["application/json"] = {"schema": PhotoAt.model_json_schema()}
    security: dict[str, Any] = {"security": [{"bearer": []}]} if token else {}
    return {"operationId": "read_photo", "requestBody": {"required": True, "content": content}} | security


def complete(document: dict[str, Any], *, token: bool) -> dict[str, Any]:
    """Add the parts that concern the whole document."""
    if token:
        schemes = document.setdefault("components", {}).setdefault("securitySchemes", {})
        schemes["bearer"] = {"type": "http", "scheme": "bearer"}
    assert Reading.__name__ in document["components"]["schemas"]  # noqa: S101 - the 200 answer refers to it
    return document
