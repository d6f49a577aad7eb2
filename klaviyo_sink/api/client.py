"""
The HTTP client of Klaviyo's API: one HTTP/2 connection pool, the required headers, results as values.

Reports rate limits to the budget. Knows no shoppers or tags: the caller passes bytes. Has no retry policy: the caller
waits. The caller must have taken a request from the budget before each call.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Protocol, Self, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from klaviyo_sink.api.errors import NO_KEY, Failure, api_errors, failure_of, failure_without_answer
from klaviyo_sink.api.row_errors import Fault, refused_rows
from klaviyo_sink.api.success import Accepted, read_success
from schemas.outcomes import Later, Misconfigured
from schemas.spans import NO_SPANS, Spans, TraceHeaders, trace_headers

__all__ = ["Accepted", "KlaviyoClient", "Listener", "Prepare", "PrivateKey", "RowsRefused", "UnusableEnvironmentError"]

R = TypeVar("R")

MEDIA_TYPE: Final = "application/vnd.api+json"
#: Most concurrent requests. Klaviyo allows 350 events per second (openapi 2026-07-15).
CONNECTIONS: Final = 64
_BULK_REFUSALS: Final = frozenset({400, 404, 409, 422})
_TOO_MANY: Final = 429
#: Environment variables that httpx reads.
_ENVIRONMENT: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


@dataclass(frozen=True, slots=True)
class RowsRefused:
    """Klaviyo refused a bulk job because of these rows (index: fault, sentence). It accepted none of its rows."""

    rows: Mapping[int, tuple[Fault, str]]


#: Builds a request's body at the last moment, after every wait, or returns why the request must not be sent.
Prepare = Callable[[], Awaitable[bytes | R]]


class UnusableEnvironmentError(ValueError):
    """The environment variables for proxies or certificates are not valid. The message quotes none of their values."""


class Listener(Protocol):
    """Learns about limits from responses: the budget."""

    def throttled(self, operation: str, retry_after_s: float) -> Awaitable[None]:
        """Record a 429."""
        ...

    def answered(self, operation: str, headers: Mapping[str, str]) -> Awaitable[None]:
        """Record any other response."""
        ...


class PrivateKey(httpx.Auth):
    """Adds the key to each request, so that it is in no header table, repr or error of the client."""

    def __init__(self, key: SecretStr) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header."""
        request.headers["Authorization"] = f"Klaviyo-API-Key {self._key.get_secret_value()}"
        yield request


