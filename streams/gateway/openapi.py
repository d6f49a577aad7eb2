"""What the gateway's OpenAPI document says where FastAPI cannot see it: bodies read by hand, problems, streams."""

from typing import Any

from ocr_worker.http.openapi import problem_answer
from streams.gateway.request import FIELDS, KEY_HEADER, KEY_MOST, PHOTO

_MEANINGS = {
    400: "The idempotency key cannot be, or the caller hung up.",
    401: "The bearer token is missing or wrong.",
    403: "The shopper was forgotten; nothing was kept.",
    404: "No such upload is known, or not any more.",
    408: "The photo took too long to arrive.",
    409: "A request with this idempotency key is under way.",
    413: "The photo has too many bytes.",
    415: "Not multipart, or no photo.",
    422: "A field is missing, there twice or cannot be, or the key was used for another photo.",
    503: "Full, starting, or Kafka, the photos or the state database are away: come back after Retry-After seconds.",
}
_LOCATION = {"Location": {"description": "Where its status is.", "schema": {"type": "string"}}}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe these problem+json answers."""
    return {status: problem_answer(status, _MEANINGS[status]) for status in statuses}


def post_answers() -> dict[int | str, dict[str, Any]]:
    """Describe every answer of POST /uploads."""
    accepted = {"description": "Photo and event are safe.", "headers": _LOCATION}
    return {202: accepted, **problems(400, 401, 403, 408, 409, 413, 415, 422, 503)}


def stream_answers() -> dict[int | str, dict[str, Any]]:
    """Describe every answer of GET /uploads/{upload_id}/events."""
    stream = {
        "description": "An event `status` whenever it changes, until it is final.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
    return {200: stream, 204: {"description": "The caller has had the final status."}, **problems(401, 404, 503)}


def post_operation(*, token: bool) -> dict[str, Any]:
    """Describe the request of POST /uploads."""
    fields: dict[str, Any] = {name: {"type": "string", "description": meaning} for name, meaning in FIELDS.items()}
    form = {
        "type": "object",
        "required": [PHOTO, "shopper_id"],
        "properties": {PHOTO: {"type": "string", "format": "binary"}} | fields,
    }
    key = {
        "name": KEY_HEADER,
        "in": "header",
        "description": "The same key of the same shopper is the same upload, published once.",
        "schema": {"type": "string", "minLength": 1, "maxLength": KEY_MOST},
    }
    body = {"required": True, "content": {"multipart/form-data": {"schema": form}}}
    return {"operationId": "post_upload", "parameters": [key], "requestBody": body} | needs(token=token)


def needs(*, token: bool) -> dict[str, Any]:
    """Say whether an operation needs the token."""
    return {"security": [{"bearer": []}]} if token else {}


def complete(document: dict[str, Any], *, token: bool) -> dict[str, Any]:
    """Add what is true of the whole document."""
    if token:
        document.setdefault("components", {})["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    return document
