"""What an OCR worker's HTTP answer means to the one who sent the photo. Pure: sends nothing."""

from http import HTTPStatus

import httpx
from pydantic import ValidationError

from ocr_worker.result import BUSY, STATUS, Reading, Refused
from schemas.outcomes import Later, Misconfigured, Never

Outcome = Reading | Refused | Later | Never | Misconfigured

#: Why there is no reading: the worker ended while it had the photo, took too long, or is not there.
BROKE_OFF, TIMED_OUT, UNREACHABLE = "ocr-broke-off", "ocr-timeout", "ocr-unreachable"

#: A photo that a worker fails on is tried this often in all: it may be the photo.
TRIES = 5
#: No worker is believed that wants to be left alone for longer than this many seconds.
_MOST_REST_S = 120.0
_REFUSALS = {status: code for code, status in STATUS.items()}
_SET_UP_WRONG = {
    HTTPStatus.UNAUTHORIZED: ("ocr-unauthorized", "does not take our token"),
    HTTPStatus.FORBIDDEN: ("ocr-unauthorized", "does not take our token"),
    HTTPStatus.NOT_FOUND: ("ocr-not-a-worker", "is no OCR worker"),
    HTTPStatus.METHOD_NOT_ALLOWED: ("ocr-not-a-worker", "is no OCR worker"),
}


def outcome_of(answer: httpx.Response, url: str) -> Outcome:
    """Read the answer. `Later` with `tries` blames this photo perhaps; without, nobody looked at the photo."""
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
    # 500 is a fault met on this very photo; above it, nobody looked at the photo.
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
