"""PaddleOCR-VL as a reading model on a vLLM server: its picture size, its request and its output."""

from dataclasses import dataclass, field
from functools import partial

import cv2
import numpy as np

from ocr_worker.engines.paddle_vl.chat import Sampling, chat_request
from ocr_worker.engines.paddle_vl.serve import MAX_PIXELS, MODEL
from ocr_worker.engines.paddle_vl.spotting import judge_answer
from ocr_worker.engines.vllm.engine import ReadingModel, VllmConfig, at_most
from ocr_worker.images.decode import Pixels

#: Photos smaller than this in both directions are enlarged twofold first (as in the model card's example).
_SMALL = 1500


@dataclass(frozen=True, slots=True)
class PaddleVlConfig(VllmConfig):
    """The server's address, and options of the model. Pass it to `VllmEngine`."""

    model: str = MODEL
    #: Commit of the weights that the server was started with; the server does not report it.
    revision: str = "unknown"
    sampling: Sampling = field(default_factory=Sampling)

    def reading_model(self) -> ReadingModel:
        """Describe the model to the engine."""
        return ReadingModel(
            engine="paddle-vl",
            name=self.model,
            revision=self.revision,
            fit=fitted,
            request=partial(chat_request, model=self.model, sampling=self.sampling),
            parse=judge_answer,
        )


def fitted(pixels: Pixels) -> Pixels:
    """Enlarge a small picture twofold; then scale it down to at most `MAX_PIXELS`."""
    height, width = pixels.shape[:2]
    if width < _SMALL and height < _SMALL:
        enlarged = cv2.resize(pixels, (2 * width, 2 * height), interpolation=cv2.INTER_LANCZOS4)
        pixels = np.asarray(enlarged, dtype=np.uint8)
    return at_most(pixels, MAX_PIXELS)
