"""HunyuanOCR as an engine: its sizes, its request and its answers, on a vLLM server."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import httpx

from ocr_worker.engines.hunyuan.chat import Sampling, chat_request
from ocr_worker.engines.hunyuan.parse import judge_answer
from ocr_worker.engines.hunyuan.serve import MAX_PIXELS, MODEL, REVISION
from ocr_worker.engines.vllm.canary import Canary
from ocr_worker.engines.vllm.engine import ReadingModel, VllmConfig, VllmEngine, at_most


@dataclass(frozen=True, slots=True)
class HunyuanConfig(VllmConfig):
    """Where the server is, and what may differ in how the model is used."""

    model: str = MODEL
    #: Commit of the weights that the server was started with; the server does not say it.
    revision: str = REVISION
    sampling: Sampling = field(default_factory=Sampling)
    max_pixels: int = MAX_PIXELS


class HunyuanEngine(VllmEngine):
    """HunyuanOCR on one vLLM server."""

    def __init__(
        self,
        config: HunyuanConfig,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        canary: Canary | None = None,
    ) -> None:
        def request(jpeg: bytes, temperature: float, seed: int) -> dict[str, object]:
            return chat_request(jpeg, config.model, config.sampling, temperature=temperature, seed=seed)

        fit = partial(at_most, max_pixels=config.max_pixels)
        model = ReadingModel("hunyuan", config.model, config.revision, fit, request, judge_answer)
        super().__init__(model, config, transport, clock=clock, canary=canary)
