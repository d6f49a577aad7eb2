"""
Every operation of the sandbox: limits and scopes as the official schema publishes them.

`x-klaviyo-ratelimit` and `x-klaviyo-scopes` of openapi 2026-07-15; a contract test compares them.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Operation:
    """What a key needs, and how often it may call: per second (`burst`) and per minute (`steady`)."""

    method: str
    path: str
    scopes: frozenset[str]
    burst: int
    steady: int


def _operation(method: str, path: str, scopes: str, burst: int, steady: int) -> Operation:
    return Operation(method, path, frozenset(scopes.split()), burst, steady)


OPERATIONS: Final = {
    (one.method, one.path): one
    for one in (
        _operation("POST", "/api/events", "events:write", 350, 3500),
        _operation("GET", "/api/events", "events:read", 350, 3500),
        _operation("POST", "/api/event-bulk-create-jobs", "events:write", 10, 150),
        _operation("POST", "/api/profile-import", "profiles:write", 75, 750),
        _operation("GET", "/api/profiles", "profiles:read", 75, 750),
        _operation("GET", "/api/profiles/{id}", "profiles:read", 75, 750),
        _operation("GET", "/api/metrics", "metrics:read", 10, 150),
        _operation("POST", "/api/profile-bulk-import-jobs", "lists:write profiles:write", 10, 150),
        _operation("GET", "/api/profile-bulk-import-jobs/{job_id}", "lists:read profiles:read", 10, 150),
        _operation("GET", "/api/profile-bulk-import-jobs/{id}/import-errors", "profiles:read", 10, 150),
        _operation("GET", "/api/segments", "segments:read", 75, 750),
        _operation("POST", "/api/segments", "segments:write", 1, 15),
        _operation("GET", "/api/flows", "flows:read", 3, 60),
        _operation("POST", "/api/flows", "flows:write", 1, 15),
        _operation("GET", "/api/flows/{id}", "flows:read", 3, 60),
        _operation("PATCH", "/api/flows/{id}", "flows:write", 3, 60),
        _operation("POST", "/api/data-privacy-deletion-jobs", "data-privacy:write", 3, 60),
    )
}
