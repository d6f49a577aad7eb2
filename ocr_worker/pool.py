"""
Many OCR workers as one, from the caller's side: send a photo to the least busy one and say how it went.

Does not retry and does not sleep: whoever holds the photo does. Knows no engine.
"""

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Self

import httpx
from pydantic import SecretStr, ValidationError

from ocr_worker.reading import FIELD, STATUS, Reading, Refused
from schemas.outcomes import Later, Misconfigured

#: A worker that answers, but not as a worker should, is tried this often per photo.
_TRIES = 5
#: Longest wait for a TCP connection, in seconds.
_CONNECT_S = 5.0
#: Less than the worker's own keep-alive, so that no request meets a connection that is being closed.
_KEEP_ALIVE_S = 30.0
_REFUSALS = {status: code for code, status in STATUS.items()}
_SET_UP_WRONG = {
    HTTPStatus.UNAUTHORIZED: ("ocr-unauthorized", "does not take our token"),
    HTTPStatus.FORBIDDEN: ("ocr-unauthorized", "does not take our token"),
    HTTPStatus.NOT_FOUND: ("ocr-not-a-worker", "is no OCR worker"),
    HTTPStatus.METHOD_NOT_ALLOWED: ("ocr-not-a-worker", "is no OCR worker"),
}
_NO_TRACE: Mapping[str, str] = MappingProxyType({})


class OcrPool:
    """Workers at `urls`, all with the same token. At most `max_connections` photos are under way at once."""

    def __init__(
        self,
        urls: Sequence[str],
        token: SecretStr | None,
        timeout_s: float,
        max_connections: int,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._in_flight = dict.fromkeys((url.rstrip("/") for url in urls), 0)
        if not self._in_flight:
            raise ValueError("a pool needs the URL of at least one OCR worker")
        self._timeout_s = timeout_s
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {token.get_secret_value()}"} if token else {},
            # The whole photo is bounded in `read`; httpx would bound each packet.
            timeout=httpx.Timeout(None, connect=min(_CONNECT_S, timeout_s)),
            limits=httpx.Limits(max_connections=max_connections, keepalive_expiry=_KEEP_ALIVE_S),
            transport=transport,
            trust_env=False,
        )

    async def read(
        self, photo: bytes, *, content_type: str | None = None, trace: Mapping[str, str] = _NO_TRACE
    ) -> Reading | Refused | Later | Misconfigured:
        """Have one worker read the photo, once. `trace` headers (W3C trace context) go along."""
        url = min(self._in_flight, key=self._in_flight.__getitem__)
        # Taken out and put back last: of equally busy workers, the one used longest ago is next.
        self._in_flight[url] = self._in_flight.pop(url) + 1
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._client.post(
                    f"{url}/ocr",
                    files={FIELD: ("photo", photo, content_type or "application/octet-stream")},
                    headers=dict(trace),
                )
        except TimeoutError:
            return Later("ocr-timeout", f"the OCR worker took over {self._timeout_s:g} s")
        except httpx.HTTPError as error:
            return Later("ocr-unreachable", f"no answer from the OCR worker at {url} ({type(error).__name__})")
        finally:
            self._in_flight[url] -= 1
        return _outcome(answer, url)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _outcome(answer: httpx.Response, url: str) -> Reading | Refused | Later | Misconfigured:
    status = answer.status_code
    if status == HTTPStatus.OK:
        return _reading(answer)
    if status in _REFUSALS:
        return Refused(_REFUSALS[status], _detail(answer))
    if status in _SET_UP_WRONG:
        reason, message = _SET_UP_WRONG[HTTPStatus(status)]
        return Misconfigured(reason, f"{url} {message} (HTTP {status})")
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return Later("ocr-busy", f"the OCR worker at {url} is full or down", retry_after=_retry_after(answer))
    # 500 is a fault met on this very photo; above it, nobody looked at the photo.
    if status > HTTPStatus.INTERNAL_SERVER_ERROR:
        return Later("ocr-unavailable", f"the OCR worker at {url} is down (HTTP {status})")
    return Later("ocr-failed", f"the OCR worker at {url} failed on this photo (HTTP {status})", tries=_TRIES)


def _reading(answer: httpx.Response) -> Reading | Later:
    try:
        return Reading.model_validate_json(answer.content)
    except ValidationError as error:
        message = f"the OCR worker's answer is not a reading ({error.error_count()} faults)"
        return Later("ocr-bad-answer", message, tries=_TRIES)


def _detail(answer: httpx.Response) -> str:
    try:
        body = answer.json()
    except ValueError:
        body = None
    detail = body.get("detail") if isinstance(body, dict) else None
    return detail if isinstance(detail, str) else "the OCR worker refused the photo"


def _retry_after(answer: httpx.Response) -> float | None:
    given = answer.headers.get("Retry-After", "")
    return float(given) if given.isdecimal() else None
