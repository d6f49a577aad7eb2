"""PaddleOCR-VL as an engine: its sizes, its request and its answers, on a vLLM server."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import httpx
import numpy as np

from ocr_worker.engines.paddle_vl.chat import Sampling, chat_request
from ocr_worker.engines.paddle_vl.serve import MAX_PIXELS, MODEL
from ocr_worker.engines.paddle_vl.spotting import judge_answer
from ocr_worker.engines.vllm.canary import Canary
from ocr_worker.engines.vllm.engine import ReadingModel, VllmConfig, VllmEngine, at_most
from ocr_worker.images.decode import Pixels

#: A photo smaller than this in both directions is enlarged twofold before it is read (the model card's own example).
_SMALL = 1500


@dataclass(frozen=True, slots=True)
class PaddleVlConfig(VllmConfig):
    """Where the server is, and what may differ in how the model is used."""

    model: str = MODEL
    #: Commit of the weights that the server was started with; the server does not say it.
    revision: str = "unknown"
    sampling: Sampling = field(default_factory=Sampling)


class PaddleVlEngine(VllmEngine):
    """PaddleOCR-VL on one vLLM server."""

    def __init__(
        self,
        config: PaddleVlConfig,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        canary: Canary | None = None,
    ) -> None:
        def request(jpeg: bytes, temperature: float, seed: int) -> dict[str, object]:
            return chat_request(jpeg, config.model, config.sampling, temperature=temperature, seed=seed)

        model = ReadingModel("paddle-vl", config.model, config.revision, fitted, request, judge_answer)
        super().__init__(model, config, transport, clock=clock, canary=canary)


def fitted(pixels: Pixels) -> Pixels:
    """Enlarge a small picture twofold, then scale it down to the pixels that the model takes."""
    height, width = pixels.shape[:2]
    if width < _SMALL and height < _SMALL:
        enlarged = cv2.resize(pixels, (2 * width, 2 * height), interpolation=cv2.INTER_LANCZOS4)
        pixels = np.asarray(enlarged, dtype=np.uint8)
    return at_most(pixels, MAX_PIXELS)
