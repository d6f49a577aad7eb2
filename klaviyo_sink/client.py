"""
HTTP to Klaviyo: one pooled HTTP/2 client, the headers it demands, answers as values.

Knows nothing of shoppers or tags: it is handed bytes. Keeps no retry policy: waiting is done by whoever holds the work.
"""

import asyncio
from collections.abc import Generator
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from klaviyo_sink.errors import Failure, failure_of, failure_without_answer
from schemas.outcomes import Misconfigured

MEDIA_TYPE: Final = "application/vnd.api+json"
#: Requests on the way at the same time. Klaviyo allows 350 events in one second (openapi 2026-07-15).
CONNECTIONS: Final = 64


@dataclass(frozen=True, slots=True)
class Accepted:
    """Klaviyo took the request: 200, 201 or 202. For events that means queued, not yet visible."""

    status: int


class PrivateKey(httpx.Auth):
    """Signs each request, so that the key is in no header table, repr or error of the client itself."""

    def __init__(self, key: SecretStr) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header."""
        request.headers["Authorization"] = f"Klaviyo-API-Key {self._key.get_secret_value()}"
        yield request


class KlaviyoClient:
    """The calls the sink makes. Close it, or use it as an async context manager."""

    def __init__(
        self,
        url: str,
        auth: httpx.Auth | None,
        *,
        revision: str,
        timeout_s: float,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._signed = auth is not None
        self._timeout_s = timeout_s
        # A proxy from the environment is meant for the internet; it cannot reach a sandbox on this machine.
        loopback = urlsplit(url).hostname in {"localhost", "127.0.0.1", "::1"}
        self._http = httpx.AsyncClient(
            base_url=url.rstrip("/"),
            auth=auth,
            headers={"accept": MEDIA_TYPE, "content-type": MEDIA_TYPE, "revision": revision},
            timeout=None,  # noqa: S113 - the whole request is under one limit, see _post
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
            http2=True,
            trust_env=not loopback,
            transport=transport,
        )

    async def create_event(self, body: bytes, *, by_profile_id: bool) -> Accepted | Failure:
        """Post one event (`bodies.EventBody`)."""
        return await self._post("/api/events", body, by_profile_id=by_profile_id)

    async def import_profile(self, body: bytes, *, by_profile_id: bool) -> Accepted | Failure:
        """Set a profile's state (`bodies.ProfileImportBody`)."""
        return await self._post("/api/profile-import", body, by_profile_id=by_profile_id)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _post(self, path: str, body: bytes, *, by_profile_id: bool) -> Accepted | Failure:
        if not self._signed:
            return Misconfigured("no-key", "no Klaviyo key is set")
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._http.post(path, content=body)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            return failure_without_answer(error)
        if answer.is_success:
            return Accepted(answer.status_code)
        return failure_of(answer.status_code, answer.headers, answer.content, by_profile_id=by_profile_id)
