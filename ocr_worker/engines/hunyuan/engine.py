"""
The GPU engine: HunyuanOCR behind a vLLM server's OpenAI API.

Knows HTTP as a client; what is asked is `chat.py`, what the answer means is `output.py`.
"""

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType

import cv2
import httpx
import numpy as np
from pydantic import SecretStr, ValidationError

from ocr_worker.engines.hunyuan.chat import ChatAnswer, Choice, Release, Sampling, chat_request
from ocr_worker.engines.hunyuan.parse import ParsedAnswer, Token, judge_answer, to_pixels
from ocr_worker.engines.hunyuan.serve import MAX_PIXELS, MODEL, REVISION, check_vllm
from ocr_worker.engines.protocol import Lines
from ocr_worker.http.connections import Connections
from ocr_worker.images.contrast import lift_contrast
from ocr_worker.images.decode import DecodedPhoto, Pixels
from ocr_worker.images.strips import pad_strip
from ocr_worker.result import Refused
from schemas.events import Engine as EngineInfo
from schemas.events import TextLine
from schemas.outcomes import Later, Misconfigured

#: The preprocessor refuses pictures over 200 times as long as wide; far less is legible in 2 MP.
_MOST_ASPECT = 20
_JPEG_QUALITY = 95
_WHITE = (255, 255, 255)
#: A server that answers, but not with an answer, is asked this often per photo.
_TRIES = 3
#: vLLM is asked for its version again after this many seconds, in case it was replaced meanwhile.
_VERSION_S = 30.0
#: Longest wait for a TCP connection, in seconds.
_CONNECT_S = 5.0
#: An idle connection is closed after this many seconds: before vLLM does, after 5 (its VLLM_HTTP_TIMEOUT_KEEP_ALIVE).
_KEEP_ALIVE_S = 4.0
_OUTCOMES: Mapping[int, Later | Misconfigured | Refused] = MappingProxyType(
    {
        HTTPStatus.BAD_REQUEST: Refused("unreadable", "the model's server refused the photo (HTTP 400)"),
        HTTPStatus.UNAUTHORIZED: Misconfigured("vllm-unauthorized", "the vLLM server does not take our key (HTTP 401)"),
        HTTPStatus.FORBIDDEN: Misconfigured("vllm-unauthorized", "the vLLM server does not take our key (HTTP 403)"),
        HTTPStatus.NOT_FOUND: Misconfigured("vllm-no-model", "the vLLM server has no such model (HTTP 404)"),
        HTTPStatus.TOO_MANY_REQUESTS: Later("vllm-busy", "the vLLM server is full (HTTP 429)"),
        HTTPStatus.BAD_GATEWAY: Later("vllm-down", "the vLLM server is down (HTTP 502)"),
        HTTPStatus.SERVICE_UNAVAILABLE: Later("vllm-busy", "the vLLM server is full or down (HTTP 503)"),
        HTTPStatus.GATEWAY_TIMEOUT: Later("vllm-down", "the vLLM server is down (HTTP 504)"),
    }
)


@dataclass(frozen=True, slots=True)
class HunyuanConfig:
    """Where vLLM is and how it is asked."""

    url: str = "http://127.0.0.1:8100"
    key: SecretStr | None = None
    model: str = MODEL
    #: What the server was started with: it does not tell.
    revision: str = REVISION
    timeout_s: float = 60.0
    sampling: Sampling = field(default_factory=Sampling)
    #: A looping or senseless answer is asked for again at each of these in turn.
    temperatures: tuple[float, ...] = (0.2, 0.5)
    max_pixels: int = MAX_PIXELS
    #: Off: what helps the CPU engine was never measured to help this one.
    lift_contrast: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """The JPEG to send, and its width and height, padding included, in px of the upright original."""

    jpeg: bytes = field(repr=False)
    scale: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Raw:
    """The best answer, and the scale of its boxes."""

    answer: ParsedAnswer
    scale: tuple[float, float]


