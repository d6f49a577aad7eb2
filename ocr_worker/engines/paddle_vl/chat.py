"""
Builds the request for PaddleOCR-VL on a vLLM server's OpenAI API. Pure.

The image comes before the text, and the prompt is the name of the task (model card; vLLM's recipe for the model).
"""

from dataclasses import dataclass
from typing import Any

from ocr_worker.engines.vllm.chat import image_url

#: The task that returns lines with their places. `OCR:` and `Table Recognition:` return text without places.
PROMPT = "Spotting:"


@dataclass(frozen=True, slots=True)
class Sampling:
    """Sampling parameters. All are sent, because vLLM takes missing ones from the model's own defaults."""

    #: Enough for a full page of print.
    max_tokens: int = 4096
    #: vLLM ends the output when 2 to 128 tokens repeat this often in a row.
    loop_count: int = 8


def chat_request(
    jpeg: bytes, model: str, sampling: Sampling, *, temperature: float = 0.0, seed: int = 0
) -> dict[str, Any]:
    """Build the JSON body of POST /v1/chat/completions. At temperature 0 the output is the most likely one."""
    content = [{"type": "image_url", "image_url": {"url": image_url(jpeg)}}, {"type": "text", "text": PROMPT}]
    return {
        "model": model,
        "messages": [{"role": "user", "content": content}],
        "max_tokens": sampling.max_tokens,
        "temperature": temperature,
        "top_p": 1.0,
        "top_k": -1,
        "seed": seed,
        "repetition_detection": {
            "min_pattern_size": 2,
            "max_pattern_size": 128,
            "min_count": sampling.loop_count,
        },
        # Places are special tokens: without them only the text would remain.
        "skip_special_tokens": False,
        "logprobs": True,
        "top_logprobs": 0,
    }
