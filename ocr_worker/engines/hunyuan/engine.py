"""
The GPU engine: HunyuanOCR behind a vLLM server's OpenAI API.

`chat.py` builds the request, `parse.py` reads the answer, `vllm/` speaks to the server and proves it.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import httpx
import numpy as np
from pydantic import SecretStr

from ocr_worker.engines.hunyuan.chat import Sampling, chat_request
from ocr_worker.engines.hunyuan.parse import ParsedAnswer, judge_answer, to_pixels
from ocr_worker.engines.hunyuan.serve import MAX_PIXELS, MODEL, REVISION
from ocr_worker.engines.protocol import Lines
from ocr_worker.engines.vllm.canary import Canary
from ocr_worker.engines.vllm.chat import Choice
from ocr_worker.engines.vllm.client import UNREACHABLE, VllmClient
from ocr_worker.engines.vllm.releases import ADVICE, fault_of
from ocr_worker.engines.vllm.scores import Token
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
#: vLLM's version, for results and messages, is read again after this many seconds.
_VERSION_S = 30.0


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
        canary: Canary | None = None,
    ) -> None:
        self._config, self._clock = config, clock
        self._version, self._version_due = "unknown", -math.inf
        self._client = VllmClient(config.url, config.key, config.timeout_s, transport)
        self._canary = canary or Canary(clock=clock)

    @property
    def info(self) -> EngineInfo:
        """Model, revision and vLLM's version, as they were for the photo read last."""
        return EngineInfo(
            name="hunyuan", model=self._config.model, revision=f"{self._config.revision} vllm-{self._version}"
        )

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
        unfit = await self._check_server()
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
        await self._canary.aclose()
        await self._client.aclose()

    async def _check_server(self) -> Later | Misconfigured | None:
        """Learn the server's version now and then, and have it prove that it keeps photos apart."""
        if self._clock() >= self._version_due:
            asked_at = self._clock()
            version = await self._client.version()
            if not isinstance(version, str):
                return version
            if version != self._version:
                self._canary.distrust()
            self._version, self._version_due = version, asked_at + _VERSION_S
        fault = fault_of(self._version)
        hint = f"{fault}; {ADVICE}" if fault else ADVICE
        return await self._canary.check(self._read_text, hint)

    async def _read_text(self, jpeg: bytes) -> str | Refused | Later | Misconfigured:
        answer = await self._ask(jpeg, 0.0, 0)
        return "\n".join(line.text for line in answer.lines) if isinstance(answer, ParsedAnswer) else answer

    async def _ask(self, jpeg: bytes, temperature: float, seed: int) -> ParsedAnswer | Refused | Later | Misconfigured:
        config = self._config
        body = chat_request(jpeg, config.model, config.sampling, temperature=temperature, seed=seed)
        choice = await self._client.complete(body)
        if isinstance(choice, Later) and choice.reason == UNREACHABLE:
            # Another server may answer next. A photo that is being read meanwhile is still this version's.
            self._version_due = -math.inf
            self._canary.distrust()
        return _judged(choice) if isinstance(choice, Choice) else choice


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
