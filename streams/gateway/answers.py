"""Responses of the gateway: a status as JSON or as a stream event, and errors that several routes return."""

from typing import Any, Final

from fastapi import Response

from ocr_worker.http.problems import BadRequestError
from streams.index.status import Status

#: Retry-After in seconds: for what ends in a moment, and for a service that must become available again.
SOON: Final = 1
LATER: Final = 5
#: Id of the last event of a stream.
LAST: Final = "final"


def as_json(status: Status, code: int, headers: dict[str, Any] | None = None) -> Response:
    """Return a response with a status."""
    return Response(status.model_dump_json(), code, headers, media_type="application/json")


def as_event(status: Status) -> str:
    """Return a status as a Server-Sent Event."""
    last = f"id: {LAST}\n" if status.final else ""
    return f"event: status\n{last}data: {status.model_dump_json()}\n\n"


def away(code: str, detail: str, seconds: int) -> BadRequestError:
    """Return a 503 with Retry-After `seconds`."""
    return BadRequestError(503, code, detail, {"Retry-After": str(seconds)})


def not_ready() -> BadRequestError:
    """Return a 503 for a gateway that has not read all of the topics yet."""
    return away("not-ready", "the gateway has not read all of the topics yet", SOON)


def key_reused(upload_id: str) -> BadRequestError:
    """Return a 422 for an idempotency key that was used for another photo, with that upload's address."""
    detail = f"this idempotency key was used for another photo, upload {upload_id}"
    return BadRequestError(422, "key-reused", detail, {"Location": f"/uploads/{upload_id}"})


def shopper_forgotten() -> BadRequestError:
    """Refuse a photo of a shopper who was forgotten."""
    return BadRequestError(403, "forgotten", "this shopper was forgotten; the photo was not kept")