class KlaviyoClient:
    """The API calls that Hangtag makes. Close it, or use it as an async context manager."""

    def __init__(
        self,
        url: str,
        auth: httpx.Auth | None,
        *,
        revision: str,
        timeout_s: float,
        listener: Listener | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        spans: Spans = NO_SPANS,
    ) -> None:
        self._signed = auth is not None
        self._spans = spans
        self._timeout_s = timeout_s
        self._listener = listener
        # Waiting for a free connection must not count towards the time limit.
        self._connections = asyncio.Semaphore(CONNECTIONS)
        # A proxy from the environment is for the internet; it cannot reach a sandbox on this machine.
        loopback = urlsplit(url).hostname in {"localhost", "127.0.0.1", "::1"}
        try:
            self._http = httpx.AsyncClient(
                base_url=url.rstrip("/"),
                auth=auth,
                headers={"accept": MEDIA_TYPE, "content-type": MEDIA_TYPE, "revision": revision},
                timeout=None,  # noqa: S113 - the whole request is under one limit, see _send
                limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
                http2=True,
                trust_env=not loopback,
                transport=transport,
            )
        except (httpx.InvalidURL, ValueError, ImportError, OSError) as error:
            raise UnusableEnvironmentError(_unusable(error)) from None

    async def create_event(
        self, body: bytes | Prepare[Failure], *, by_profile_id: bool, trace: TraceHeaders = ()
    ) -> Accepted | Failure:
        """Send one event (`bodies.EventBody`)."""
        return await self.call("POST", "/api/events", body=body, by_profile_id=by_profile_id, traces=(trace,))

    async def import_profile(
        self, body: bytes | Prepare[Failure], *, by_profile_id: bool, trace: TraceHeaders = ()
    ) -> Accepted | Failure:
        """Set a profile's properties (`bodies.ProfileImportBody`)."""
        return await self.call("POST", "/api/profile-import", body=body, by_profile_id=by_profile_id, traces=(trace,))

    async def create_events(
        self, body: bytes | Prepare[RowsRefused | Failure], *, by_profile_id: bool, traces: Sequence[TraceHeaders] = ()
    ) -> Accepted | RowsRefused | Failure:
        """Send up to 1,000 events (`bodies.bulk_events_body`)."""
        return await self._bulk("/api/event-bulk-create-jobs", body, by_profile_id=by_profile_id, traces=traces)

    async def import_profiles(
        self, body: bytes | Prepare[RowsRefused | Failure], *, by_profile_id: bool, traces: Sequence[TraceHeaders] = ()
    ) -> Accepted | RowsRefused | Failure:
        """Start a job that sets the properties of up to 10,000 profiles (`bodies.bulk_import_body`)."""
        return await self._bulk("/api/profile-bulk-import-jobs", body, by_profile_id=by_profile_id, traces=traces)

    async def call(
        self,
        method: str,
        operation_path: str,
        *,
        names: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: bytes | Prepare[Failure] | None = None,
        by_profile_id: bool = False,
        traces: Sequence[TraceHeaders] = (),
    ) -> Accepted | Failure:
        """Make any call. `operation_path` is as in the official schema, and `names` fills in its braces."""
        answer: httpx.Response | Failure = await self._exchange(
            method, operation_path, names=names or {}, query=query or {}, body=body, traces=traces
        )
        if isinstance(answer, httpx.Response):
            if answer.is_success:
                return _accepted(f"{method} {operation_path}", answer)
            return failure_of(answer.status_code, answer.headers, answer.content, by_profile_id=by_profile_id)
        return answer

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _bulk(
        self,
        path: str,
        body: bytes | Prepare[RowsRefused | Failure],
        *,
        by_profile_id: bool,
        traces: Sequence[TraceHeaders],
    ) -> Accepted | RowsRefused | Failure:
        answer: httpx.Response | RowsRefused | Failure = await self._exchange(
            "POST", path, names={}, query={}, body=body, traces=traces
        )
        if not isinstance(answer, httpx.Response):
            return answer
        if answer.is_success:
            return _accepted(f"POST {path}", answer)
        if answer.status_code in _BULK_REFUSALS:
            rows = refused_rows(api_errors(answer.content))
            if rows:
                return RowsRefused(rows)
        return failure_of(answer.status_code, answer.headers, answer.content, by_profile_id=by_profile_id)

    async def _exchange(
        self,
        method: str,
        path: str,
        *,
        names: Mapping[str, str],
        query: Mapping[str, str],
        body: bytes | Prepare[R] | None,
        traces: Sequence[TraceHeaders],
    ) -> httpx.Response | R | Failure:
        if not self._signed:
            return Misconfigured(NO_KEY, "no Klaviyo key is set")
        operation = f"{method} {path}"
        async with self._connections:
            # Waiting for a connection may take longer than the request, so the body is built only now.
            content = await body() if callable(body) else body
            if not isinstance(content, bytes | None):
                return content
            request = {"method": method, "url": path.format(**names), "params": query, "content": content}
            answer = await self._send(operation, traces, request)
        if isinstance(answer, httpx.Response) and self._listener is not None:
            await self._inform(self._listener, operation, answer)
        return answer

    async def _send(
        self, operation: str, traces: Sequence[TraceHeaders], request: Mapping[str, Any]
    ) -> httpx.Response | Failure:
        try:
            async with asyncio.timeout(self._timeout_s):
                with self._spans.begin(operation, "client", *traces) as span:
                    answer = await self._http.request(headers=trace_headers(span.carried), **request)
                    span.note(status=answer.status_code)
                    if answer.is_error:
                        span.fail(str(answer.status_code))
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            return failure_without_answer(error)
        except OSError as error:
            # Network errors are httpx errors. An OSError comes from the file of the OAuth tokens.
            return Misconfigured(
                "tokens-file", f"the OAuth token file cannot be used ({error.strerror or type(error).__name__})"
            )
        return answer

    async def _inform(self, listener: Listener, operation: str, answer: httpx.Response) -> None:
        if answer.status_code != _TOO_MANY:
            await listener.answered(operation, answer.headers)
            return
        refused = failure_of(answer.status_code, answer.headers, answer.content)
        if isinstance(refused, Later) and refused.retry_after is not None:
            await listener.throttled(operation, refused.retry_after)


def _accepted(operation: str, answer: httpx.Response) -> Accepted | Later:
    return read_success(operation, answer.status_code, answer.headers.get("content-type", ""), answer.content)


def _unusable(error: Exception) -> str:
    names = [name for name in _ENVIRONMENT if os.environ.get(name) or os.environ.get(name.lower())]  # noqa: TID251 - httpx reads them
    return (
        f"no connection can be set up ({type(error).__name__}): check HANGTAG_KLAVIYO_URL and the variables"
        f" {', '.join(names) or 'that name proxies and certificates'}"
    )
