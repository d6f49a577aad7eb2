"""
Creates the FastAPI app that every HTTP service starts from: no documentation pages, errors as problem details.

Knows no route, no photo and no metric by name.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from ocr_worker.http.problems import BadRequestError, problem

log = structlog.get_logger(__name__)

#: The code of the response after an unexpected exception.
BUG = "bug"


def new_service(
    title: str,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]],
    *,
    on_error: Callable[[int, str], None] = lambda _status, _code: None,
) -> FastAPI:
    """
    Create the app without routes.

    Args:
        title: Title in the OpenAPI document.
        lifespan: Runs as long as the app does.
        on_error: Called with the status and the code of each rejected request, and of each unexpected exception
            (`BUG`), which is logged as an error here.

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
        log.error("a request failed unexpectedly", exception=type(error).__name__)
        on_error(status, BUG)
        return problem(status, BUG, f"an unexpected error: {type(error).__name__}")

    app.add_exception_handler(HTTPException, _no_such_thing)
    app.add_exception_handler(BadRequestError, refuse)
    app.add_exception_handler(Exception, bug)
    return app


async def _no_such_thing(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return problem(error.status_code, "http", error.detail, error.headers)
