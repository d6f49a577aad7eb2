"""
An engine that reads with a vision-language model on a vLLM server. What differs between models is a `ReadingModel`.

Sends a photo only to a server that has proven to keep photos apart (`canary.py`).
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import httpx
import numpy as np
from pydantic import SecretStr

from ocr_worker.engines.protocol import Lines
from ocr_worker.engines.vllm.canary import Canary
from ocr_worker.engines.vllm.chat import Choice
from ocr_worker.engines.vllm.client import UNREACHABLE, VllmClient
from ocr_worker.engines.vllm.lines import ParsedAnswer, to_pixels
from ocr_worker.engines.vllm.releases import ADVICE, fault_of
from ocr_worker.engines.vllm.scores import Token
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
class VllmConfig:
    """Where the server is and how it is used."""

    url: str = "http://127.0.0.1:8100"
    key: SecretStr | None = None
    timeout_s: float = 60.0
    #: A looping or senseless answer is requested again at each of these in turn.
    temperatures: tuple[float, ...] = (0.2, 0.5)


@dataclass(frozen=True, slots=True)
class ReadingModel:
    """What differs between models: how a photo is sized, what the request says, what the answer means."""

    #: Name of the engine, of the model, and the commit of its weights as the server was started with it.
    engine: str
    name: str
    revision: str
    #: Sizes the upright picture for the model.
    fit: Callable[[Pixels], Pixels]
    #: Builds the request from the JPEG, a temperature and a seed.
    request: Callable[[bytes, float, int], dict[str, Any]]
    #: Reads and judges the answer's text, by its tokens and the reason why it ended.
    parse: Callable[[str, Sequence[Token], str | None], ParsedAnswer]


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


class VllmEngine:
    """A model on one vLLM server. Safe for any number of tasks of one event loop; keeps nothing between photos."""

    def __init__(
        self,
        model: ReadingModel,
        config: VllmConfig,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        canary: Canary | None = None,
    ) -> None:
        self._model, self._config, self._clock = model, config, clock
        self._version, self._version_due = "unknown", -math.inf
        self._client = VllmClient(config.url, config.key, config.timeout_s, transport)
        self._canary = canary or Canary(clock=clock)

    @property
    def info(self) -> EngineInfo:
        """Model, revision and vLLM's version, as they were for the photo read last."""
        model = self._model
        return EngineInfo(name=model.engine, model=model.name, revision=f"{model.revision} vllm-{self._version}")

    def prepare(self, photo: DecodedPhoto) -> Prepared:
        """Size the photo for the model, widen strips, and save it as JPEG without any metadata."""
        pixels = self._model.fit(photo.pixels())
        height, width = pixels.shape[:2]
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
        body = self._model.request(jpeg, temperature, seed)
        choice = await self._client.complete(body)
        if isinstance(choice, Later) and choice.reason == UNREACHABLE:
            # Another server may answer next. A photo that is being read meanwhile is still this version's.
            self._version_due = -math.inf
            self._canary.distrust()
        if not isinstance(choice, Choice):
            return choice
        tokens = [Token(token.token, token.logprob) for token in choice.logprobs.content]
        return self._model.parse(choice.message.content or "", tokens, choice.finish_reason)


def at_most(pixels: Pixels, max_pixels: int) -> Pixels:
    """Scale a picture down to at most `max_pixels`, keeping its shape."""
    height, width = pixels.shape[:2]
    ratio = (max_pixels / (height * width)) ** 0.5
    if ratio >= 1:
        return pixels
    size = (max(1, int(width * ratio)), max(1, int(height * ratio)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
