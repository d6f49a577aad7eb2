"""Maps an OCR worker's HTTP response to an outcome. Pure: sends nothing."""

from http import HTTPStatus

import httpx
from pydantic import ValidationError

from ocr_worker.result import BUSY, STATUS, Reading, Refused
from schemas.outcomes import Later, Misconfigured, Never

Outcome = Reading | Refused | Later | Never | Misconfigured

#: Reasons why there is no response: the connection broke while the worker had the photo, a time-out, no connection.
BROKE_OFF, TIMED_OUT, UNREACHABLE = "ocr-broke-off", "ocr-timeout", "ocr-unreachable"

#: Most tries of a photo on which workers fail, because the photo may be the cause.
TRIES = 5
#: Longest Retry-After of a worker that is respected, in seconds.
_MOST_REST_S = 120.0
_REFUSALS = {status: code for code, status in STATUS.items()}
_SET_UP_WRONG = {
    HTTPStatus.UNAUTHORIZED: ("ocr-unauthorized", "rejects our token"),
    HTTPStatus.FORBIDDEN: ("ocr-unauthorized", "rejects our token"),
    HTTPStatus.NOT_FOUND: ("ocr-not-a-worker", "is not an OCR worker"),
    HTTPStatus.METHOD_NOT_ALLOWED: ("ocr-not-a-worker", "is not an OCR worker"),
}


def outcome_of(answer: httpx.Response, url: str) -> Outcome:
    """Return the outcome. `Later` with `tries`: this photo may be the cause. Without: no worker has read the photo."""
    status = answer.status_code
    if status == HTTPStatus.OK:
        return _reading(answer)
    if status in _REFUSALS:
        return Refused(_REFUSALS[status], _detail(answer))
    if status in _SET_UP_WRONG:
        reason, message = _SET_UP_WRONG[HTTPStatus(status)]
        return Misconfigured(reason, f"{url} {message} (HTTP {status})")
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return Later(BUSY, f"the OCR worker at {url} is full or down", retry_after=_retry_after(answer))
    # 500 means that the worker failed on this photo. With 502 and above, no worker has read it.
    if status > HTTPStatus.INTERNAL_SERVER_ERROR:
        return Later("ocr-unavailable", f"the OCR worker at {url} is down (HTTP {status})")
    return Later("ocr-failed", f"the OCR worker at {url} failed on this photo (HTTP {status})", tries=TRIES)


def _reading(answer: httpx.Response) -> Reading | Later:
    try:
        return Reading.model_validate_json(answer.content)
    except ValidationError as error:
        message = f"the OCR worker's answer is not a reading ({error.error_count()} faults)"
        return Later("ocr-bad-answer", message, tries=TRIES)


def _detail(answer: httpx.Response) -> str:
    try:
        body = answer.json()
    except ValueError:
        body = None
    detail = body.get("detail") if isinstance(body, dict) else None
    return detail if isinstance(detail, str) else "the OCR worker refused the photo"


def _retry_after(answer: httpx.Response) -> float | None:
    given = answer.headers.get("Retry-After", "")
    return min(float(given), _MOST_REST_S) if given.isdecimal() else None
