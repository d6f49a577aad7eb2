"""HunyuanOCR as a reading model on a vLLM server: its picture size, its request and its output."""

from dataclasses import dataclass, field
from functools import partial

from ocr_worker.engines.hunyuan.chat import Sampling, chat_request
from ocr_worker.engines.hunyuan.parse import judge_answer
from ocr_worker.engines.hunyuan.serve import MAX_PIXELS, MODEL, REVISION
from ocr_worker.engines.vllm.engine import ReadingModel, VllmConfig, at_most


@dataclass(frozen=True, slots=True)
class HunyuanConfig(VllmConfig):
    """The server's address, and options of the model. Pass it to `VllmEngine`."""

    model: str = MODEL
    #: Commit of the weights that the server was started with; the server does not report it.
    revision: str = REVISION
    sampling: Sampling = field(default_factory=Sampling)
    max_pixels: int = MAX_PIXELS

    def reading_model(self) -> ReadingModel:
        """Describe the model to the engine."""
        return ReadingModel(
            engine="hunyuan",
            name=self.model,
            revision=self.revision,
            fit=partial(at_most, max_pixels=self.max_pixels),
            request=partial(chat_request, model=self.model, sampling=self.sampling),
            parse=judge_answer,
        )
