"""Who may call: the key, its scopes, the revision and the media types. Klaviyo checks these before the body."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from klaviyo_sink.sandbox.operations import OPERATIONS, Operation
from klaviyo_sink.sandbox.problems import MEDIA_TYPE, Problem, RefusedError

#: The revisions whose fields the sandbox's shapes have (compared field by field for the operations it serves).
REVISIONS: Final = ("2026-07-15", "2026-10-15")
EVERY_SCOPE: Final = frozenset(scope for operation in OPERATIONS.values() for scope in operation.scopes)


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """A private key and what it may do."""

    value: str
    scopes: frozenset[str] = EVERY_SCOPE


def check(headers: Mapping[str, str], operation: Operation, key: Key) -> None:
    """
    Let a request pass.

    Raises:
        RefusedError: 401 without the right key, 403 without the scope, 404 for a revision that is not served,
            415 for another media type.

    """
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme != "Klaviyo-API-Key" or not given:
        detail = "Missing or invalid authorization scheme. Please use Klaviyo-API-Key."
        title = "Authentication credentials were not provided."
        raise RefusedError(401, Problem("not_authenticated", title, detail, "/data/"))
    if not secrets.compare_digest(given.encode(), key.value.encode()):
        title = "Incorrect authentication credentials."
        raise RefusedError(401, Problem("authentication_failed", title, "Invalid API key.", "/data/"))
    lacking = operation.scopes - key.scopes
    if lacking:
        detail = f"The API key is missing required scopes: {', '.join(sorted(lacking))}"
        title = "You do not have permission to perform this action."
        raise RefusedError(403, Problem("permission_denied", title, detail, "/data/"))
    if headers.get("revision") not in REVISIONS:
        detail = f"The revision header is missing or names no revision served here ({', '.join(REVISIONS)})."
        raise RefusedError(404, Problem("not_found", "Invalid API revision.", detail, "/data/"))
    if operation.method in {"POST", "PATCH"} and _media_type(headers.get("content-type", "")) != MEDIA_TYPE:
        detail = f"Unsupported media type in request: use {MEDIA_TYPE}."
        raise RefusedError(415, Problem("unsupported_media_type", "Unsupported media type.", detail, "/data/"))
    if headers.get("content-encoding", "identity") != "identity":
        detail = "The sandbox takes no encoded bodies."
        raise RefusedError(415, Problem("unsupported_media_type", "Unsupported media type.", detail, "/data/"))


def _media_type(text: str) -> str:
    return text.partition(";")[0].strip().lower()
