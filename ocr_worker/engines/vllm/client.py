"""
The HTTP client of a vLLM server: sends a request with a time limit and returns every failure as an outcome.

Knows no model: the engine builds the requests and interprets the output.
"""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

import httpx
from pydantic import SecretStr, ValidationError

from ocr_worker.engines.vllm.chat import ChatAnswer, Choice, Release
from ocr_worker.http.connections import Connections
from ocr_worker.result import Refused
from schemas.outcomes import Later, Misconfigured

#: Tries per photo while a server returns an error, or no chat completion.
TRIES = 3
#: Reason of a failed request without a response. Afterwards a different server may answer at this address.
UNREACHABLE = "vllm-unreachable"
#: Longest wait for a TCP connection, in seconds.
_CONNECT_S = 5.0
#: Seconds after which an idle connection is closed: before vLLM closes it, after 5 (its VLLM_HTTP_TIMEOUT_KEEP_ALIVE).
_KEEP_ALIVE_S = 4.0
_OUTCOMES: Mapping[int, Later | Misconfigured | Refused] = MappingProxyType(
    {
        HTTPStatus.BAD_REQUEST: Refused("unreadable", "the vLLM server rejected the photo (HTTP 400)"),
        HTTPStatus.UNAUTHORIZED: Misconfigured("vllm-unauthorized", "the vLLM server rejects our key (HTTP 401)"),
        HTTPStatus.FORBIDDEN: Misconfigured("vllm-unauthorized", "the vLLM server rejects our key (HTTP 403)"),
        HTTPStatus.NOT_FOUND: Misconfigured("vllm-no-model", "the vLLM server does not have the model (HTTP 404)"),
        HTTPStatus.TOO_MANY_REQUESTS: Later("vllm-busy", "the vLLM server is full (HTTP 429)"),
        HTTPStatus.BAD_GATEWAY: Later("vllm-down", "the vLLM server is down (HTTP 502)"),
        HTTPStatus.SERVICE_UNAVAILABLE: Later("vllm-busy", "the vLLM server is full or down (HTTP 503)"),
        HTTPStatus.GATEWAY_TIMEOUT: Later("vllm-down", "the vLLM server is down (HTTP 504)"),
    }
)
#: Reason of a response that is not a chat completion.
BAD_ANSWER: Final = "vllm-bad-answer"
_BAD_ANSWER = "the vLLM server's response is not a chat completion"


class VllmClient:
    """One vLLM server. Safe for any number of tasks of one event loop."""

    def __init__(
        self, url: str, key: SecretStr | None, timeout_s: float, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """
        Create the client; connects at the first request.

        Args:
            url: Address of the server.
            key: Its API key.
            timeout_s: Time limit of one request, in seconds.
            transport: Replaces the network; for tests.

        """
        self._timeout_s = timeout_s
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {key.get_secret_value()}"} if key else {},
            timeout=httpx.Timeout(None, connect=min(_CONNECT_S, timeout_s)),
            transport=transport or Connections(keep_alive_s=_KEEP_ALIVE_S),
            trust_env=False,
        )

    async def complete(self, body: object) -> Choice | Refused | Later | Misconfigured:
        """Send a chat completion request and return its one choice."""
        answer = await self._send("POST", "/v1/chat/completions", body)
        if not isinstance(answer, httpx.Response):
            return answer
        try:
            choice = ChatAnswer.model_validate_json(answer.content).choices[0]
        except ValidationError as error:
            return Later(BAD_ANSWER, f"{_BAD_ANSWER} ({error.error_count()} faults)", tries=TRIES)
        if choice.finish_reason in {"abort", "error"}:
            return Later("vllm-failed", f"the vLLM server gave up ({choice.finish_reason})", tries=TRIES)
        return choice

    async def version(self) -> str | Later | Misconfigured:
        """Return the server's version, or "unknown" if it does not report one."""
        answer = await self._send("GET", "/version")
        if isinstance(answer, Later | Misconfigured) and answer.reason != "vllm-no-model":
            return answer
        try:
            return (
                Release.model_validate_json(answer.content).version if isinstance(answer, httpx.Response) else "unknown"
            )
        except ValidationError:
            return "unknown"

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def _send(
        self, method: str, path: str, body: object = None
    ) -> httpx.Response | Refused | Later | Misconfigured:
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._client.request(method, path, json=body)
        except TimeoutError:
            return Later("vllm-timeout", f"the vLLM server took over {self._timeout_s:g} s", tries=TRIES)
        except httpx.HTTPError as error:
            return Later(UNREACHABLE, f"no response from the vLLM server ({type(error).__name__})")
        if answer.status_code == HTTPStatus.OK:
            return answer
        failed = Later("vllm-failed", f"the vLLM server failed (HTTP {answer.status_code})", tries=TRIES)
        return _OUTCOMES.get(answer.status_code, failed)
