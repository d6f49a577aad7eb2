"""
Checks that a response is a success: the exact status, content type and shape of each call. Pure.

A captive portal, a proxy's page and a broken connection may return 200 as well. Only a response that matches Klaviyo's
schema is a success. A contract test compares this table with the schema (openapi 2026-07-15).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from schemas.outcomes import Later

#: Klaviyo's content types. Plain JSON and a missing type are accepted, because proxies change them; HTML is not.
MEDIA_TYPES: Final = frozenset({"application/vnd.api+json", "application/json", ""})
#: Reason of a failure that looked like a success.
UNEXPECTED: Final = "unexpected-answer"


@dataclass(frozen=True, slots=True)
class Accepted:
    """Klaviyo accepted the request. An event is then queued, but not visible yet."""

    status: int
    #: The JSON of the response; empty if it has no body.
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Success:
    """The shape of a call's success. Without a resource it has no body."""

    statuses: frozenset[int]
    #: The JSON:API type of `data`.
    resource: str | None = None
    #: Whether `data` is a list.
    many: bool = False
    #: Whether the schema requires an id.
    named: bool = True
    #: Attributes that the schema requires and Hangtag reads, with their types.
    reads: Mapping[str, type] = field(default_factory=dict)


def _one(code: int, resource: str, **reads: type) -> Success:
    return Success(frozenset({code}), resource, reads=reads)


def _page(resource: str, **reads: type) -> Success:
    return Success(frozenset({200}), resource, many=True, reads=reads)


def _nothing(code: int) -> Success:
    return Success(frozenset({code}))


SUCCESS: Final[Mapping[str, Success]] = {
    "POST /api/events": _nothing(202),
    "POST /api/event-bulk-create-jobs": _nothing(202),
    "POST /api/profile-import": Success(frozenset({200, 201}), "profile", named=False),
    "POST /api/profile-bulk-import-jobs": _one(202, "profile-bulk-import-job", status=str),
    "GET /api/profile-bulk-import-jobs/{job_id}": _one(200, "profile-bulk-import-job", status=str),
    "GET /api/profile-bulk-import-jobs/{id}/import-errors": _page("import-error", code=str, title=str),
    "GET /api/profiles": _page("profile"),
    "GET /api/profiles/{id}": _one(200, "profile"),
    "GET /api/events": _page("event"),
    "GET /api/metrics": _page("metric"),
    "GET /api/segments": _page("segment"),
    "POST /api/segments": _one(201, "segment"),
    "PATCH /api/segments/{id}": _one(200, "segment"),
    "GET /api/flows": _page("flow"),
    "GET /api/flows/{id}": _one(200, "flow"),
    "POST /api/flows": _one(201, "flow"),
    "PATCH /api/flows/{id}": _one(200, "flow"),
    "POST /api/data-privacy-deletion-jobs": _nothing(202),
}


def read_success(operation: str, status: int, content_type: str, body: bytes) -> Accepted | Later:
    """Check a 2xx response to an operation (`POST /api/events`)."""
    expected = SUCCESS[operation]
    if status not in expected.statuses:
        return _unexpected(operation, f"status {status}")
    if expected.resource is None:
        return _unexpected(operation, "an unexpected body") if body.strip() else Accepted(status, {})
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in MEDIA_TYPES:
        return _unexpected(operation, f"content type {media_type if media_type.isprintable() else '?'}"[:80])
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return _unexpected(operation, "incomplete or broken JSON")
    if not isinstance(content, dict) or not _has_shape(expected, content):
        return _unexpected(operation, f"no {expected.resource}")
    return Accepted(status, content)


def _has_shape(expected: Success, content: Mapping[str, Any]) -> bool:
    data = content.get("data")
    links = content.get("links")
    if not isinstance(links, dict | None):
        return False
    if expected.many:
        return isinstance(data, list) and all(_is_resource(expected, one) for one in data)
    return _is_resource(expected, data)


def _is_resource(expected: Success, data: Any) -> bool:
    if not isinstance(data, dict) or data.get("type") != expected.resource:
        return False
    attributes, identifier = data.get("attributes"), data.get("id")
    if not isinstance(attributes, dict) or (expected.named and not (isinstance(identifier, str) and identifier)):
        return False
    return all(isinstance(attributes.get(name), kind) for name, kind in expected.reads.items())


def _unexpected(operation: str, what: str) -> Later:
    return Later(UNEXPECTED, f"the response to {operation} is not Klaviyo's ({what}); is the URL Klaviyo's API?")
