"""The parts of the gateway's OpenAPI document that FastAPI cannot derive: request bodies, problems, streams."""

from typing import Any

from ocr_worker.http.openapi import problem_answer
from streams.gateway.request import FIELDS, KEY_HEADER, KEY_MOST, PHOTO

_MEANINGS = {
    400: "The idempotency key is not valid, or the caller disconnected.",
    401: "The bearer token is missing or wrong.",
    403: "The shopper was forgotten; nothing was kept.",
    404: "The upload is unknown, or no longer remembered.",
    408: "The photo took too long to arrive.",
    409: "A request with this idempotency key is in progress.",
    413: "The photo has too many bytes.",
    415: "Not multipart, or no photo.",
    422: "A field is missing, duplicate or not valid, or the key was used for another photo.",
    503: "Full or starting, or Kafka, photo store or state database are away: try again after Retry-After seconds.",
}
_LOCATION = {"Location": {"description": "Address of its status.", "schema": {"type": "string"}}}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the problem+json responses with these statuses."""
    return {status: problem_answer(status, _MEANINGS[status]) for status in statuses}


def post_answers() -> dict[int | str, dict[str, Any]]:
    """Describe every response of POST /uploads."""
    accepted = {"description": "The photo is stored and its event is published.", "headers": _LOCATION}
    return {202: accepted, **problems(400, 401, 403, 408, 409, 413, 415, 422, 503)}


def stream_answers() -> dict[int | str, dict[str, Any]]:
    """Describe every response of GET /uploads/{upload_id}/events."""
    stream = {
        "description": "An event `status` after each change, until the status is final.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
    return {200: stream, 204: {"description": "The caller has received the final status."}, **problems(401, 404, 503)}


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
        "description": "Requests of one shopper with the same key are one upload, published once.",
        "schema": {"type": "string", "minLength": 1, "maxLength": KEY_MOST},
    }
    body = {"required": True, "content": {"multipart/form-data": {"schema": form}}}
    return {"operationId": "post_upload", "parameters": [key], "requestBody": body} | needs(token=token)


def needs(*, token: bool) -> dict[str, Any]:
    """Return whether an operation needs the token, as OpenAPI."""
    return {"security": [{"bearer": []}]} if token else {}


def complete(document: dict[str, Any], *, token: bool) -> dict[str, Any]:
    """Add the parts that concern the whole document."""
    if token:
        document.setdefault("components", {})["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    return document
