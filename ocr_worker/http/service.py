"""
What every HTTP service of ours is before it has a route: no pages of its own, and a problem for each refusal and bug.

Knows no route, no photo and no metric by name.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from ocr_worker.http.problems import BadRequestError, problem


def new_service(
    title: str,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]],
    *,
    on_error: Callable[[int, str], None] = lambda _status, _code: None,
) -> FastAPI:
    """
    Make the app.

    `lifespan` runs as long as the app does. `on_error` gets the status and the code of each refusal and of each bug.
    """
    app = FastAPI(
        title=title,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        # FastAPI's own telemetry would send exceptions with their messages.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )

    async def refuse(_: Request, error: Exception) -> Response:
        if not isinstance(error, BadRequestError):
            raise error
        on_error(error.status, error.code)
        return problem(error.status, error.code, error.detail, error.headers)

    async def bug(_: Request, error: Exception) -> Response:
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        on_error(status, "bug")
        return problem(status, "bug", f"an error nobody foresaw: {type(error).__name__}")

    app.add_exception_handler(HTTPException, _no_such_thing)
    app.add_exception_handler(BadRequestError, refuse)
    app.add_exception_handler(Exception, bug)
    return app


async def _no_such_thing(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return problem(error.status_code, "http", error.detail, error.headers)
