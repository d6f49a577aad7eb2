"""
An engine that reads with a vision-language model on a vLLM server. A `ReadingModel` describes the model.

Sends a photo only to a server that has been shown to keep photos apart (`canary.py`).
"""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

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

#: The preprocessor rejects pictures over 200 times as long as wide. In 2 MP even shorter strips are illegible.
_MOST_ASPECT = 20
_JPEG_QUALITY = 95
_WHITE = (255, 255, 255)
#: Seconds between two requests for vLLM's version, which results and messages contain.
_VERSION_S = 30.0


class BuildRequest(Protocol):
    """Builds the JSON body of a request from a JPEG."""

    def __call__(self, jpeg: bytes, *, temperature: float, seed: int) -> dict[str, Any]:
        """Return the body."""


@dataclass(frozen=True, slots=True)
class ReadingModel:
    """What differs between models: the picture size, the request, and the notation of the output."""

    #: Name of the engine, name of the model, and the commit of the weights that the server was started with.
    engine: str
    name: str
    revision: str
    #: Scales the upright picture for the model.
    fit: Callable[[Pixels], Pixels]
    request: BuildRequest
    #: Parses and judges the output, from its text, its tokens and the reason why it ended.
    parse: Callable[[str, Sequence[Token], str | None], ParsedAnswer]


@dataclass(frozen=True, slots=True)
class VllmConfig(ABC):
    """The server's address and the options that all models share. Each model has a subclass."""

    url: str = "http://127.0.0.1:8100"
    key: SecretStr | None = None
    timeout_s: float = 60.0
    #: A looping or senseless output is requested again at each of these temperatures in turn.
    temperatures: tuple[float, ...] = (0.2, 0.5)

    @abstractmethod
    def reading_model(self) -> ReadingModel:
        """Describe the model to the engine."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The JPEG to send, and its width and height (with padding) in px of the upright original."""

    jpeg: bytes = field(repr=False)
    scale: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Raw:
    """The best output, and the scale of its boxes."""

    answer: ParsedAnswer
    scale: tuple[float, float]


class VllmEngine:
    """A model on one vLLM server. Safe for any number of tasks of one event loop; keeps nothing of a photo."""

    def __init__(
        self,
        config: VllmConfig,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        canary: Canary | None = None,
    ) -> None:
        self._model, self._config, self._clock = config.reading_model(), config, clock
        self._version, self._version_due = "unknown", -math.inf
        self._client = VllmClient(config.url, config.key, config.timeout_s, transport)
        self._canary = canary or Canary(clock=clock)

    @property
    def info(self) -> EngineInfo:
        """Model, revision and vLLM's version, as of the last photo."""
        model = self._model
        return EngineInfo(name=model.engine, model=model.name, revision=f"{model.revision} vllm-{self._version}")

    def prepare(self, photo: DecodedPhoto) -> Prepared:
        """Scale the photo for the model, pad strips, and encode it as JPEG without metadata."""
        pixels = self._model.fit(photo.pixels())
        height, width = pixels.shape[:2]
        padded = pad_strip(pixels, _MOST_ASPECT, _WHITE)
        _, jpeg = cv2.imencode(
            ".jpg", cv2.cvtColor(padded, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY)
        )
        scale = (photo.width * padded.shape[1] / width, photo.height * padded.shape[0] / height)
        return Prepared(jpeg.tobytes(), scale)

    async def recognize(self, prepared: Prepared) -> Raw | Refused | Later | Misconfigured:
        """Read; while the output makes no sense, read again at higher temperatures. Return the one with most lines."""
        unfit = await self._check_server()
        if unfit is not None:
            return unfit
        best: ParsedAnswer | None = None
        for seed, temperature in enumerate((0.0, *self._config.temperatures)):
            answer = await self._ask(prepared.jpeg, temperature, seed)
            if not isinstance(answer, ParsedAnswer):
                # The server fails now, but an earlier try may have returned lines.
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
        """Refresh the server's version, and check that the server keeps photos apart."""
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
        body = self._model.request(jpeg, temperature=temperature, seed=seed)
        choice = await self._client.complete(body)
        if isinstance(choice, Later) and choice.reason == UNREACHABLE:
            # The next request may reach another server. Photos in progress still belong to this version.
            self._version_due = -math.inf
            self._canary.distrust()
        if not isinstance(choice, Choice):
            return choice
        tokens = [Token(token.token, token.logprob) for token in choice.logprobs.content]
        return self._model.parse(choice.message.content or "", tokens, choice.finish_reason)


def at_most(pixels: Pixels, max_pixels: int) -> Pixels:
    """Scale a picture down to at most `max_pixels`; keeps the aspect ratio."""
    height, width = pixels.shape[:2]
    ratio = (max_pixels / (height * width)) ** 0.5
    if ratio >= 1:
        return pixels
    size = (max(1, int(width * ratio)), max(1, int(height * ratio)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
