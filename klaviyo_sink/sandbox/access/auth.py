"""Checks the key, its scopes, the revision and the media types. Klaviyo checks these before the body."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

from klaviyo_sink.sandbox.access.operations import OPERATIONS, Operation
from klaviyo_sink.sandbox.access.problems import MEDIA_TYPE, Problem, RefusedError, not_modelled

#: The revisions whose fields the sandbox has (compared field by field for the operations it serves).
REVISIONS: Final = ("2026-07-15", "2026-10-15")
#: All revisions ever published: the branches of github.com/klaviyo/openapi. Each is served for two years.
PUBLISHED: Final = frozenset(
    [
        "2022-10-17",
        "2023-01-24",
        "2023-02-22",
        "2023-06-15",
        "2023-07-15",
        "2023-08-15",
        "2023-09-15",
        "2023-10-15",
        "2023-12-15",
        "2024-02-15",
        "2024-05-15",
        "2024-06-15",
        "2024-07-15",
        "2024-10-15",
        "2025-01-15",
        "2025-04-15",
        "2025-07-15",
        "2025-10-15",
        "2026-01-15",
        "2026-04-15",
        "2026-07-15",
        "2026-10-15",
    ]
)
YEARS_SERVED: Final = 2
EVERY_SCOPE: Final = frozenset(scope for operation in OPERATIONS.values() for scope in operation.scopes)
#: Node's SDK sends `application/json`, which Klaviyo accepts.
TAKEN: Final = frozenset({MEDIA_TYPE, "application/json"})


class Keys:
    """The private keys of the account, and the scopes of each."""

    def __init__(self, scopes: Mapping[str, frozenset[str]]) -> None:
        self._scopes = dict(scopes)

    def scopes_of(self, authorization: str) -> frozenset[str]:
        """
        Return the scopes of the key in an `Authorization` header.

        Raises:
            RefusedError: 401, no key or an unknown one.

        """
        scheme, _, value = authorization.partition(" ")
        if scheme != "Klaviyo-API-Key" or not value:
            detail = "Missing or invalid authorization scheme. Please use Klaviyo-API-Key."
            title = "Authentication credentials were not provided."
            raise RefusedError(401, Problem("not_authenticated", title, detail, "/data/"))
        found = self._scopes.get(value)
        if found is None:
            title = "Incorrect authentication credentials."
            raise RefusedError(401, Problem("authentication_failed", title, "Invalid API key.", "/data/"))
        return found


def read_key(text: str) -> tuple[str, frozenset[str]]:
    """
    Parse a key from a command line: `pk_x`, or `pk_x=events:write,profiles:write`.

    Raises:
        ValueError: There is no key, or Klaviyo does not have a scope.

    """
    value, equals, listed = text.partition("=")
    scopes = frozenset(listed.split(",")) if equals else EVERY_SCOPE
    if not value:
        raise ValueError("a key needs a name")
    if unknown := scopes - EVERY_SCOPE:
        raise ValueError(f"Klaviyo does not have the scope {', '.join(sorted(unknown)) or '(empty)'}")
    return value, scopes


def check(headers: Mapping[str, str], operation: Operation, keys: Keys, now: datetime) -> None:
    """
    Check the headers of a request.

    Raises:
        RefusedError: 401 without a known key, 403 without the scope, 404, 410 or 501 for a revision that is not
            served, 415 for another media type.

    """
    lacking = operation.scopes - keys.scopes_of(headers.get("authorization", ""))
    if lacking:
        detail = f"The API key is missing required scopes: {', '.join(sorted(lacking))}"
        title = "You do not have permission to perform this action."
        raise RefusedError(403, Problem("permission_denied", title, detail, "/data/"))
    _check_revision(headers.get("revision", ""), operation, now)
    if operation.method in {"POST", "PATCH"} or "content-type" in headers:
        _check_media(headers)


def _check_revision(revision: str, operation: Operation, now: datetime) -> None:
    if revision in REVISIONS:
        if revision >= operation.since:
            return
        detail = f"{operation.id} came with revision {operation.since}."
        raise RefusedError(404, Problem("not_found", "Not found.", detail, "/data/"))
    plain, _, stage = revision.partition(".")
    if plain not in PUBLISHED:
        detail = f"The revision header is missing or names no revision ({', '.join(REVISIONS)} are served here)."
        raise RefusedError(404, Problem("not_found", "Invalid API revision.", detail, "/data/"))
    began = date.fromisoformat(plain)
    ended = began.replace(year=began.year + YEARS_SERVED)
    if ended <= now.date():
        detail = f"Revision {plain} was retired on {ended}. Use {REVISIONS[-1]}."
        raise RefusedError(410, Problem("gone", "API revision retired.", detail, "/data/"))
    raise not_modelled(f"revision {revision}" + (" (beta)" if stage else ""))


def _check_media(headers: Mapping[str, str]) -> None:
    if headers.get("content-type", "").partition(";")[0].strip().lower() not in TAKEN:
        raise _unsupported(f"Unsupported media type in request: use {MEDIA_TYPE}.")
    if headers.get("content-encoding", "identity") != "identity":
        raise _unsupported("The sandbox takes no encoded bodies.")


def _unsupported(detail: str) -> RefusedError:
    return RefusedError(415, Problem("unsupported_media_type", "Unsupported media type.", detail, "/data/"))
