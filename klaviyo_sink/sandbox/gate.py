"""The way into every `/api` operation: faults, key, revision, limits; and the way out: headers, errors, counters."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from klaviyo_sink.sandbox.account import Account
from klaviyo_sink.sandbox.auth import Key, check
from klaviyo_sink.sandbox.faults import Faults
from klaviyo_sink.sandbox.limits import Limits
from klaviyo_sink.sandbox.operations import OPERATIONS
from klaviyo_sink.sandbox.problems import RefusedError, invalid, misshapen

M = TypeVar("M", bound=BaseModel)
#: Bytes; openapi 2026-07-15 ("The maximum allowed payload size is 5MB").
LARGEST_BODY = 5_000_000


class KlaviyoRoute(APIRoute):
    """A route behind the gate."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler."""
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            faults: Faults = request.app.state.faults
            counters = account_of(request).counters
            limits: Limits = request.app.state.limits
            key: Key = request.app.state.key
            operation = OPERATIONS[request.method, self.path]
            fault = faults.draw()
            await faults.delay()
            if fault is not None and not fault.after:
                counters["faults"] += 1
                answer = fault.answer()
            else:
                try:
                    check(request.headers, operation, key)
                    headers = limits.spend(operation)
                    answer = await handle(request)
                    answer.headers.update(headers)
                except RefusedError as refused:
                    answer = refused.answer()
                if fault is not None:
                    counters["faults"] += 1
                    answer = fault.answer()
            counters[f"{operation.method} {operation.path} {answer.status_code}"] += 1
            return answer

        return guarded


def account_of(request: Request) -> Account:
    """Give the account that the sandbox plays."""
    account: Account = request.app.state.account
    return account


async def read_body(request: Request, shape: type[M]) -> M:
    """
    Read a request's body.

    Raises:
        RefusedError: 413 too large, 400 not JSON or of another shape.

    """
    raw = await request.body()
    if len(raw) > LARGEST_BODY:
        raise RefusedError(413, invalid("/data", "Payload exceeds 5 MB.", title="Payload too large."))
    try:
        content = from_json(raw, allow_inf_nan=False)
    except ValueError:
        raise RefusedError(400, invalid("/data", "The body is not valid JSON.", title="Malformed JSON.")) from None
    try:
        return shape.model_validate(content)
    except ValidationError as error:
        raise misshapen(error) from None