class HunyuanEngine:
    """One vLLM server. Safe for any number of tasks of one event loop; nothing is kept from one photo to the next."""

    def __init__(
        self,
        config: HunyuanConfig,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._clock = clock
        self._version: str | None = None
        self._asked_at = -math.inf
        self._client = httpx.AsyncClient(
            base_url=config.url,
            headers={"Authorization": f"Bearer {config.key.get_secret_value()}"} if config.key else {},
            timeout=httpx.Timeout(None, connect=min(_CONNECT_S, config.timeout_s)),
            transport=transport or Connections(keep_alive_s=_KEEP_ALIVE_S),
            trust_env=False,
        )

    @property
    def info(self) -> EngineInfo:
        """Model, revision and vLLM's version, as they were for the photo read last."""
        release = self._version or "unknown"
        return EngineInfo(name="hunyuan", model=self._config.model, revision=f"{self._config.revision} vllm-{release}")

    def prepare(self, photo: DecodedPhoto) -> Prepared:
        """Scale to the pixels the model is given, widen strips, and save as JPEG without any metadata."""
        pixels = _fitted(photo.pixels(), self._config.max_pixels)
        height, width = pixels.shape[:2]
        if self._config.lift_contrast:
            pixels = lift_contrast(pixels)[0]
        padded = pad_strip(pixels, _MOST_ASPECT, _WHITE)
        _, jpeg = cv2.imencode(
            ".jpg", cv2.cvtColor(padded, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY)
        )
        scale = (photo.width * padded.shape[1] / width, photo.height * padded.shape[0] / height)
        return Prepared(jpeg.tobytes(), scale)

    async def recognize(self, prepared: Prepared) -> Raw | Refused | Later | Misconfigured:
        """Ask; ask again, a little less strictly, while the answer makes no sense; keep the one with most lines."""
        unfit = await self._check_version()
        if unfit is not None:
            return unfit
        best: ParsedAnswer | None = None
        for seed, temperature in enumerate((0.0, *self._config.temperatures)):
            answer = await self._ask(prepared.jpeg, temperature, seed)
            if not isinstance(answer, ParsedAnswer):
                # A server that fails now may well have given something before.
                return answer if best is None else Raw(best, prepared.scale)
            if best is None or not answer.astray or len(answer.lines) > len(best.lines):
                best = answer
            if not answer.astray:
                break
        assert best is not None  # noqa: S101 - there is always a first temperature
        return Raw(best, prepared.scale)

    def finish(self, raw: Raw, photo: DecodedPhoto) -> Lines:
        """Map the boxes to the upright original."""
        size = (photo.width, photo.height)
        return Lines(
            tuple(
                TextLine(text=line.text, bbox=to_pixels(line.box, raw.scale, size), score=line.score)
                for line in raw.answer.lines
            ),
            flaws=frozenset({"cut_off"} if raw.answer.cut_off else ()),
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def _check_version(self) -> Later | Misconfigured | None:
        """Learn vLLM's version now and then; one that mixes photos must never be sent any."""
        if self._clock() - self._asked_at < _VERSION_S:
            return None
        asked_at = self._clock()
        answer = await self._send("GET", "/version")
        if isinstance(answer, Later | Misconfigured):
            return answer
        untold = Misconfigured("vllm-unknown", "the server does not tell its version; is it a vLLM server?")
        if isinstance(answer, Refused):
            return untold
        try:
            version = Release.model_validate_json(answer.content).version
        except ValidationError:
            return untold
        unfit = check_vllm(version)
        if unfit is None:
            self._version, self._asked_at = version, asked_at
        return unfit

    async def _ask(self, jpeg: bytes, temperature: float, seed: int) -> ParsedAnswer | Refused | Later | Misconfigured:
        config = self._config
        body = chat_request(jpeg, config.model, config.sampling, temperature=temperature, seed=seed)
        answer = await self._send("POST", "/v1/chat/completions", body)
        if not isinstance(answer, httpx.Response):
            return answer
        try:
            choice = ChatAnswer.model_validate_json(answer.content).choices[0]
        except ValidationError as error:
            faults = f"{error.error_count()} faults"
            return Later("vllm-bad-answer", f"the vLLM server's answer is no chat completion ({faults})", tries=_TRIES)
        if choice.finish_reason in {"abort", "error"}:
            return Later("vllm-failed", f"the vLLM server gave up ({choice.finish_reason})", tries=_TRIES)
        return _judged(choice)

    async def _send(
        self, method: str, path: str, body: object = None
    ) -> httpx.Response | Refused | Later | Misconfigured:
        try:
            async with asyncio.timeout(self._config.timeout_s):
                answer = await self._client.request(method, path, json=body)
        except TimeoutError:
            return Later("vllm-timeout", f"the vLLM server took over {self._config.timeout_s:g} s", tries=_TRIES)
        except httpx.HTTPError as error:
            # Another one may be there in a moment. What was read meanwhile is still of this version.
            self._asked_at = -math.inf
            return Later("vllm-unreachable", f"no answer from the vLLM server ({type(error).__name__})")
        if answer.status_code == HTTPStatus.OK:
            return answer
        failed = Later("vllm-failed", f"the vLLM server failed (HTTP {answer.status_code})", tries=_TRIES)
        return _OUTCOMES.get(answer.status_code, failed)


def _judged(choice: Choice) -> ParsedAnswer:
    tokens = [Token(token.token, token.logprob) for token in choice.logprobs.content]
    return judge_answer(choice.message.content or "", tokens, choice.finish_reason)


def _fitted(pixels: Pixels, max_pixels: int) -> Pixels:
    height, width = pixels.shape[:2]
    ratio = (max_pixels / (height * width)) ** 0.5
    if ratio >= 1:
        return pixels
    size = (max(1, int(width * ratio)), max(1, int(height * ratio)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
