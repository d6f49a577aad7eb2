"""Who may ask: the bearer token of an HTTP service, compared in constant time. Knows no route."""

import secrets

from fastapi import Request
from pydantic import SecretStr

from ocr_worker.http.problems import BadRequestError


def authorize(request: Request, token: SecretStr | None) -> None:
    """
    Let through who brings the token; everyone when there is none.

    Raises:
        BadRequestError: 401.

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
