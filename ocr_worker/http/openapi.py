"""OpenAPI parts that every HTTP service shares: the problem+json responses. Data only."""

from typing import Any

from ocr_worker.http.problems import MEDIA_TYPE

_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "urn:hangtag:problem:<code>; the code is stable."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}
_RETRY_AFTER = {"Retry-After": {"description": "Whole seconds.", "schema": {"type": "integer", "minimum": 1}}}


def problem_answer(status: int, meaning: str) -> dict[str, Any]:
    """Describe one problem+json response."""
    headers = {"headers": _RETRY_AFTER} if status == 503 else {}  # noqa: PLR2004 - the only temporary failure
    return {"description": meaning, "content": {MEDIA_TYPE: {"schema": _PROBLEM}}} | headers
