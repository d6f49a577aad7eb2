"""Assembles the sandbox."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from klaviyo_sink.sandbox.access import faults
from klaviyo_sink.sandbox.access.auth import EVERY_SCOPE, Keys
from klaviyo_sink.sandbox.access.faults import Faults
from klaviyo_sink.sandbox.access.limits import Limits
from klaviyo_sink.sandbox.account.account import Account
from klaviyo_sink.sandbox.api import (
    consents,
    contents,
    events,
    flows,
    imports,
    lists,
    orders,
    privacy,
    profiles,
    reads,
    segments,
)
from klaviyo_sink.sandbox.api.gate import TrailingSlash, answer_unserved
from klaviyo_sink.sandbox.pages import audiences, graphs, messages, overview, people, state, workings

#: Klaviyo's operations that are served. Events come first, because they are called most.
SERVED: Final = tuple(
    part.router for part in (events, profiles, reads, imports, lists, consents, segments, flows, contents, privacy)
)


def create_app(
    key: str,
    *,
    scopes: frozenset[str] = EVERY_SCOPE,
    more_keys: Mapping[str, frozenset[str]] | None = None,
    speed: float = 1,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    clock: Callable[[], float] = time.monotonic,
) -> FastAPI:
    """
    Create a new account with Klaviyo's API.

    `scopes` are those of the key, `more_keys` further keys with theirs; `speed` multiplies the published limits.
    """
    app = FastAPI(title="Klaviyo sandbox", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state.account = Account(now)
    app.state.keys = Keys({key: scopes, **(more_keys or {})})
    app.state.limits = Limits(speed=speed, clock=clock)
    app.state.faults = Faults()
    pages = (overview, people, audiences, graphs, messages, workings, state)
    for router in (*SERVED, faults.router, orders.router, *(one.router for one in pages)):
        app.include_router(router)
    app.add_middleware(TrailingSlash)
    app.add_exception_handler(HTTPException, _not_served)
    return app


async def _not_served(request: Request, _error: Exception) -> Response:
    return await answer_unserved(request)
