"""Runs before every `/api` operation (faults, key, revision, limits) and after it (headers, errors, counters)."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from starlette.types import ASGIApp, Receive, Scope, Send

from klaviyo_sink.sandbox.access.auth import check
from klaviyo_sink.sandbox.access.operations import OPERATIONS, official
from klaviyo_sink.sandbox.access.problems import Problem, RefusedError, invalid, misshapen, not_modelled
from klaviyo_sink.sandbox.account.account import Account
from klaviyo_sink.sandbox.queries.query import read_query

M = TypeVar("M", bound=BaseModel)
#: Most bytes of a body; openapi 2026-07-15 ("The maximum allowed payload size is 5MB").
LARGEST_BODY = 5_000_000


class KlaviyoRoute(APIRoute):
    """A route with these checks."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler."""
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            answer: Response
            state = request.app.state
            operation = OPERATIONS[request.method, self.path]
            fault = state.faults.draw()
            await state.faults.delay()
            if fault is not None and not fault.after:
                answer = fault.answer()
            else:
                try:
                    check(request.headers, operation, state.keys, state.account.now())
                    headers = state.limits.spend(operation)
                    if request.scope["query_string"]:
                        # Even if the handler ignores the query: no parameter is skipped silently.
                        read_query(request)
                    answer = await handle(request)
                    answer.headers.update(headers)
                except RefusedError as refused:
                    answer = refused.answer()
                if fault is not None:
                    answer = fault.answer()
            if fault is not None:
                state.account.counters["faults"] += 1
            state.account.counters[f"{operation.method} {operation.path} {answer.status_code}"] += 1
            return answer

        return guarded


class TrailingSlash:
    """Accepts `/api/lists/` for `/api/lists`, as Klaviyo does, because many clients write it so."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the path without the slash."""
        path = scope.get("path", "")
        if path.startswith("/api/") and path.endswith("/"):
            scope = {**scope, "path": path.rstrip("/")}
        await self._app(scope, receive, send)


async def answer_unserved(request: Request) -> Response:
    """Answer a path without a route: 501 with the operation's name if Klaviyo has one, else 405 or 404."""
    method, path = request.method, request.url.path
    operation, known = official(method, path)
    account = account_of(request)
    if operation is not None:
        refused = not_modelled(f"{operation.id} ({method} {operation.path})")
        try:
            check(request.headers, operation, request.app.state.keys, account.now())
        except RefusedError as before:
            refused = before
    elif known:
        refused = RefusedError(405, Problem("method_not_allowed", "Method not allowed.", f"No {method} at this path."))
    else:
        refused = RefusedError(404, Problem("not_found", "Not found.", "Klaviyo has no such operation."))
    account.counters[f"{method} {operation.path if operation else 'unknown'} {refused.status}"] += 1
    return refused.answer()


def account_of(request: Request) -> Account:
    """Return the account of this sandbox."""
    account: Account = request.app.state.account
    return account


async def read_body(request: Request, shape: type[M]) -> M:
    """
    Parse a request's body.

    Raises:
        RefusedError: 413 too large, 400 not JSON or of another shape.

    """
    content = await read_json(request)
    try:
        return shape.model_validate(content)
    except ValidationError as error:
        raise misshapen(error, content) from None


async def read_json(request: Request) -> Any:
    """
    Parse a request's body as JSON, without checking its shape.

    Raises:
        RefusedError: 413 too large, 400 not JSON.

    """
    raw = await request.body()
    if len(raw) > LARGEST_BODY:
        raise RefusedError(413, invalid("/data", "Payload exceeds 5 MB.", title="Payload too large."))
    try:
        return from_json(raw, allow_inf_nan=False)
    except ValueError:
        raise RefusedError(400, invalid("/data", "The body is not valid JSON.", title="Malformed JSON.")) from None


def found_at(content: Any, *path: str) -> Any:
    """Return the value at a path of an unchecked body; None if there is none."""
    for part in path:
        content = content.get(part) if isinstance(content, dict) else None
    return content
