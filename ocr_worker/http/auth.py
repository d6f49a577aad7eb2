"""Checks the bearer token of a request, in constant time. Knows no route."""

import secrets

from fastapi import Request
from pydantic import SecretStr

from ocr_worker.http.problems import BadRequestError


def authorize(request: Request, token: SecretStr | None) -> None:
    """
    Check the request's bearer token. Without a configured token every request passes.

    Raises:
        BadRequestError: 401, the token is missing or wrong.

    """
    if token is None:
        return
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secrets.compare_digest(
        given.strip().encode(), token.get_secret_value().encode()
    ):
        raise BadRequestError(
            401, "unauthorized", "send the service's token as a bearer", {"WWW-Authenticate": "Bearer"}
        )
