"""Puts the sandbox together."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from klaviyo_sink.sandbox import events, faults, flows, imports, inspection, metrics, privacy, profiles
from klaviyo_sink.sandbox.account import Account
from klaviyo_sink.sandbox.auth import EVERY_SCOPE, Key
from klaviyo_sink.sandbox.faults import Faults
from klaviyo_sink.sandbox.limits import Limits
from klaviyo_sink.sandbox.problems import Problem, RefusedError


def create_app(
    key: str,
    *,
    scopes: frozenset[str] = EVERY_SCOPE,
    speed: float = 1,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    clock: Callable[[], float] = time.monotonic,
) -> FastAPI:
    """Make a fresh account behind Klaviyo's API. `speed` multiplies the published limits."""
    app = FastAPI(title="Klaviyo sandbox", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state.account = Account(now)
    app.state.key = Key(key, scopes)
    app.state.limits = Limits(speed=speed, clock=clock)
    app.state.faults = Faults()
    for part in (profiles, events, imports, flows, metrics, privacy, faults, inspection):
        app.include_router(part.router)
    app.include_router(imports.orders)
    app.include_router(flows.orders)
    app.add_exception_handler(HTTPException, _not_served)
    return app


async def _not_served(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    title = "Method not allowed." if status == 405 else "Not found."  # noqa: PLR2004 - an HTTP status
    code = "method_not_allowed" if status == 405 else "not_found"  # noqa: PLR2004 - an HTTP status
    return RefusedError(status, Problem(code, title, "The sandbox serves no such operation.")).answer()
